"""Files and playlists over HTTP whose bytes are on another host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from compat_rest.files import CHUNK_BYTES
from compat_rest.hls import FOOTAGE_AWAY
from media.store import CameraFolder
from models.camera import Camera
from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_for, client_of, served
from tests.far import Host, asking, host, register
from tests.footage import INIT, lay_down, segment, summarise
from tests.world import add_camera, add_events, beginning, token

NOON = 1_780_056_000_000_000
SECOND = 1_000_000
PLACE = "/v2/hls/cam-a/2026-05-29/12"
FILE = f"{PLACE}/120000_000.m4s"
CONTENT = bytes(n % 251 for n in range(3 * CHUNK_BYTES + 1))


@dataclass
class Elsewhere:
    """A camera whose one segment is on another host; `world` is the API process's."""

    world: World
    there: Host
    camera: Camera

    def url(self, path: str = FILE) -> str:
        joint = "&" if "?" in path else "?"
        return f"{path}{joint}store={self.there.world.store.store_id}"


@pytest.fixture
async def elsewhere(world: World, tmp_path: Path) -> AsyncIterator[Elsewhere]:
    async with host(world, tmp_path / "elsewhere") as there, asking(world) as asks:
        camera = await add_camera(world, "cam-a")
        part = [segment(NOON, 0)]
        hour = lay_down(there.world, camera, part)
        folder = CameraFolder(camera.tenant_id, camera.folder)
        (there.world.store.hour_path(folder, hour) / part[0].name).write_bytes(CONTENT)
        await summarise(there.world, camera, part)
        yield Elsewhere(asks, there, camera)


async def test_a_file_is_answered_as_if_it_were_here(elsewhere: Elsewhere) -> None:
    async with client_of(elsewhere.world) as client:
        for url in (FILE, elsewhere.url()):
            whole = await client.get(url)
            assert (whole.status_code, whole.content) == (200, CONTENT)
            kept = {name: whole.headers[name] for name in ("cache-control", "vary", "etag")}
            assert kept["cache-control"] == "private, max-age=3600, immutable"
            assert whole.headers["content-type"] == "video/iso.segment"
            assert whole.headers["accept-ranges"] == "bytes"
            part = await client.get(url, headers={"Range": "bytes=-5"})
            assert (part.status_code, part.content) == (206, CONTENT[-5:])
            assert part.headers["content-range"].endswith(f"/{len(CONTENT)}")
            stale = await client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"x"'})
            assert (stale.status_code, len(stale.content)) == (200, len(CONTENT))
            known = await client.get(url, headers={"If-None-Match": kept["etag"]})
            assert (known.status_code, known.content) == (304, b"")
            beyond = await client.get(url, headers={"Range": f"bytes={len(CONTENT)}-"})
            assert (beyond.status_code, beyond.headers["content-type"]) == (416, PROBLEM)
            assert beyond.json()["code"] == "RANGE_NOT_SATISFIABLE"
    async with served(elsewhere.world) as server, httpx.AsyncClient(base_url=server.base) as player:
        head = await player.head(f"{FILE}?token={token()}")
        assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")
        again = await player.get(f"{FILE}?token={token()}")  # the connection is still in step
        assert again.content == CONTENT


async def test_a_playlist_says_which_store_has_each_file(elsewhere: Elsewhere) -> None:
    async with client_of(elsewhere.world) as client:
        text = (await client.get(f"{PLACE}/index.m3u8")).text
    (address,) = [line for line in text.splitlines() if line.startswith("/")]
    assert address.startswith(f"{FILE}?store={elsewhere.there.world.store.store_id.hex}&grant=")
    async with client_of(elsewhere.world, "") as player:
        assert (await player.get(address)).content == CONTENT


async def test_while_the_worker_is_away_a_player_is_told_to_come_back(
    elsewhere: Elsewhere,
) -> None:
    event = beginning(elsewhere.camera.key, NOON + SECOND, position=90_000)
    await add_events(elsewhere.world, elsewhere.camera, [event])
    await elsewhere.there.stop()
    async with client_of(elsewhere.world) as client:
        for url in (
            FILE,
            elsewhere.url(),
            elsewhere.url(f"{PLACE}/{INIT}"),
            f"{PLACE}/index.m3u8",
            f"/v2/hls/cam-a/index.m3u8?from_us={NOON}&to_us={NOON + SECOND}",
            f"/v2/api/playback/event/{event.event_id}",
        ):
            answer = await client.get(url)
            assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM), url
            assert answer.json()["code"] == "FOOTAGE_AWAY"
            assert answer.json()["detail"] == "the worker that holds this footage is not reachable"
            assert answer.headers["retry-after"] == "5"
            assert "127.0.0.1" not in answer.text


async def test_a_playlist_with_a_part_missing_says_which_time_it_is(elsewhere: Elsewhere) -> None:
    part = [segment(NOON + 10 * SECOND, 400_000_000)]
    lay_down(elsewhere.world, elsewhere.camera, part)
    await summarise(elsewhere.world, elsewhere.camera, part)
    async with client_of(elsewhere.world) as client:
        whole = await client.get(f"{PLACE}/index.m3u8")
        assert FOOTAGE_AWAY not in whole.headers
        await elsewhere.there.stop()
        rest = await client.get(f"{PLACE}/index.m3u8")
    assert rest.headers[FOOTAGE_AWAY] == "2026-05-29T12:00:00.000Z/2026-05-29T12:00:04.000Z"
    assert (whole.text.count("#EXTINF"), rest.text.count("#EXTINF")) == (2, 1)


async def test_a_file_that_breaks_off_ends_the_connection(elsewhere: Elsewhere) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    await elsewhere.there.stop()
    async with (
        await asyncio.start_server(break_off, "127.0.0.1", 0) as worker,
        served(elsewhere.world) as server,
    ):
        port = worker.sockets[0].getsockname()[1]
        await register(elsewhere.there.world, f"http://127.0.0.1:{port}")
        status, answer = await server.get_raw(FILE, token())
    assert (status, answer.endswith(b"0123456789")) == (200, True)


@pytest.mark.parametrize("store", ["", "x", "../..", "%00", "0" * 33])
async def test_a_store_that_is_none_is_not_found(elsewhere: Elsewhere, store: str) -> None:
    async with client_of(elsewhere.world) as client:
        answer = await client.get(f"{FILE}?store={store}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("position", ["-1", "x", "1" + "0" * 18])
async def test_a_place_that_is_none_is_named(elsewhere: Elsewhere, position: str) -> None:
    async with client_of(elsewhere.world) as client:
        answer = await client.get(f"{PLACE}/index.m3u8?from_position={position}")
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["from_position"]


async def test_another_tenant_gets_nothing_from_there(elsewhere: Elsewhere) -> None:
    await add_camera(elsewhere.world, "cam-a", "acme")
    async with client_for(elsewhere.world, "acme") as client:
        for url in (FILE, elsewhere.url(), f"{PLACE}/index.m3u8"):
            assert (await client.get(url)).status_code == 404
