from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from app.calls import CallKey
from app.footage_client import AWAY_US
from media.clock import SystemClock
from media.playlist import Playlist, dump, joined
from media.store import CameraFolder, Hour, RecordingNotFound
from resolvers.context import World
from resolvers.errors import FootageAway
from resolvers.stores import WHOLE, FarFile, FarStores, StoredHour, Wish
from tests.far import IMPATIENT, HandClock, Host, asking, host, register
from tests.footage import segment

CAMERA = CameraFolder("acme", "cam-a.01234567")
HOUR = Hour("2026-05-29", "12")
NOON = 1_780_056_000_000_000
NAME = "120000_000.m4s"
CONTENT = bytes(range(250)) * 4000
LISTED = Playlist(joined([segment(NOON, 0)]), ended=True)


@pytest.fixture
async def there(world: World, tmp_path: Path) -> AsyncIterator[Host]:
    """A worker elsewhere with an hour of footage."""
    async with host(world, tmp_path / "elsewhere") as running:
        lay(running)
        yield running


def lay(where: Host) -> None:
    folder = where.world.store.make_hour(CAMERA, HOUR)
    (folder / NAME).write_bytes(CONTENT)
    (folder / "index.m3u8").write_text(dump(LISTED))


def place(where: Host | World) -> StoredHour:
    world = where.world if isinstance(where, Host) else where
    return StoredHour(world.store.store_id, CAMERA, HOUR)


def far_of(world: World) -> FarStores:
    assert world.far is not None
    return world.far


async def body(file: FarFile) -> bytes:
    try:
        return b"".join([chunk async for chunk in file.chunks])
    finally:
        await file.close()


@asynccontextmanager
async def answering(
    world: World, answer: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[StoredHour]:
    """A worker that answers as told; where its footage would be."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        await register(world, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield place(world)


async def test_files_and_playlists_come_as_they_are_there(world: World, there: Host) -> None:
    async with asking(world) as asks:
        far = far_of(asks)
        assert await far.playlist(place(there)) == LISTED
        file = await far.open_file(place(there), NAME, WHOLE)
        assert (file.status, await body(file)) == (200, CONTENT)
        part = Wish("GET", {"range": "bytes=100-199"})
        file = await far.open_file(place(there), NAME, part)
        assert (file.status, await body(file)) == (206, CONTENT[100:200])
        assert file.headers["content-range"] == f"bytes 100-199/{len(CONTENT)}"
        known = Wish("GET", {"if-none-match": file.headers["etag"]})
        assert (await far.open_file(place(there), NAME, known)).status == 304
        head = await far.open_file(place(there), NAME, Wish("HEAD"))
        assert (head.headers["content-length"], await body(head)) == (str(len(CONTENT)), b"")
        assert await far.answers(there.world.store.store_id)


async def test_what_was_followed_in_a_run_comes_as_it_is_there(world: World, there: Host) -> None:
    run_id = uuid4()
    store = there.world.store
    (store.make_hour(CAMERA, HOUR) / store.frames_name(run_id)).write_bytes(CONTENT)
    async with asking(world) as asks:
        assert await far_of(asks).frames(place(there), run_id) == CONTENT
        with pytest.raises(RecordingNotFound):
            await far_of(asks).frames(place(there), uuid4())


async def test_what_is_not_there_is_told_from_what_is_away(world: World, there: Host) -> None:
    async with asking(world) as asks:
        for name in ("120004_000.m4s", "a/b", "../index.m3u8", "", "?x", "ü.m4s"):
            with pytest.raises(RecordingNotFound):
                await far_of(asks).open_file(place(there), name, WHOLE)
        with pytest.raises(RecordingNotFound):
            await far_of(asks).playlist(
                StoredHour(there.world.store.store_id, CAMERA, Hour("2026-05-29", "13"))
            )
        with pytest.raises(FootageAway):
            await far_of(asks).playlist(StoredHour(uuid4(), CAMERA, HOUR))


async def test_a_worker_that_went_away_is_found_again_at_its_new_address(
    world: World, there: Host
) -> None:
    clock = HandClock()
    async with asking(world, clock) as asks:
        far = far_of(asks)
        assert await far.playlist(place(there)) == LISTED
        await there.stop()
        with pytest.raises(FootageAway):
            await far.playlist(place(there))
        assert not await far.answers(there.world.store.store_id)
        await there.start()
        with pytest.raises(FootageAway):  # it is not asked for a while
            await far.playlist(place(there))
        clock.at_us += AWAY_US
        assert await far.playlist(place(there)) == LISTED
        assert await far.answers(there.world.store.store_id)


async def test_another_worker_with_the_same_store_is_asked_instead(
    world: World, there: Host, tmp_path: Path
) -> None:
    async with host(world, tmp_path / "elsewhere") as other, asking(world) as asks:
        await other.stop()
        assert await far_of(asks).playlist(place(there)) == LISTED


async def test_a_worker_that_stands_still_is_given_up(world: World) -> None:
    release = asyncio.Event()

    async def say_nothing(_: asyncio.StreamWriter) -> None:
        await release.wait()

    async with (
        answering(world, say_nothing) as silent,
        asking(world, limits=IMPATIENT) as asks,
        asyncio.timeout(30),
    ):
        with pytest.raises(FootageAway):
            await far_of(asks).playlist(silent)
        release.set()


async def test_a_file_that_breaks_off_says_so(world: World) -> None:
    async def break_off(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")
        await writer.drain()

    async with answering(world, break_off) as place_there, asking(world) as asks:
        file = await far_of(asks).open_file(place_there, NAME, WHOLE)
        with pytest.raises(FootageAway):
            await body(file)
        with pytest.raises(FootageAway):
            await far_of(asks).playlist(place_there)


async def test_a_file_is_passed_on_before_all_of_it_has_come(world: World) -> None:
    first_seen = asyncio.Event()

    async def in_two_parts(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789")
        await writer.drain()
        await first_seen.wait()
        writer.write(b"abcdefghij")
        await writer.drain()

    async with answering(world, in_two_parts) as place_there, asking(world) as asks:
        file = await far_of(asks).open_file(place_there, NAME, WHOLE)
        chunks = []
        async for chunk in file.chunks:
            chunks.append(chunk)
            first_seen.set()
        await file.close()
    assert chunks == [b"0123456789", b"abcdefghij"]


async def test_a_worker_of_another_installation_refuses_and_the_operator_is_told(
    world: World, there: Host, caplog: pytest.LogCaptureFixture
) -> None:
    await there.stop()
    await there.start(CallKey("h" * 32, SystemClock()))
    with caplog.at_level(logging.WARNING):
        async with asking(world) as asks:
            with pytest.raises(FootageAway):
                await far_of(asks).open_file(place(there), NAME, WHOLE)
    assert "refused with 401: is the grant key the same?" in caplog.text
    assert "Bearer" not in caplog.text
