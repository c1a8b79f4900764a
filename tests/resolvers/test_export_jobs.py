"""An export is one worker's at a time, and what an earlier one says counts no more."""

from __future__ import annotations

from uuid import UUID

import pytest

from media.export.package import Package
from models.base import select
from models.export import Export, ExportTable
from resolvers import export_jobs, exports
from resolvers.context import World
from resolvers.jobs import LONGEST_WAIT_US, MOST_ATTEMPTS, STALE_US, Fault, JobLost
from tests.exporting import LATER, NOON, SECOND, at, created, filmed
from tests.world import add_camera, context

PASSING = Fault("FOOTAGE_GONE", "it is gone", passes=True)
AWAY = Fault("FOOTAGE_AWAY", "it is away", waits=True)


@pytest.fixture
async def waiting(world: World) -> Export:
    await filmed(world, await add_camera(world))
    return await created(context(at(world)), "cam-front-01")


async def only() -> Export:
    [found] = await select(ExportTable.within("default"), Export)
    return found


async def stale(job: Export) -> None:
    """As if whoever has it had said nothing for a while."""
    seen_us = (job.seen_us or 0) - STALE_US - SECOND
    await ExportTable.within("default").filter(id=job.id).update(seen_us=seen_us)


async def test_it_is_taken_once(world: World, waiting: Export) -> None:
    job = await export_jobs.take(world)
    assert job is not None
    assert (job.id, job.state, job.attempts) == (waiting.id, "running", 1)
    assert (job.store_id, job.revision) == (world.store.store_id, 2)
    assert await export_jobs.take(world) is None
    assert await only() == job


async def test_who_is_lost_is_followed_by_another(world: World, waiting: Export) -> None:
    job = await export_jobs.take(world)
    assert job is not None
    await stale(job)
    again = await export_jobs.take(world)
    assert again is not None
    assert (again.id, again.attempts) == (waiting.id, 2)
    assert again.claim != job.claim
    before = await only()
    with pytest.raises(JobLost):
        await export_jobs.keep(world, job, 1, 2)
    with pytest.raises(JobLost):
        await export_jobs.finish(world, job, Package("x.mp4", 1))
    with pytest.raises(JobLost):
        await export_jobs.fail(world, job, PASSING)
    assert await only() == before


async def test_who_says_that_it_goes_on_keeps_it(world: World, waiting: Export) -> None:
    job = await export_jobs.take(world)
    assert job is not None
    await stale(job)
    await export_jobs.keep(world, job, 5, 50)
    kept = await only()
    assert (kept.done_bytes, kept.expected_bytes, kept.revision) == (5, 50, job.revision + 1)
    await export_jobs.keep(world, job, 5, 50)
    assert (await only()).revision == kept.revision, "nothing new is no change"
    await export_jobs.keep(world, job, 6, 50)
    assert ((await only()).done_bytes, (await only()).revision) == (6, kept.revision + 1)
    assert await export_jobs.take(world) is None


async def test_what_may_pass_is_tried_again_and_not_for_ever(world: World, waiting: Export) -> None:
    for attempt in range(1, MOST_ATTEMPTS + 1):
        job = await export_jobs.take(world)
        assert job is not None
        assert job.attempts == attempt
        await export_jobs.fail(world, job, PASSING)
        if attempt < MOST_ATTEMPTS:
            found = await only()
            assert (found.state, found.claim, found.fault) == ("waiting", None, "it is gone")
            assert await export_jobs.take(world) is None, "not at once"
            await ExportTable.within("default").update(due_us=0)
    found = await only()
    assert (found.state, found.fault_code, found.fault) == ("failed", "FOOTAGE_GONE", "it is gone")


async def test_what_others_must_change_is_waited_for_and_looked_at_ever_less_often(
    world: World, waiting: Export
) -> None:
    """However often: for a day from when it was asked for. Then it has failed."""
    for hours, seconds in ((0, 5), (0, 5), (0.1, 36), (1, 60), (23, 60)):
        now_us = waiting.created_us + int(hours * 3600 * SECOND)
        await ExportTable.within("default").update(due_us=0)
        job = await export_jobs.take(at(world, now_us))
        assert job is not None
        assert (job.attempts, job.fault_code, job.fault) == (1, None, None)
        await export_jobs.fail(at(world, now_us), job, AWAY)
        found = await only()
        assert (found.state, found.attempts, found.fault_code) == ("waiting", 0, "FOOTAGE_AWAY")
        assert found.due_us == now_us + seconds * SECOND
    over = at(world, waiting.created_us + LONGEST_WAIT_US)
    job = await export_jobs.take(over)
    assert job is not None
    await export_jobs.fail(over, job, AWAY)
    assert ((await only()).state, (await only()).fault) == ("failed", "it is away")


@pytest.mark.parametrize("fault", [None, AWAY], ids=["not begun", "away"])
async def test_none_waits_for_more_than_a_day(
    world: World, waiting: Export, fault: Fault | None
) -> None:
    job = await export_jobs.take(world)
    assert job is not None
    await export_jobs.put_back(world, job, 0, LATER, fault)
    await export_jobs.expire(at(world, waiting.created_us + LONGEST_WAIT_US - 1))
    assert (await only()).state == "waiting"
    await export_jobs.expire(at(world, waiting.created_us + LONGEST_WAIT_US))
    found = await only()
    assert (found.state, found.fault_code) == ("failed", (fault or export_jobs.NOT_BEGUN).code)


async def test_what_kills_its_worker_again_and_again_fails(world: World, waiting: Export) -> None:
    for _ in range(MOST_ATTEMPTS):
        job = await export_jobs.take(world)
        assert job is not None
        await stale(job)
    assert await export_jobs.take(world) is None
    assert ((await only()).state, (await only()).fault_code) == ("failed", "CUT_SHORT")


async def test_a_deleted_export_is_nobodys(world: World, waiting: Export) -> None:
    job = await export_jobs.take(world)
    assert job is not None
    gone = await exports.export_delete(context(world), str(waiting.id))
    with pytest.raises(JobLost):
        await export_jobs.finish(world, job, Package("x.mp4", 1))
    assert await only() == gone
    assert await export_jobs.claims_in_use() == set()


async def test_its_time_ends_and_its_record_stays(world: World, waiting: Export) -> None:
    then = at(world, LATER)
    job = await export_jobs.take(then)
    assert job is not None
    await export_jobs.finish(then, job, Package("x.mp4", 7))
    ready = await only()
    assert (ready.state, ready.size_bytes, ready.file_name) == ("ready", 7, "x.mp4")
    assert ready.expires_us == LATER + world.exports.kept_us
    assert isinstance(job.claim, UUID)
    assert await export_jobs.claims_in_use() == {job.claim}
    assert await export_jobs.expire(at(world, ready.expires_us - 1)) == 0
    assert await export_jobs.expire(at(world, ready.expires_us)) == 1
    over = await only()
    assert (over.state, over.deleted_by, over.deleted_us) == ("deleted", None, ready.expires_us)
    assert await export_jobs.expire(at(world, LATER + 500 * 24 * 3600 * SECOND)) == 0
    assert await select(ExportTable.within("default"), Export) == []


async def test_the_oldest_is_taken_first(world: World, waiting: Export) -> None:
    await created(context(at(world, LATER - SECOND)), "cam-front-01")
    job = await export_jobs.take(world)
    assert job is not None
    assert job.created_us == LATER - SECOND > NOON
