"""A worker makes exports beside its cameras, and whoever runs next ends what one left."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.exporter import Exporter
from app.retention import Cleaner
from media.export.folder import folders
from models.export import Export, ExportTable
from resolvers import export_jobs, exports
from resolvers.context import World
from resolvers.exporting import Making, Progress
from resolvers.footage import folder_of
from resolvers.holds import held
from tests.exporting import NOON, SECOND, WANTED, at, created, filmed
from tests.far import HandClock, Host, asking, host
from tests.footage import summarise
from tests.reel import Shot, encoding, lay, reel
from tests.world import add_camera, context, open_world


@asynccontextmanager
async def exporting(world: World) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(Exporter(world).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def until(world: World, export: Export, state: str) -> Export:
    async with asyncio.timeout(30):
        while (found := await exports.export(context(world), str(export.id))).state != state:
            await asyncio.sleep(0.02)
    return found


@pytest.fixture
async def here(world: World) -> World:
    await filmed(world, await add_camera(world))
    return at(world)


async def test_an_export_is_made_once_it_is_asked_for(here: World) -> None:
    async with exporting(here):
        export = await created(context(here), "cam-front-01")
        ready = await until(here, export, "ready")
    assert ready.attempts == 1
    assert ready.claim is not None
    assert folders(here.store.root) == [ready.claim.hex]


async def test_one_that_can_not_be_made_fails_and_others_go_on(here: World) -> None:
    doomed = await created(context(here), "cam-front-01")
    await ExportTable.within("default").update(camera_ids=["ghost"])
    fine = await created(context(here), "cam-front-01")
    async with exporting(here):
        ready = await until(here, fine, "ready")
        failed = await until(here, doomed, "failed")
    assert (failed.fault_code, failed.attempts) == ("CAMERA_GONE", 1)
    assert ready.claim is not None
    assert folders(here.store.root) == [ready.claim.hex]


async def test_what_is_being_made_is_put_back_when_the_worker_stops(here: World) -> None:
    export = await created(context(here), "cam-front-01")
    stop = asyncio.Event()
    stop.set()
    exporter, stopping = Exporter(here), asyncio.create_task(stop.wait())
    await stopping
    assert await exporter._work(stopping)
    found = await exports.export(context(here), str(export.id))
    assert (found.state, found.attempts) in {("waiting", 0), ("ready", 1)}
    async with exporting(here):
        await until(here, export, "ready")


async def test_two_workers_make_each_once(here: World) -> None:
    wanted = [await created(context(here), "cam-front-01") for _ in range(4)]
    async with exporting(here), exporting(here):
        for each in wanted:
            assert (await until(here, each, "ready")).attempts == 1
    assert len(folders(here.store.root)) == 4


async def test_one_whose_footage_is_away_waits_and_says_so_and_goes_on(
    world: World, tmp_path: Path
) -> None:
    """Its worker is away for longer than three attempts take."""
    camera, clock = await add_camera(world), HandClock()
    async with asking(at(world), clock) as here:
        async with host(world, tmp_path / "there") as other:
            store = other.world.store
            there = lay(store, folder_of(camera), Shot(reel(encoding()), 0, 10, NOON, 0))
            await summarise(other.world, camera, there, "stopped")
        export = await created(context(here), "cam-front-01")
        stop = asyncio.Event()
        stopping = asyncio.create_task(stop.wait())
        for _ in range(5):
            assert await Exporter(here)._work(stopping)
            found = await exports.export(context(here), str(export.id))
            assert (found.state, found.fault_code) == ("waiting", "FOOTAGE_AWAY")
            await ExportTable.within("default").update(due_us=0)  # as time does
        back = Host(replace(world, store=store))
        await back.start()
        clock.at_us += 3600 * SECOND
        async with exporting(here):
            ready = await until(here, export, "ready")
        stop.set()
        await asyncio.gather(stopping, back.stop())
    assert (ready.attempts, ready.fault_code) == (1, None)


async def test_a_worker_killed_in_the_middle_leaves_nothing_that_is_served(
    here: World, database: str, tmp_path: Path
) -> None:
    export = await created(context(here), "cam-front-01")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.app.test_exporter", database, str(tmp_path)
    )
    assert await process.wait() == -signal.SIGKILL
    found = await exports.export(context(here), str(export.id))
    assert found.state == "running"
    assert found.claim is not None
    left = here.store.root / ".exports" / found.claim.hex / "content"
    assert left.stat().st_size > 0, "it was in the middle"
    assert exports.file_url(context(here), found) is None
    [footage] = (await held("default", here.clock.now_us())).values()
    assert footage == [WANTED], "nothing takes it from whoever goes on"

    await ExportTable.within("default").update(seen_us=0)  # as time does
    async with exporting(here):
        ready = await until(here, export, "ready")
    assert (ready.attempts, ready.claim == found.claim) == (2, False)
    assert await held("default", here.clock.now_us()) == {}
    await Cleaner(here).work()
    assert ready.claim is not None
    assert folders(here.store.root) == [ready.claim.hex]


class _Fatal(Progress):
    """Kills its process once some footage is written."""

    def told(self, count: int) -> None:
        super().told(count)
        if self.done_bytes > 40_000:
            signal.raise_signal(signal.SIGKILL)


async def _killed(database: str, folder: str) -> None:
    async with open_world(database, Path(folder)) as world:
        job = await export_jobs.take(world)
        assert job is not None
        await Making(world, job, _Fatal(0)).make()


if __name__ == "__main__":
    asyncio.run(_killed(*sys.argv[1:]))
