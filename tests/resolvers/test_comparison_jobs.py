"""A comparison is one worker's at a time, and what it found is told once it is whole."""

from __future__ import annotations

import asyncio

import pytest

from models.base import select
from models.comparison import Comparison, ComparisonTable, DifferenceTable
from resolvers import comparison_jobs, comparisons
from resolvers.comparison_jobs import NO_WORKER
from resolvers.comparisons import KEPT_US
from resolvers.context import World
from resolvers.jobs import LONGEST_WAIT_US, MOST_ATTEMPTS, STALE_US, Fault, JobLost
from tests.comparing import FOUND, asked, at, kept, ready, taken, watched
from tests.exporting import LATER, NOON, SECOND
from tests.world import context

PASSING = Fault("FOOTAGE_AWAY", "it is away", passes=True)


@pytest.fixture
async def here(world: World) -> World:
    await watched(world)
    return at(world)


async def only() -> Comparison:
    [found] = await select(ComparisonTable.within("default"), Comparison)
    return found


async def stale(job: Comparison) -> None:
    """As if whoever has it had said nothing for a while."""
    seen_us = (job.seen_us or 0) - STALE_US - SECOND
    await ComparisonTable.within("default").filter(id=job.id).update(seen_us=seen_us)


async def test_it_is_taken_once_by_who_has_its_models(here: World) -> None:
    await asked(context(here), against="other")
    assert await comparison_jobs.take(here, ["tiny"]) is None
    assert await comparison_jobs.take(here, ["other", "third"]) is None
    job = await taken(here, "tiny", "other")
    assert (job.state, job.attempts, job.revision) == ("running", 1, 2)
    assert await comparison_jobs.take(here, ["tiny", "other"]) is None
    assert await only() == job


async def test_of_a_tenant_one_runs_and_others_do_not_wait_for_it(here: World) -> None:
    await watched(here, "cam-far", "acme")
    first, _, theirs = [
        await asked(context(at(here, LATER + number), tenant_id), camera_id)
        for number, (tenant_id, camera_id) in enumerate(
            [("default", "cam-gate"), ("default", "cam-gate"), ("acme", "cam-far")]
        )
    ]
    later = at(here, LATER + SECOND)
    assert (await taken(later)).id == first.id
    assert (await taken(later)).id == theirs.id
    assert await comparison_jobs.take(later, ["tiny"]) is None


async def test_who_take_at_one_moment_never_run_two_of_a_tenant(here: World) -> None:
    """Each sees that none runs, takes one of its own, and looks again."""
    for _ in range(3):
        await asked(context(here))
    jobs = await asyncio.gather(*(comparison_jobs.take(here, ["tiny"]) for _ in range(3)))
    mine = [each for each in jobs if each is not None]
    rows = await select(ComparisonTable.within("default"), Comparison)
    assert len(mine) <= 1
    assert [each for each in rows if each.state == "running"] == mine
    assert {each.attempts for each in rows if each.state == "waiting"} == {0}


async def test_who_is_lost_is_followed_by_another_and_refused(here: World) -> None:
    await asked(context(here))
    job = await taken(here)
    await stale(job)
    again = await taken(here)
    assert (again.id, again.attempts, again.claim == job.claim) == (job.id, 2, False)
    with pytest.raises(JobLost):
        await comparison_jobs.keep(here, job, 1, 2)
    with pytest.raises(JobLost):
        await comparison_jobs.finish(here, job, FOUND, ["tiny@1"])
    with pytest.raises(JobLost):
        await comparison_jobs.fail(here, job, PASSING)
    assert await only() == again
    assert await kept(job) == []


async def test_how_far_it_is_is_told(here: World) -> None:
    await asked(context(here))
    job = await taken(here)
    await comparison_jobs.keep(here, job, 3 * SECOND, 10 * SECOND)
    found = await only()
    assert (found.done_us, found.expected_us) == (3 * SECOND, 10 * SECOND)
    assert found.revision == job.revision + 1


async def test_what_was_found_is_told_by_time(here: World) -> None:
    found = await ready(here)
    assert (found.state, found.done_us == found.expected_us) == ("ready", True)
    assert (found.same, found.changed, found.lost, found.new) == (1, 1, 1, 2)
    assert (found.model_version, found.against_version) == ("tiny@2024-01-02", None)
    told = await kept(found)
    assert [(each.number, each.kind, each.overlap) for each in told] == [
        (0, "lost", None),
        (1, "changed", 0.5),
        (2, "new", None),
        (3, "new", None),
    ]
    lost, changed, new, _ = told
    assert (lost.after, new.before, changed.type) == (None, None, "person")
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.before["id"], changed.after["id"]) == ("b", "2")
    assert new.after == {
        "id": "4",
        "at_us": NOON + 4 * SECOND,
        "position": 360_000,
        "score": 0.75,
        "box": {"x": 0.4, "y": 0.4, "w": pytest.approx(0.2), "h": 0.4},
        "zones": ["gate"],
    }


async def test_where_all_is_the_same_nothing_is_kept(here: World) -> None:
    await asked(context(here), against="other")
    job = await taken(here)
    alike = type(FOUND)(FOUND.same, (), (), ())
    await comparison_jobs.finish(here, job, alike, ["tiny@1", "other@2"])
    found = await only()
    assert (found.same, found.changed, found.lost, found.new) == (1, 0, 0, 0)
    assert (found.model_version, found.against_version) == ("tiny@1", "other@2")
    assert await kept(found) == []


async def test_what_may_pass_is_tried_again_and_not_for_ever(here: World) -> None:
    await asked(context(here))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        job = await taken(here)
        assert job.attempts == attempt
        await comparison_jobs.fail(here, job, PASSING)
        await ComparisonTable.within("default").update(due_us=0)
    found = await only()
    assert (found.state, found.fault_code, found.fault) == ("failed", "FOOTAGE_AWAY", "it is away")


async def test_one_that_was_deleted_is_nobodys_and_keeps_nothing(here: World) -> None:
    await asked(context(here))
    job = await taken(here)
    gone = await comparisons.comparison_delete(context(here), str(job.id))
    with pytest.raises(JobLost):
        await comparison_jobs.keep(here, job, 1, 2)
    with pytest.raises(JobLost):
        await comparison_jobs.finish(here, job, FOUND, ["tiny@1"])
    assert await only() == gone
    assert await kept(job) == []


async def test_its_time_ends_and_all_of_it_is_forgotten(here: World) -> None:
    found, other = await ready(here), await ready(at(here, LATER + SECOND))
    assert await comparison_jobs.expire(at(here, LATER + KEPT_US - 1)) == 0
    assert await comparison_jobs.expire(at(here, LATER + KEPT_US)) == 1
    assert await only() == other
    assert await kept(found) == []
    assert len(await kept(other)) == 4
    assert await DifferenceTable.within("default").count() == 4


async def test_what_no_worker_comes_to_in_a_day_fails(here: World) -> None:
    await asked(context(here))
    await comparison_jobs.expire(at(here, LATER + LONGEST_WAIT_US))
    assert (await only()).state == "waiting"
    await comparison_jobs.expire(at(here, LATER + LONGEST_WAIT_US + 1))
    assert ((await only()).state, (await only()).fault_code) == ("failed", NO_WORKER.code)
