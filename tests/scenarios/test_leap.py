"""Offsets behind a leap of positions, where a worker died and one with another disk went on."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.playlist import LONGEST_SEGMENT_SECONDS, Segment
from media.simulator.server import Simulator
from media.store import CameraFolder, RecordingStore
from media.types import MediaChange, RunEnded, SegmentClosed
from models.camera import Camera
from resolvers import addresses, ingest, playback
from resolvers.context import World
from resolvers.positions import earliest_position
from tests.browser import browser_page, evaluated, hls_js
from tests.clips import Encoding, frame_coded
from tests.compat_rest.service import served
from tests.far import asking, host
from tests.footage import TICKS
from tests.media.recorded import NETWORKS, QUICK, SOON
from tests.scenarios.playing import (
    ended_copy,
    ffmpeg_frame_number,
    has_ffmpeg,
    libav_frame_number,
)
from tests.scenarios.test_browser_playback import PLAY, number_in, numbers
from tests.world import add_camera, add_events, beginning, context, token

FRAME_TICKS = 3600
WHOLE_SEGMENTS = 2


async def record(world: World, camera: Camera, url: str, *, dies: bool) -> list[Segment]:
    """Two segments and a bit in the world's store; a recorder that dies tells of the first alone.

    What it did not tell is on its disk all the same.
    """
    told: list[MediaChange] = []
    enough = threading.Event()

    def tell(change: MediaChange) -> None:
        told.append(change)
        if sum(isinstance(each, SegmentClosed) for each in told) >= WHOLE_SEGMENTS:
            enough.set()

    now_us = world.clock.now_us()
    key, own = camera.key, world.store.store_id
    config = CameraConfig(
        key,
        camera.tenant_id,
        camera.folder,
        url,
        from_position=await earliest_position(camera.tenant_id, key, own, now_us),
    )
    media = CameraWorld(world.store, NETWORKS, world.clock, QUICK, SOON, segment_seconds=2)
    pipeline = CameraPipeline(config, media, tell)
    pipeline.start()
    assert await asyncio.to_thread(enough.wait, 30)
    assert await asyncio.to_thread(pipeline.stop, 10)
    if dies:
        first = next(n for n, each in enumerate(told) if isinstance(each, SegmentClosed))
        told = [each for each in told[: first + 1] if not isinstance(each, RunEnded)]
    await ingest.record(world, camera.tenant_id, {key: camera.slug}, told)
    return segments(world.store, CameraFolder(camera.tenant_id, camera.folder))


def segments(store: RecordingStore, folder: CameraFolder) -> list[Segment]:
    hours = [hour for date in store.dates(folder) for hour in store.hours(folder, date)]
    return [each for hour in hours for each in store.playlist(folder, hour).segments]


async def test_an_event_behind_a_leap_shows_its_frame_in_every_player(
    world: World, tmp_path: Path
) -> None:
    camera, script = await add_camera(world), hls_js()
    async with (
        Simulator() as simulator,
        host(world, tmp_path / "elsewhere") as there,
        asking(world) as asks,
        served(asks) as server,
        browser_page() as page,
    ):
        await page.goto(f"{server.base}/v2/openapi.json")
        await page.add_script_tag(content=script)
        simulator.add("a", frame_coded(1500, Encoding(fps=25, gop=25)))
        before = await record(there.world, camera, simulator.url("a"), dies=True)
        after = await record(world, camera, simulator.url("a"), dies=False)
        assert after[0].position - before[-1].end_position > LONGEST_SEGMENT_SECONDS * TICKS

        position = after[1].position + 5 * FRAME_TICKS
        event = beginning(camera.key, after[1].at_us(position), position=position)
        await add_events(world, camera, [event])
        place = await playback.event_playback(context(asks), event.event_id)
        behind = await Viewer.of(server.base, place.playlist_url, tmp_path)
        shown = behind.frames[(position - after[0].position) // FRAME_TICKS][1]
        offset = place.offset_us / 1_000_000
        assert await asyncio.to_thread(libav_frame_number, behind.ended, offset) == shown
        if has_ffmpeg():
            seek = asyncio.to_thread(ffmpeg_frame_number, behind.ended, offset, tmp_path)
            assert await seek == shown
        seen = await evaluated(page, PLAY, [behind.url, offset])
        assert number_in(seen["png"], tmp_path) == shown

        hour_url = addresses.hour_playlist(camera.slug, str(place.hour))
        # All of the hour plays, too: FFmpeg keeps the leap, a browser adds up durations.
        hour = await Viewer.of(server.base, hour_url, tmp_path)
        assert len(hour.frames) == frames_of(before) + frames_of(after)
        leap_s = (after[0].position - before[0].position) / TICKS
        assert hour.frames[frames_of(before)][0] == pytest.approx(leap_s)
        seen = await evaluated(page, PLAY, [hour.url, frames_of(before) / 25 + offset])
        assert number_in(seen["png"], tmp_path) == shown


@dataclass(frozen=True, slots=True)
class Viewer:
    """A playlist: its address with a token, a copy that has an end, and libav's view of it."""

    url: str
    ended: str
    frames: list[tuple[float, int]]

    @classmethod
    async def of(cls, base: str, path: str, folder: Path) -> Viewer:
        url = f"{base}{path}{'&' if '?' in path else '?'}token={token()}"
        async with httpx.AsyncClient() as client:
            text = (await client.get(url)).text
        ended = ended_copy(text, base, folder)
        return cls(url, ended, await asyncio.to_thread(numbers, ended))


def frames_of(parts: list[Segment]) -> int:
    return sum(each.end_position - each.position for each in parts) // FRAME_TICKS
