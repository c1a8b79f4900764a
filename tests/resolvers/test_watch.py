from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from dataclasses import replace

import pytest

from media.types import ChangeKind, EventChange
from models.tenant import TenantTable
from resolvers import cursors
from resolvers.context import World
from resolvers.errors import BadCursor
from resolvers.events import EventFilter
from resolvers.watch import EventItem, GapItem, place_now, watch
from tests.world import add_camera, add_events, beginning, context

T0 = 1_780_000_000_000_000


def begin(key: object, number: int, **changes: object) -> EventChange:
    return beginning(key, T0 + number * 1000, event_id=f"evt-{number:04d}", **changes)  # type: ignore[arg-type]


def end(change: EventChange) -> EventChange:
    return replace(change, kind=ChangeKind.ENDED, ended_at_us=change.at_us + 5_000_000)


async def collect(world: World, after: str | None, count: int, **wanted: object) -> list[EventItem]:
    found: list[EventItem] = []
    ctx = context(world)
    async with aclosing(watch(ctx, EventFilter(**wanted), after)) as items:  # type: ignore[arg-type]
        async for item in items:
            assert isinstance(item, EventItem)
            found.append(item)
            if len(found) == count:
                return found
    raise AssertionError("the watch ended by itself")


async def test_a_change_moves_the_event_and_both_steps_are_seen_once(world: World) -> None:
    camera = await add_camera(world)
    start = await place_now(context(world))
    first, second = begin(camera.key, 1), begin(camera.key, 2)
    await add_events(world, camera, [first, second, end(first)])
    items = await collect(world, start, 3)
    assert [(each.kind.value, each.event.id) for each in items] == [
        ("began", "evt-0001"),
        ("began", "evt-0002"),
        ("ended", "evt-0001"),
    ]
    rest = await collect(world, items[0].cursor, 2)
    assert [(each.kind.value, each.event.id) for each in rest] == [
        ("began", "evt-0002"),
        ("ended", "evt-0001"),
    ]


async def test_a_subscriber_killed_and_resumed_at_random_gets_each_event_once(
    world: World,
) -> None:
    camera = await add_camera(world)
    chance = random.Random(7)
    after = await place_now(context(world))
    seen: list[tuple[str, str]] = []

    async def write() -> None:
        for first in range(0, 1000, 20):
            batch = [begin(camera.key, number) for number in range(first, first + 20)]
            await add_events(world, camera, [*batch, *map(end, batch[::2])])
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    while len(seen) < 1500:
        for item in await collect(world, after, min(chance.randint(1, 90), 1500 - len(seen))):
            seen.append((item.event.id, item.kind.value))
            after = item.cursor
    await writing
    assert len(set(seen)) == 1500
    assert [name for name, kind in seen if kind == "began"] == [
        f"evt-{number:04d}" for number in range(1000)
    ]


async def test_a_cursor_older_than_retention_gets_an_explicit_gap(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [begin(camera.key, number) for number in range(5)])
    await TenantTable.filter(id="default").update(event_floor=3)
    ctx = context(world)
    async with aclosing(watch(ctx, after=cursors.encode_log("default", 1))) as items:
        gap = await anext(items)
        assert isinstance(gap, GapItem)
        assert cursors.decode_log("default", gap.cursor) == 3
        following = await anext(items)
        assert isinstance(following, EventItem)
        assert following.event.began_seq == 4


@pytest.mark.parametrize("cursor", ["", "x", "!!", "a" * 500, "ééé", "bA", "AAAA"])
async def test_a_bad_cursor_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await anext(watch(context(world), after=cursor))


async def test_a_cursor_of_another_tenant_or_kind_or_future_is_refused(world: World) -> None:
    for cursor in (
        cursors.encode_log("acme", 0),
        cursors.encode(cursors.EVENTS, "default", 1, "x"),
        cursors.encode_log("default", 99),
    ):
        with pytest.raises(BadCursor):
            await anext(watch(context(world), after=cursor))
