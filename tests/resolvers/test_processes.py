"""Several processes on one database at once."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from pathlib import Path

from models.event import EventTable
from models.tenant import TenantTable, last_number
from resolvers import cameras
from resolvers.context import World
from resolvers.watch import EventItem, place_now, watch
from tests.elsewhere import elsewhere, result
from tests.world import add_camera, context

WRITERS, EACH = 4, 250


async def test_200_parallel_creates_in_two_processes_leave_exactly_the_limit(
    world: World, database: str, tmp_path: Path
) -> None:
    work = ("create_cameras", "100")
    async with elsewhere(database, tmp_path, work, work) as processes:
        made = [await result(process) for process in processes]
    assert sum(made) == 10
    names = [each.slug for each in await cameras.cameras(context(world, "acme"))]
    assert sorted(names) == sorted(["cam-lobby", *(f"cam-lobby-{n}" for n in range(2, 11))])
    assert await last_number("acme", "camera_seq") == 10


async def test_followers_killed_at_random_get_every_event_of_four_writers_once_in_order(
    world: World, database: str, tmp_path: Path
) -> None:
    camera = await add_camera(world)
    start = await place_now(context(world))
    works = [("write_events", str(camera.key), f"w{n}", str(EACH)) for n in range(WRITERS)]
    async with elsewhere(database, tmp_path, *works) as processes, asyncio.timeout(60):
        seen = await asyncio.gather(*(follow(world, start, seed) for seed in range(3)))
        assert [await result(process) for process in processes] == [EACH] * WRITERS
    rows = await EventTable.within("default").order_by("seq").values_list("seq", "id")
    assert [seq for seq, _ in rows] == list(range(1, WRITERS * EACH + 1))
    for ids in seen:
        assert ids == [event_id for _, event_id in rows]


async def follow(world: World, after: str, seed: int) -> list[str]:
    """Ids in the order told, over a connection that is lost again and again."""
    chance = random.Random(seed)
    ids: list[str] = []
    while len(ids) < WRITERS * EACH:
        left = min(chance.randint(1, 60), WRITERS * EACH - len(ids))
        async with aclosing(watch(context(world), after=after)) as steps:
            async for step in steps:
                assert isinstance(step, EventItem)
                ids.append(step.event.id)
                after = step.cursor
                left -= 1
                if not left:
                    break
    return ids


async def test_processes_that_found_the_default_tenant_at_once_agree(
    world: World, database: str, tmp_path: Path
) -> None:
    await TenantTable.filter(id="default").delete()
    work = ("found_default",)
    async with elsewhere(database, tmp_path, work, work, work) as processes:
        assert [await result(process) for process in processes] == [1, 1, 1]
    assert await TenantTable.filter(id="default").count() == 1
