"""Every camera has one owner: leases are renewed, expire, change hands; who is too late is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import msgspec
import pytest

from media.repair import DIED
from media.types import CameraState, MediaChange, RunBegan, RunEnded, SegmentClosed, StatusChanged
from models.base import select
from models.camera import Camera, CameraTable
from models.event import EventTable
from models.lease import CameraLease, Worker, WorkerTable, every_lease
from models.recording import RecordingHourTable, RecordingRun, RecordingRunTable
from resolvers import ingest, leases
from resolvers.access import Interval, Scope
from resolvers.context import World
from resolvers.errors import ScopeMissing
from resolvers.leases import LEASE_US, Wanted
from resolvers.recordings import coverage
from tests.world import add_camera, beginning, context

STORE = UUID(int=9)
START_US = 1_780_000_000_000_000


def worker(name: str = "one", store_id: UUID = STORE) -> Worker:
    return Worker(uuid4(), name, None, store_id, START_US, START_US)


def wanted(count: int) -> list[Wanted]:
    return [Wanted("default", UUID(int=number)) for number in range(1, count + 1)]


async def held(world: World) -> dict[UUID, tuple[UUID | None, int]]:
    found = await select(every_lease(), CameraLease)
    return {each.camera_key: (each.worker_id, each.token) for each in found}


async def age(worker_id: UUID, by_us: int) -> None:
    """As if the database's clock had gone on since the worker renewed."""
    for lease in await every_lease().filter(worker_id=worker_id):
        await (
            every_lease()
            .filter(camera_key=lease.camera_key)
            .update(expires_us=lease.expires_us - by_us)
        )
    for row in await WorkerTable.filter(id=worker_id):
        await WorkerTable.filter(id=worker_id).update(seen_us=row.seen_us - by_us)


async def test_a_free_camera_is_taken_once(world: World) -> None:
    crew, cameras = [worker(str(n)) for n in range(4)], wanted(5)
    for each in crew:
        await leases.renew(world, each)

    got = await asyncio.gather(*(leases.take(world, each.id, cameras) for each in crew))

    taken = [key for each in got for key in each]
    assert sorted(taken) == [each.key for each in cameras]
    assert {token for each in got for token in each.values()} == {1}
    assert await held(world) == {
        key: (each.id, 1) for each, keys in zip(crew, got, strict=True) for key in keys
    }


async def test_what_is_owned_is_not_free(world: World) -> None:
    first, second, cameras = worker(), worker("two"), wanted(3)
    await leases.take(world, first.id, cameras[:2])

    assert await leases.free_among(cameras) == cameras[2:]
    assert await leases.take(world, second.id, cameras[:2]) == {}


async def test_a_renewal_tells_what_is_owned_and_among_how_many(world: World) -> None:
    first, second, cameras = worker(), worker("two"), wanted(3)
    await leases.renew(world, first)
    await leases.take(world, first.id, cameras)
    await leases.renew(world, second)

    standing = await leases.renew(world, first)

    assert standing.tokens == {each.key: 1 for each in cameras}
    assert (standing.workers, standing.overdue) == (2, ())
    assert (await leases.renew(world, second)).tokens == {}


async def test_an_expired_lease_can_be_taken_as_it_was_seen(world: World) -> None:
    first, second, cameras = worker(), worker("two"), wanted(2)
    await leases.renew(world, first)
    await leases.take(world, first.id, cameras)
    await age(first.id, LEASE_US + 1)

    standing = await leases.renew(world, second)
    assert [leases.has_expired(each, standing.now_us) for each in standing.overdue] == [True, True]
    assert standing.workers == 1
    got = await leases.take(world, second.id, [], standing.overdue)

    assert got == {each.key: 2 for each in cameras}
    assert (await leases.renew(world, first)).tokens == {}
    assert await held(world) == {each.key: (second.id, 2) for each in cameras}


async def test_a_lease_that_was_renewed_since_it_was_seen_stays(world: World) -> None:
    first, second, cameras = worker(), worker("two"), wanted(1)
    await leases.take(world, first.id, cameras)
    await age(first.id, LEASE_US + 1)
    seen = (await leases.renew(world, second)).overdue
    assert (await leases.renew(world, first)).tokens == {cameras[0].key: 1}

    assert await leases.take(world, second.id, [], seen) == {}
    assert await held(world) == {cameras[0].key: (first.id, 1)}


async def test_an_owner_who_is_late_keeps_what_nobody_took(world: World) -> None:
    first, cameras = worker(), wanted(1)
    await leases.take(world, first.id, cameras)
    await age(first.id, 10 * LEASE_US)

    assert (await leases.renew(world, first)).tokens == {cameras[0].key: 1}


async def test_a_lease_of_the_far_future_is_from_a_clock_that_stepped_back(world: World) -> None:
    first, second = worker(), worker("two")
    await leases.take(world, first.id, wanted(1))
    await age(first.id, -3_600_000_000)

    standing = await leases.renew(world, second)

    assert [leases.has_expired(each, standing.now_us) for each in standing.overdue] == [True]


async def test_what_is_given_back_is_free_at_once_and_its_token_grows(world: World) -> None:
    first, second, cameras = worker(), worker("two"), wanted(2)
    await leases.take(world, first.id, cameras)
    await leases.release(first.id, [cameras[0].key])

    assert await leases.free_among(cameras) == cameras[:1]
    assert await leases.take(world, second.id, cameras) == {cameras[0].key: 2}


async def test_only_its_owner_gives_a_camera_back_or_raises_its_token(world: World) -> None:
    first, second, cameras = worker(), worker("two"), wanted(1)
    await leases.take(world, first.id, cameras)

    await leases.release(second.id, [cameras[0].key])
    assert await leases.raise_token(second.id, cameras[0].key, 5) is None
    assert await held(world) == {cameras[0].key: (first.id, 1)}

    assert await leases.raise_token(first.id, cameras[0].key, 5) == 6
    assert await leases.raise_token(first.id, cameras[0].key, 5) == 7
    assert await held(world) == {cameras[0].key: (first.id, 7)}


async def test_who_leaves_counts_no_more_and_frees_all(world: World) -> None:
    first, second, cameras = worker(), worker("two"), wanted(2)
    await leases.renew(world, first)
    await leases.take(world, first.id, cameras)
    await leases.leave(first.id)

    assert (await leases.renew(world, second)).workers == 1
    assert await leases.free_among(cameras) == cameras


async def test_alone_on_a_database_all_is_free(world: World) -> None:
    before, now, cameras = worker(), worker("now"), wanted(2)
    await leases.renew(world, before)
    await leases.take(world, before.id, cameras)
    await leases.be_alone(world, now)

    assert (await leases.renew(world, now)).workers == 1
    assert await leases.take(world, now.id, cameras) == {each.key: 2 for each in cameras}


async def test_the_dead_are_forgotten_but_for_the_last_who_had_a_store(world: World) -> None:
    first, second, other = worker(), worker("two"), worker("other", UUID(int=10))
    living = worker("living")
    for each in (first, second, other, living):
        await leases.renew(world, each)
    for each in (first, second, other):
        await age(each.id, 120_000_000)

    await leases.renew(world, living)
    assert {row.name for row in await WorkerTable.all()} == {"living", "other"}

    await age(other.id, 31 * 86_400_000_000)
    await leases.renew(world, living)
    assert {row.name for row in await WorkerTable.all()} == {"living"}


async def test_a_worker_that_was_forgotten_is_known_again(world: World) -> None:
    first = worker()
    await leases.renew(world, first)
    await WorkerTable.all().delete()

    await leases.renew(world, msgspec.structs.replace(first, address="http://10.0.0.1:9000"))

    assert [(row.id, row.address) for row in await WorkerTable.all()] == [
        (first.id, "http://10.0.0.1:9000")
    ]


async def test_an_operator_sees_every_worker_and_its_cameras(world: World) -> None:
    first, second = worker(), worker("two", UUID(int=10))
    await leases.renew(world, first)
    await leases.renew(world, second)
    await leases.take(world, first.id, wanted(3))
    await age(second.id, LEASE_US)

    found = await leases.workers(context(world, "default", Scope.PLATFORM_ADMIN))

    shown = {(each.name, each.store_id, each.alive, each.cameras) for each in found}
    assert shown == {("one", STORE, True, 3), ("two", UUID(int=10), False, 0)}
    with pytest.raises(ScopeMissing):
        await leases.workers(context(world))


async def test_cameras_in_other_stores_are_told_apart(world: World) -> None:
    here, there, cameras = worker(), worker("two", UUID(int=10)), wanted(2)
    for each, camera in zip((here, there), cameras, strict=True):
        await leases.renew(world, each)
        await leases.take(world, each.id, [camera])

    assert await leases.owned_elsewhere(STORE) == {cameras[1].key}


# --- what earlier owners may still say


class Story:
    """One camera that changes hands; `told` writes what a worker says under a token."""

    def __init__(self, world: World, camera: Camera) -> None:
        self.world, self.camera = world, camera

    async def owned_with(self, token: int) -> None:
        key = self.camera.key
        await leases.take(self.world, uuid4(), [Wanted("default", key)])
        await every_lease().filter(camera_key=key).update(token=token)

    async def told(self, token: int | None, *changes: MediaChange) -> None:
        said = [replace(change, token=token) for change in changes]
        slugs = {self.camera.key: self.camera.slug}
        await ingest.record(self.world, "default", slugs, said)

    def began(self, run: int, second: float) -> RunBegan:
        return RunBegan(self.camera.key, UUID(int=run), START_US + round(second * 1e6))

    def ended(self, run: int, second: float, reason: str) -> RunEnded:
        return RunEnded(self.camera.key, UUID(int=run), START_US + round(second * 1e6), reason)

    def segment(self, run: int, second: float, end: float) -> SegmentClosed:
        start_us, end_us = START_US + round(second * 1e6), START_US + round(end * 1e6)
        hour = self.world.store.hour_of(start_us)
        place = (hour.date, hour.hour, f"{second}.m4s")
        ticks = (round(second * 90_000), round(end * 90_000))
        key = self.camera.key
        return SegmentClosed(key, UUID(int=run), *place, start_us, end_us, *ticks, 1000)

    def status(self, state: CameraState) -> StatusChanged:
        return StatusChanged(self.camera.key, state, None, START_US, None)

    async def runs(self) -> dict[int, tuple[float, float, str | None]]:
        rows = RecordingRunTable.within("default").filter(camera_key=self.camera.key)
        return {
            run.run_id.int: (
                (run.started_us - START_US) / 1e6,
                (run.recorded_until_us - START_US) / 1e6,
                run.end_reason,
            )
            for run in await select(rows, RecordingRun)
        }


@pytest.fixture
async def story(world: World) -> Story:
    camera = await add_camera(world)
    await CameraTable.within("default").filter(key=camera.key).update(enabled=True)
    return Story(world, camera)


async def test_a_second_copy_is_refused_and_changes_nothing(story: Story) -> None:
    await story.owned_with(2)
    await story.told(1, story.began(1, 0), story.segment(1, 0, 4))
    await story.told(2, story.began(2, 10), story.segment(2, 10, 14))
    before = await story.runs(), await RecordingHourTable.within("default").values()

    await story.told(1, story.segment(1, 10.5, 14.5), story.began(3, 11), story.segment(3, 11, 15))
    late = beginning(story.camera.key, START_US + 12_000_000)
    await story.told(1, late, story.status(CameraState.OFFLINE))

    assert (await story.runs(), await RecordingHourTable.within("default").values()) == before
    assert await EventTable.within("default").count() == 0
    row = await CameraTable.within("default").get(key=story.camera.key)
    assert row.status == story.camera.status


async def test_what_is_from_before_the_loss_is_still_taken(story: Story) -> None:
    await story.owned_with(2)
    await story.told(1, story.began(1, 0), story.segment(1, 0, 4))
    await story.told(2, story.began(2, 10))

    early = beginning(story.camera.key, START_US + 5_000_000)
    await story.told(1, story.segment(1, 4, 8), early, story.ended(1, 8, "handed over"))

    assert await story.runs() == {1: (0, 8, "handed over"), 2: (10, 10, None)}
    assert await EventTable.within("default").count() == 1
    covered = await coverage(
        context(story.world), story.camera.slug, Interval(START_US, START_US + 12_000_000)
    )
    assert [(part.to_us - part.from_us, part.gap_reason) for part in covered][:2] == [
        (8_000_000, None),
        (2_000_000, "handed over"),
    ]


async def test_while_no_later_owner_has_recorded_an_earlier_one_fills_the_gap(story: Story) -> None:
    await story.told(1, story.began(1, 0))
    await story.owned_with(2)

    await story.told(1, story.segment(1, 0, 4), story.segment(1, 4, 8))

    assert await story.runs() == {1: (0, 8, None)}


async def test_the_end_of_an_earlier_owner_s_event_is_taken(story: Story) -> None:
    event = beginning(story.camera.key, START_US + 1_000_000)
    await story.told(1, event)
    await story.owned_with(2)
    await story.told(2, story.began(2, 5))

    ended = replace(event, kind=type(event.kind)("ended"), ended_at_us=START_US + 6_000_000)
    await story.told(1, ended)

    row = await EventTable.within("default").get(id=event.event_id)
    assert (row.last_change, row.ended_us) == ("ended", START_US + 6_000_000)


async def test_the_owner_s_own_reason_replaces_that_of_who_found_the_run_open(story: Story) -> None:
    await story.told(1, story.began(1, 0), story.segment(1, 0, 4))
    await ingest.close_open_runs("default", story.camera.key, DIED)
    assert (await story.runs())[1][2] == DIED

    await story.told(1, story.ended(1, 4, "handed over to another worker"))
    await story.told(2, story.ended(1, 4, DIED))

    assert (await story.runs())[1] == (0, 4, "handed over to another worker")


async def test_without_a_token_everything_is_taken(story: Story) -> None:
    await story.owned_with(5)
    await story.told(
        None, story.began(1, 0), story.segment(1, 0, 4), story.status(CameraState.ONLINE)
    )

    assert await story.runs() == {1: (0, 4, None)}
    assert (await CameraTable.within("default").get(key=story.camera.key)).status == "online"


async def test_a_database_that_was_restored_knows_lower_tokens_and_takes_all(story: Story) -> None:
    await story.owned_with(1)
    await story.told(7, story.began(1, 0), story.segment(1, 0, 4))

    assert await story.runs() == {1: (0, 4, None)}


async def test_tokens_of_one_tenant_say_nothing_about_another(world: World, story: Story) -> None:
    other = await add_camera(world, tenant_id="acme")
    await story.owned_with(9)
    said = replace(story.began(1, 0), camera_key=other.key, token=1)

    await ingest.record(world, "acme", {other.key: other.slug}, [said])

    assert await RecordingRunTable.within("acme").count() == 1
    assert await RecordingRunTable.within("default").count() == 0
