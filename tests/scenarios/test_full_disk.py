"""A real disk that others fill up: recording goes on at the old end's cost; evidence stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.retention import EVIDENCE
from media.disk import DiskMarks
from media.playlist import Segment, iso_milliseconds
from media.simulator.server import Simulator
from resolvers.cameras import camera
from resolvers.footage import folder_of
from resolvers.removal import FOR_ROOM
from tests.clips import Encoding, frame_coded
from tests.small_disk import fill, small_disk
from tests.system import System, running_system
from tests.world import context

MEGABYTE = 1 << 20
MARKS = DiskMarks(low_bytes=6 * MEGABYTE, reserve_bytes=4 * MEGABYTE)
BIG = Encoding(fps=25, gop=25, crf=1)
"""About 0.4 MB a second."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Its recordings lie on a file system of 20 MB."""
    with small_disk(tmp_path / "recordings", 20 * MEGABYTE):
        yield tmp_path


@asynccontextmanager
async def recording(data_dir: Path) -> AsyncIterator[System]:
    """One camera that records for as long as this lasts."""
    async with Simulator() as simulator, running_system(data_dir, marks=MARKS) as system:
        simulator.add("a", frame_coded(500, BIG))
        body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
        assert (await system.client.post("/v2/api/cameras", json=body)).status_code == 201
        yield system


async def listed(system: System) -> list[Segment]:
    """What the camera's playlists name, each file of which can be fetched."""
    found = await camera(context(system.world), "cam-a")
    store, folder = system.world.store, folder_of(found)
    hours = [hour for date in store.dates(folder) for hour in store.hours(folder, date)]
    return [one for hour in hours for one in store.playlist(folder, hour).segments]


async def until(system: System, holds: Callable[[list[Segment]], bool]) -> list[Segment]:
    async with asyncio.timeout(90):
        while not holds(found := await listed(system)):
            await asyncio.sleep(0.1)
    return found


async def ask(system: System, query: str) -> dict[str, Any]:
    answer = (await system.client.post("/graphql", json={"query": query})).json()
    assert "errors" not in answer, answer
    return dict(answer["data"])


async def reasons(system: System, first: Segment) -> list[str]:
    query = '{ camera(id: "cam-a") { coverage(from: "%s", to: "%s") { intervals { reason } } } }'
    span = (first.start_us, first.start_us + 60_000_000)
    found = await ask(system, query % tuple(map(iso_milliseconds, span)))
    return [each["reason"] for each in found["camera"]["coverage"]["intervals"]]


async def test_a_disk_that_others_fill_costs_old_footage_and_a_moment(data_dir: Path) -> None:
    async with recording(data_dir) as system:
        before = await until(system, lambda found: len(found) >= 2)
        fill(data_dir / "recordings")
        end_us = before[-1].end_us
        after = await until(system, lambda found: found[-1].start_us > end_us + 1_000_000)
        assert before[0] not in after
        assert FOR_ROOM in await reasons(system, before[0])
        ready = (await system.client.get("/v2/health/ready")).json()
        assert ready["checks"]["storage"]["status"] != "ok"
        found = await ask(system, "{ cameras { nodes { status statusReason } } }")
        assert found["cameras"]["nodes"] == [{"status": "ONLINE", "statusReason": None}]


async def test_evidence_is_not_deleted_and_recording_says_why_it_waits(data_dir: Path) -> None:
    lock = """mutation { evidenceLock(cameraId: "cam-a", input: {
      from: "2020-01-01T00:00:00Z", to: "2020-12-31T00:00:00Z", reason: "a case"}) {
      lock { id } userErrors { message } } }"""
    async with recording(data_dir) as system:
        before = await until(system, lambda found: len(found) >= 1)
        year = str(1970 + before[0].start_us // 31_556_952_000_000)
        done = await ask(system, lock.replace("2020", year))
        lock_id = done["evidenceLock"]["lock"]["id"]
        others = fill(data_dir / "recordings")
        query = "{ cameras { nodes { status statusReason } } }"
        async with asyncio.timeout(90):
            while EVIDENCE not in str(await ask(system, query)):
                await asyncio.sleep(0.2)
        stopped = await listed(system)
        assert stopped[: len(before)] == before
        others.unlink()
        await ask(system, f'mutation {{ evidenceLift(id: "{lock_id}") {{ lock {{ id }} }} }}')
        await until(system, lambda found: len(found) > len(stopped))
        assert any(each is not None for each in await reasons(system, before[0]))
