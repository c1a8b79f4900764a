"""One camera's footage on two workers' disks, neither of which the API process shares."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import av
import httpx
import pytest

from compat_rest.hls import FOOTAGE_AWAY
from media.playlist import Segment
from media.simulator.server import Simulator
from media.store import CameraFolder, Hour, RecordingStore
from models.base import select
from models.camera import Camera, CameraTable
from resolvers.context import World
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.scenarios.playing import (
    ANYWHERE,
    ended_copy,
    ffmpeg_frame_number,
    has_ffmpeg,
    libav_frame_number,
)
from tests.servers import Valkey
from tests.vms_processes import Fleet, VmsProcess, fleet, installation
from tests.world import add_events, beginning, found, open_world, token

CLIP = Encoding(fps=25, gop=25)
FRAME_TICKS = 3600
FRAMES_IN = 30
"""An event's frame: so many into its segment."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment on a worker's disk, and what its file and its init segment hold."""

    hour: Hour
    segment: Segment
    init: bytes
    media: bytes

    def numbers(self) -> list[int]:
        with av.open(io.BytesIO(self.init + self.media), "r") as container:
            return [read_frame_number(frame) for frame in container.decode(video=0)]


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation: an API process and a worker `one`; `rows` is its database."""

    fleet: Fleet
    api: httpx.AsyncClient
    one: VmsProcess
    rows: World
    folder: Path

    @property
    def base(self) -> str:
        return str(self.api.base_url).rstrip("/")


@pytest.fixture
async def site(
    tmp_path: Path, valkey: Valkey, empty_database: str, simulator: Simulator
) -> AsyncIterator[Site]:
    await found(empty_database)
    settings = installation(empty_database, valkey.url)
    headers = {"Authorization": f"Bearer {token()}"}
    async with fleet(tmp_path, settings) as running, open_world(empty_database, tmp_path) as rows:
        api, one = await asyncio.gather(running.start("api", "api"), running.start("worker", "one"))
        base = f"http://{api.address}"
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=20) as client:
            for name in ("cam-a", "cam-b"):
                body = {"id": name, "name": name, "rtsp_url": simulator.url(name)}
                assert (await client.post("/v2/api/cameras", json=body)).status_code == 201
            yield Site(running, client, one, rows, tmp_path)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    clip = frame_coded(1500, CLIP)
    async with Simulator() as running:
        for name in ("cam-a", "cam-b"):
            running.add(name, clip)
        yield running


async def until(holds: Callable[[], bool], seconds: float, process: VmsProcess) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(process.log) from None


def stored(process: VmsProcess, camera: Camera) -> list[Stored]:
    """What the worker's disk has of a camera, in order."""
    store = RecordingStore(process.data_dir / "recordings")
    folder = CameraFolder(camera.tenant_id, camera.folder)
    return list(_stored(store, folder))


def _stored(store: RecordingStore, folder: CameraFolder) -> Iterator[Stored]:
    for date in store.dates(folder):
        for hour in store.hours(folder, date):
            place = store.hour_path(folder, hour)
            for each in store.playlist(folder, hour).segments:
                media, init = place / each.name, place / each.init
                yield Stored(hour, each, init.read_bytes(), media.read_bytes())


async def cameras(site: Site) -> list[Camera]:
    return await select(CameraTable.within("default").order_by("slug"), Camera)


async def playlist_of(site: Site, camera: Camera, parts: list[Stored]) -> httpx.Response:
    """One playlist over all that there is, even if the hour turned meanwhile."""
    query = """query($id: ID!, $from: DateTime!, $to: DateTime!) {
      camera(id: $id) { playback(from: $from, to: $to) { playlistUrl } } }"""
    first = min(part.segment.start_us for part in parts)
    last = max(part.segment.end_us for part in parts)
    answer = await site.api.post(
        "/graphql",
        json={
            "query": query,
            "variables": {"id": camera.slug, "from": iso(first), "to": iso(last)},
        },
    )
    assert "errors" not in answer.json(), answer.text
    return await site.api.get(answer.json()["data"]["camera"]["playback"]["playlistUrl"])


def iso(at_us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return moment.isoformat(timespec="microseconds")


async def hour_playlists(site: Site, camera: Camera, parts: list[Stored]) -> list[str]:
    hours = sorted({part.hour for part in parts})
    found = [await site.api.get(f"/v2/hls/{camera.slug}/{hour}/index.m3u8") for hour in hours]
    assert {each.status_code for each in found} == {200}
    return [each.text for each in found]


def addresses(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("/")]


def paths(text: str) -> list[str]:
    return [urlsplit(each).path for each in addresses(text)]


async def check_bytes(site: Site, text: str, parts: list[Stored]) -> None:
    """What a player gets is what lies on the workers' disks, whole and in part."""
    served = addresses(text)
    assert [each.rsplit("/", 1)[1] for each in paths(text)] == [each.segment.name for each in parts]
    player = {"Authorization": ""}
    for address, part in zip(served, parts, strict=True):
        whole = await site.api.get(address, headers=player)
        assert (whole.status_code, whole.content) == (200, part.media)
        some = await site.api.get(address, headers={**player, "Range": "bytes=1000-1999"})
        assert (some.status_code, some.content) == (206, part.media[1000:2000])
        known = {**player, "If-None-Match": whole.headers["etag"]}
        assert (await site.api.get(address, headers=known)).status_code == 304
    inits = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', text)
    assert {(await site.api.get(each, headers=player)).content for each in inits} == {
        part.init for part in parts
    }


def frames_in(url: str) -> list[int]:
    with av.open(url, options=ANYWHERE, timeout=20) as container:
        return [read_frame_number(frame) for frame in container.decode(video=0)]


async def add_event(site: Site, camera: Camera, part: Stored) -> str:
    """An event at a frame of a segment."""
    position = part.segment.position + FRAMES_IN * FRAME_TICKS
    event = beginning(camera.key, part.segment.at_us(position), position=position)
    await add_events(site.rows, camera, [event])
    return event.event_id


async def check_event(site: Site, event_id: str, part: Stored) -> None:
    """The event's address and offset show its very frame."""
    answer = await site.api.get(f"/v2/api/playback/event/{event_id}")
    assert answer.status_code == 200, answer.text
    place = answer.json()
    text = (await site.api.get(place["playlist_url"])).text
    url = ended_copy(text, site.base, site.folder)
    wanted = part.numbers()[FRAMES_IN]
    assert await asyncio.to_thread(libav_frame_number, url, place["offset"]) == wanted
    if has_ffmpeg():
        seek = asyncio.to_thread(ffmpeg_frame_number, url, place["offset"], site.folder)
        assert await seek == wanted


@pytest.mark.parametrize("empty_database", ["postgres"], indirect=True)
async def test_a_camera_that_moved_plays_from_both_disks_and_from_one_when_the_other_is_away(
    site: Site,
) -> None:
    one, both = site.one, await cameras(site)
    await until(lambda: all(stored(one, each) for each in both), 60, one)
    two = await site.fleet.start("worker", "two")
    await until(lambda: any(stored(two, each) for each in both), 60, two)
    (moved,) = (each for each in both if stored(two, each))
    (stayed,) = (each for each in both if each != moved)
    before, after = stored(one, moved), stored(two, moved)
    event = await check_handed_over(site, moved, before, after)
    await one.kill()
    async with asyncio.timeout(90):
        await check_rest(site, moved, before, after)
        gone = await site.api.get(f"/v2/api/playback/event/{event}")
        assert (gone.status_code, gone.json()["code"]) == (503, "FOOTAGE_AWAY")
    await check_taken_over(site, stayed, two)
    await check_removal(site, moved, [one, two])


async def check_removal(site: Site, camera: Camera, workers: list[VmsProcess]) -> None:
    """A deleted camera's footage goes from every disk."""
    assert all(stored(each, camera) for each in workers)
    gone = await site.api.delete(f"/v2/api/cameras/{camera.slug}")
    assert gone.status_code == 204
    await until(lambda: not any(stored(each, camera) for each in workers), 20, workers[0])


async def check_handed_over(
    site: Site, camera: Camera, before: list[Stored], after: list[Stored]
) -> str:
    """Positions go on without a hole, both parts are one playlist; an event of the first part."""
    assert after[0].segment.position == before[-1].segment.end_position
    text = await check_playlist(site, camera, before + after)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    hours = "".join(await hour_playlists(site, camera, before + after))
    assert paths(hours)[: len(before) + len(after)] == paths(text)
    events = [await add_event(site, camera, part) for part in (before[0], after[0])]
    await check_event(site, events[0], before[0])
    await check_event(site, events[1], after[0])
    return events[0]


async def check_taken_over(site: Site, camera: Camera, two: VmsProcess) -> None:
    """From a worker that was killed: what it knew alone has room, and moves no offset."""
    await until(lambda: bool(stored(two, camera)), 60, two)
    taken = stored(two, camera)
    event = await add_event(site, camera, taken[0])
    await check_event(site, event, taken[0])
    told = len(stored(site.one, camera))
    await site.one.start()
    await until(lambda: len(stored(site.one, camera)) > told, 60, site.one)
    began_us = taken[0].segment.start_us
    late = [each for each in stored(site.one, camera) if each.segment.start_us < began_us]
    assert len(late) > told
    assert late[-1].segment.end_position < taken[0].segment.position
    await check_playlist(site, camera, late + taken)
    await check_event(site, event, taken[0])


async def check_playlist(site: Site, camera: Camera, parts: list[Stored]) -> str:
    """One playlist of these parts: every byte and every picture."""
    async with asyncio.timeout(60):
        while FOOTAGE_AWAY in (answer := await playlist_of(site, camera, parts)).headers:
            await asyncio.sleep(0.5)
    text = answer.text
    await check_bytes(site, text, parts)
    seen = await asyncio.to_thread(frames_in, ended_copy(text, site.base, site.folder))
    assert seen == [number for part in parts for number in part.numbers()]
    return text


async def check_rest(site: Site, camera: Camera, gone: list[Stored], left: list[Stored]) -> None:
    """The part on the disk that is away is said to be missing; the other one plays."""
    answer = await playlist_of(site, camera, gone + left)
    assert answer.headers[FOOTAGE_AWAY]
    await check_bytes(site, answer.text, left)
    url = ended_copy(answer.text, site.base, site.folder)
    seen = await asyncio.to_thread(frames_in, url)
    assert seen == [number for part in left for number in part.numbers()]
    lost = await site.api.get(f"/v2/hls/{camera.slug}/{gone[0].hour}/{gone[0].segment.name}")
    assert lost.status_code == 503
    assert lost.headers["content-type"] == "application/problem+json"
    assert (lost.json()["code"], lost.headers["retry-after"]) == ("FOOTAGE_AWAY", "5")
