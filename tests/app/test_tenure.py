"""A worker keeps its own through outages, takes its share, and gives away what is too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app import tenure as tenure_module
from app.tenure import MOST_GIVEN, MOST_TAKEN, Tenure
from models.base import select
from models.lease import CameraLease, Worker, every_lease
from resolvers.bus import CAMERA_CONFIG
from resolvers.context import World
from resolvers.errors import Unavailable
from resolvers.leases import Wanted
from tests.servers import Postgres
from tests.world import open_world


@pytest.fixture
async def world(mortal_postgres: Postgres, database: str, tmp_path: Path) -> AsyncIterator[World]:
    """On a server that the test may stop, with quick time-outs."""
    async with open_world(f"{database}&command_timeout=1&timeout=1", tmp_path) as opened:
        yield opened


def wanted(count: int) -> list[Wanted]:
    return [Wanted("default", UUID(int=number)) for number in range(1, count + 1)]


async def joined(world: World, name: str = "one", *, alone: bool = False) -> Tenure:
    now_us = world.clock.now_us()
    made = Tenure(world, Worker(uuid4(), name, None, uuid4(), now_us, now_us), alone=alone)
    await made.renew()
    return made


async def owners() -> dict[UUID, tuple[UUID | None, int]]:
    found = await select(every_lease(), CameraLease)
    return {each.camera_key: (each.worker_id, each.token) for each in found}


async def taken_all(tenure: Tenure, cameras: list[Wanted]) -> None:
    while await tenure.take(cameras):
        pass


@asynccontextmanager
async def renewing(*tenures: Tenure) -> AsyncIterator[None]:
    """As long as the context is open they renew, as workers that run do."""
    tasks = [asyncio.create_task(each.keep()) for each in tenures]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


async def test_cameras_are_taken_a_few_at_a_time_up_to_the_share(world: World) -> None:
    cameras = wanted(2 * MOST_TAKEN + 3)
    first = await joined(world)

    assert await first.take(cameras)
    assert len(first.tokens) == MOST_TAKEN
    second = await joined(world, "two")
    await first.renew()
    await taken_all(first, cameras)
    await taken_all(second, cameras)

    assert (len(first.tokens), len(second.tokens)) == (10, 9)
    assert not first.tokens.keys() & second.tokens.keys()


async def test_two_who_grab_at_once_get_no_camera_twice(world: World) -> None:
    cameras = wanted(7)
    crew = [await joined(world, str(number)) for number in range(3)]
    for each in crew:
        await each.renew()

    await asyncio.gather(*(taken_all(each, cameras) for each in crew))

    owned = [key for each in crew for key in each.tokens]
    assert len(owned) == len(set(owned)) == 7
    assert max(len(each.tokens) for each in crew) == 3


async def test_what_is_too_much_is_given_away_gently(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenure_module, "SETTLE_SECONDS", 0.2)
    cameras = wanted(6)
    first = await joined(world)
    await taken_all(first, cameras)
    assert first.surplus(cameras) == 0
    await joined(world, "two")
    await first.renew()

    assert first.surplus(cameras) == 0, "not before others have settled"
    await asyncio.sleep(0.25)
    assert first.surplus(cameras) == MOST_GIVEN
    assert first.surplus(cameras) == 0, "not all at once"
    async with world.bus.bell(CAMERA_CONFIG) as bell:
        await first.give_back([cameras[0].key, cameras[1].key])
        assert bell.is_set(), "others are told"

    assert len(first.tokens) == 4
    assert [owner for owner, _ in (await owners()).values()].count(None) == 2


async def test_who_has_its_share_gives_nothing_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenure_module, "SETTLE_SECONDS", 0.0)
    cameras = wanted(5)
    first, second = await joined(world), await joined(world, "two")
    await first.renew()
    await taken_all(first, cameras)
    await taken_all(second, cameras)

    assert (len(first.tokens), len(second.tokens)) == (3, 2)
    assert (first.surplus(cameras), second.surplus(cameras)) == (0, 0)


async def test_the_cameras_of_a_dead_worker_are_taken_once_its_leases_have_expired(
    world: World,
) -> None:
    cameras = wanted(4)
    first, second = await joined(world), await joined(world, "two")
    await first.renew()
    await taken_all(first, cameras)
    await taken_all(second, cameras)
    before = await owners()

    async with renewing(second):
        await until(lambda: bool(second._expired))
        await taken_all(second, cameras)

    assert second.tokens.keys() == {each.key for each in cameras}
    after = await owners()
    for key, (owner, token) in before.items():
        assert after[key] == (second.me.id, token + (owner != second.me.id))


async def test_the_living_lose_nothing_when_all_leases_have_expired_at_once(world: World) -> None:
    """As after an outage, or a step of the database's clock."""
    cameras = wanted(4)
    first, second = await joined(world), await joined(world, "two")
    await first.renew()
    await taken_all(first, cameras)
    await taken_all(second, cameras)
    before = await owners()
    await every_lease().update(expires_us=1)

    async with renewing(first, second):
        for _ in range(8):
            await second.take(cameras)
            await asyncio.sleep(0.2)

    assert await owners() == before


async def test_while_the_database_is_away_everything_is_kept(
    world: World, mortal_postgres: Postgres
) -> None:
    cameras = wanted(4)
    first, second = await joined(world), await joined(world, "two")
    await first.renew()
    await taken_all(first, cameras)
    await taken_all(second, cameras)
    before, tokens = await owners(), (dict(first.tokens), dict(second.tokens))

    async with renewing(first, second):
        mortal_postgres.kill()
        await asyncio.sleep(3.5)
        assert (first.tokens, second.tokens) == tokens
        with pytest.raises(Unavailable):
            await first.give_back([next(iter(first.tokens))])
        assert (first.tokens, second.tokens) == tokens
        mortal_postgres.revive()
        await until(lambda: first._known and second._known)
        for _ in range(5):
            await first.take(cameras)
            await asyncio.sleep(0.2)

    assert await owners() == before


async def test_who_slept_too_long_finds_out_at_once(world: World) -> None:
    cameras = wanted(2)
    sleeper = await joined(world)
    await taken_all(sleeper, cameras)
    await every_lease().update(worker_id=uuid4(), token=9)

    await sleeper.renew()

    assert sleeper.tokens == {}
    assert sleeper.changed.is_set()


async def test_what_stands_in_the_way_is_outbid(world: World) -> None:
    cameras = wanted(1)
    first = await joined(world)
    await taken_all(first, cameras)

    assert await first.outbid(cameras[0].key, 41)
    assert first.tokens == {cameras[0].key: 42}
    await every_lease().update(worker_id=uuid4())
    assert not await first.outbid(cameras[0].key, 42)
    assert first.tokens == {}


async def test_who_is_alone_need_not_wait_for_its_predecessor(world: World) -> None:
    cameras = wanted(3)
    before = await joined(world)
    await taken_all(before, cameras)

    now = await joined(world, "now", alone=True)
    await taken_all(now, cameras)

    assert now.tokens == {each.key: 2 for each in cameras}


async def test_who_leaves_frees_all_and_tells(world: World) -> None:
    cameras = wanted(3)
    first = await joined(world)
    await taken_all(first, cameras)

    async with world.bus.bell(CAMERA_CONFIG) as bell:
        await first.leave()
        assert bell.is_set()

    assert {owner for owner, _ in (await owners()).values()} == {None}
