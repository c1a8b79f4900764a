"""A worker makes comparisons beside its cameras, in a process that steps aside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.comparer import PROGRAM, Comparer, Progress
from app.reanalysis_words import ASIDE
from media.types import Box, Detection
from models.base import select
from models.comparison import Comparison, ComparisonTable
from models.event import Event, EventTable
from resolvers import comparisons
from resolvers.cameras import camera
from resolvers.comparing import Comparing
from resolvers.context import World
from resolvers.footage import folder_of
from tests.comparing import BOX, SECONDS, asked, at, install, kept, taken, watched
from tests.exporting import NOON, SECOND
from tests.far import asking, host
from tests.world import add_events, beginning, context, open_world

ENDS = ("ready", "failed")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes in /proc")


@pytest.fixture
async def here(world: World, tmp_path: Path) -> World:
    await watched(world)
    install(tmp_path)
    install(tmp_path, "other", 0.72)
    return at(world)


@asynccontextmanager
async def comparing(world: World, data_dir: Path, *, aside: bool = False) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(Comparer(world, data_dir, aside=aside).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def until(world: World, job: Comparison, *states: str) -> Comparison:
    async with asyncio.timeout(120):
        while (found := await current(world, job)).state not in states:
            await asyncio.sleep(0.02)
    return found


async def current(world: World, job: Comparison) -> Comparison:
    return await comparisons.comparison(context(world), str(job.id))


async def compared(world: World, data_dir: Path, job: Comparison) -> Comparison:
    async with comparing(world, data_dir):
        return await until(world, job, *ENDS)


async def events() -> list[Event]:
    return await select(EventTable.within("default").order_by("seq"), Event)


async def stored(world: World, at_us: int, box: Box) -> str:
    """The id of an event in the log, as if it had been told live."""
    gate = await camera(context(world), "cam-gate")
    change = beginning(gate.key, at_us)
    detection = Detection("person", "person", 0.7, box)
    await add_events(world, gate, [replace(change, detection=detection)])
    return change.event_id


def children() -> list[int]:
    """Processes of ours that look at footage again."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if PROGRAM.encode() in command and parent == os.getpid():
            found.append(int(path.name))
    return found


async def child() -> int:
    async with asyncio.timeout(60):
        while not (found := children()):
            await asyncio.sleep(0.002)
    return found[0]


def arguments(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def gone(pid: int) -> None:
    async with asyncio.timeout(60):
        while is_there(pid):
            await asyncio.sleep(0.02)


async def test_what_a_model_finds_is_new_where_nothing_was_told(
    here: World, tmp_path: Path
) -> None:
    ready = await compared(here, tmp_path, await asked(context(here)))
    assert (ready.fault, ready.attempts) == (None, 1)
    assert (ready.same, ready.changed, ready.lost, ready.new) == (0, 0, 0, 1)
    assert (ready.model_version, ready.against_version) == ("tiny@2024-01-02", None)
    assert ready.done_us == ready.expected_us == SECONDS * SECOND
    [new] = await kept(ready)
    assert (new.kind, new.type, new.before) == ("new", "person", None)
    assert new.after is not None
    at_us, position = new.after["at_us"], new.after["position"]
    assert at_us == NOON + position * SECOND // 90_000
    assert new.after["box"] == {
        name: pytest.approx(value)
        for name, value in {"x": 0.4, "y": 0.4, "w": 0.2, "h": 0.4}.items()
    }
    assert await events() == []


async def test_stored_events_are_held_against_what_is_found(here: World, tmp_path: Path) -> None:
    first = await compared(here, tmp_path, await asked(context(here)))
    [new] = await kept(first)
    assert new.after is not None
    began_us = new.after["at_us"]
    told = await stored(here, began_us, BOX)
    before = await events()

    alike = await compared(here, tmp_path, await asked(context(here)))
    assert (alike.same, alike.changed, alike.lost, alike.new) == (1, 0, 0, 0)
    assert await kept(alike) == []
    assert await events() == before

    strict = await compared(here, tmp_path, await asked(context(here), begin=0.99))
    assert (strict.same, strict.changed, strict.lost, strict.new) == (0, 0, 1, 0)
    [lost] = await kept(strict)
    assert lost.before is not None
    assert (lost.kind, lost.before["id"], lost.after) == ("lost", told, None)

    await EventTable.within("default").update(at_us=began_us - 600_000)
    late = await compared(here, tmp_path, await asked(context(here)))
    assert (late.same, late.changed, late.lost, late.new) == (0, 1, 0, 0)
    [changed] = await kept(late)
    assert changed.before is not None
    assert changed.after is not None
    assert changed.after["at_us"] - changed.before["at_us"] == 600_000
    assert changed.overlap == pytest.approx(1.0)


async def test_two_models_look_one_after_the_other(here: World, tmp_path: Path) -> None:
    told = await stored(here, NOON, Box(0.0, 0.0, 0.1, 0.1))
    ready = await compared(here, tmp_path, await asked(context(here), against="other"))
    assert (ready.fault, ready.same, ready.new, ready.lost) == (None, 1, 0, 0)
    assert (ready.model_version, ready.against_version) == ("tiny@2024-01-02", "other@2024-01-02")
    assert ready.expected_us == 2 * SECONDS * SECOND
    assert [each.id for each in await events()] == [told]


async def test_footage_of_another_host_is_looked_at(world: World, tmp_path: Path) -> None:
    async with host(world, tmp_path / "there") as other:
        await watched(other.world)
        install(tmp_path)
        async with asking(at(world)) as here:
            assert here.store.store_id != other.world.store.store_id
            ready = await compared(here, tmp_path, await asked(context(here)))
    assert (ready.fault, ready.new) == (None, 1)


async def test_what_can_not_be_made_fails_and_the_next_is_made(here: World, tmp_path: Path) -> None:
    doomed = await asked(context(here))
    installed = tmp_path / "models" / "tiny"
    away = installed.rename(tmp_path / "away")
    failed = await compared(here, tmp_path, doomed)
    assert (failed.fault_code, failed.attempts) == ("MODEL_FAILED", 1)
    assert failed.fault == "model tiny is not installed: vms models pull tiny"
    away.rename(installed)
    assert (await compared(here, tmp_path, await asked(context(here)))).state == "ready"


async def test_damaged_footage_is_told(here: World, tmp_path: Path) -> None:
    gate = await camera(context(here), "cam-gate")
    folder = here.store.hour_path(folder_of(gate), here.store.hour_of(NOON))
    victim = min(folder.glob("*.m4s"))
    victim.write_bytes(b"\0" * victim.stat().st_size)
    failed = await compared(here, tmp_path, await asked(context(here)))
    assert failed.fault_code == "FOOTAGE_DAMAGED"
    assert failed.fault is not None
    assert victim.name in failed.fault


@ON_LINUX
async def test_its_process_is_told_to_step_aside_and_knows_no_secret(
    here: World, tmp_path: Path
) -> None:
    await asked(context(here))
    async with comparing(here, tmp_path, aside=True):
        pid = await child()
        os.kill(pid, signal.SIGSTOP)
        assert arguments(pid)[-1] == ASIDE
        assert environment(pid) == b""
    await gone(pid)


@ON_LINUX
async def test_aside_it_runs_where_nothing_else_wants_to() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM, ASIDE), env={}, stdin=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        while os.sched_getscheduler(process.pid) != os.SCHED_IDLE:
            await asyncio.sleep(0.01)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    process.kill()  # what it goes on to load takes long where others have work
    await process.wait()


@ON_LINUX
async def test_one_that_is_deleted_ends_at_once(here: World, tmp_path: Path) -> None:
    job = await asked(context(here))
    async with comparing(here, tmp_path):
        pid = await child()
        os.kill(pid, signal.SIGSTOP)
        deleted = await comparisons.comparison_delete(context(here), str(job.id))
        await gone(pid)
        other = await asked(context(here))
        assert (await until(here, other, *ENDS)).state == "ready"
    assert await current(here, job) == deleted
    assert await kept(job) == []


@ON_LINUX
async def test_what_is_being_made_is_put_back_when_the_worker_stops(
    here: World, tmp_path: Path
) -> None:
    job = await asked(context(here))
    async with comparing(here, tmp_path):
        pid = await child()
        os.kill(pid, signal.SIGSTOP)
    await gone(pid)
    left = await current(here, job)
    assert (left.state, left.attempts, left.claim, left.done_us) == ("waiting", 0, None, 0)
    assert (await compared(here, tmp_path, job)).state == "ready"


@ON_LINUX
async def test_a_process_that_dies_is_tried_again(here: World, tmp_path: Path) -> None:
    job = await asked(context(here))
    async with comparing(here, tmp_path):
        os.kill(await child(), signal.SIGKILL)
        async with asyncio.timeout(60):
            while (found := await current(here, job)).state == "running":
                await asyncio.sleep(0.02)
    assert (found.state, found.attempts) == ("waiting", 1)
    await ComparisonTable.within("default").update(due_us=0)  # as time does
    assert (await compared(here, tmp_path, job)).attempts == 2


@ON_LINUX
async def test_a_worker_killed_in_the_middle_is_followed_by_another(
    here: World, database: str, tmp_path: Path
) -> None:
    job = await asked(context(here))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.app.test_comparer", database, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    assert await process.wait() == -signal.SIGKILL
    await gone(pid)
    assert (await current(here, job)).state == "running"
    await ComparisonTable.within("default").update(seen_us=0)  # as time does
    ready = await compared(here, tmp_path, job)
    assert (ready.state, ready.attempts, ready.new) == ("ready", 2, 1)
    assert len(await kept(ready)) == 1


async def test_progress_is_by_footage_and_twice_for_two_models(here: World) -> None:
    job = await asked(context(here), against="other")
    given = await Comparing(here, await taken(here)).given()
    progress = Progress(given, 2)
    names, length = [each.name for each in given.segments], given.segments[0].duration_us
    assert (job.expected_us, progress.expected_us) == (2 * SECONDS * SECOND,) * 2
    told = []
    for name in (names[0], given.segments[0].init, names[0], names[1], names[-1], names[0]):
        progress.asked(name)
        told.append(progress.done_us)
    last = given.segments[-1].duration_us
    whole = SECONDS * SECOND
    assert told == [0, 0, 0, length, whole - last, whole]


async def _killed(database: str, folder: str) -> None:
    async with open_world(database, Path(folder)) as world:
        worker = asyncio.create_task(_work(at(world), Path(folder)))
        pid = await child()
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        await worker


async def _work(world: World, data_dir: Path) -> None:
    async with comparing(world, data_dir):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_killed(*sys.argv[1:]))
