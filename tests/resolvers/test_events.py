from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from dataclasses import replace

import pytest

from media.types import ChangeKind, EventChange
from models.tenant import TenantTable
from resolvers import cursors, events
from resolvers.access import Scope
from resolvers.context import World
from resolvers.errors import BadCursor, InvalidInput, NotFound, ScopeMissing
from resolvers.events import EventFilter, EventItem, EventOrder, GapItem
from tests.world import add_camera, add_events, beginning, context

T0 = 1_780_000_000_000_000


def begin(key: object, number: int, **changes: object) -> EventChange:
    return beginning(key, T0 + number * 1000, event_id=f"evt-{number:04d}", **changes)  # type: ignore[arg-type]


def end(change: EventChange) -> EventChange:
    return replace(change, kind=ChangeKind.ENDED, ended_at_us=change.at_us + 5_000_000)


async def collect(world: World, after: str | None, count: int, **wanted: object) -> list[EventItem]:
    found: list[EventItem] = []
    ctx = context(world)
    async with aclosing(events.watch(ctx, EventFilter(**wanted), after)) as items:  # type: ignore[arg-type]
        async for item in items:
            assert isinstance(item, EventItem)
            found.append(item)
            if len(found) == count:
                return found
    raise AssertionError("the watch ended by itself")


async def test_paging_walks_every_event_once_in_both_orders(world: World) -> None:
    camera = await add_camera(world)
    changes = [beginning(camera.key, T0 + n // 3, event_id=f"evt-{n:04d}") for n in range(100)]
    await add_events(world, camera, changes)
    for order, first_id in (
        (EventOrder.NEWEST_FIRST, "evt-0099"),
        (EventOrder.OLDEST_FIRST, "evt-0000"),
    ):
        seen: list[str] = []
        after = None
        while True:
            page = await events.events(context(world), order=order, first=7, after=after)
            seen += [each.id for each in page.events]
            if not page.has_next:
                break
            after = events.event_cursor(page.events[-1])
        assert (seen[0], len(seen), len(set(seen))) == (first_id, 100, 100)


async def test_filters_narrow(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [begin(camera.key, 1), begin(camera.key, 2, feature="vehicle")])

    async def found(**wanted: object) -> list[str]:
        page = await events.events(context(world), EventFilter(**wanted))  # type: ignore[arg-type]
        return [each.id for each in page.events]

    assert await found(types=["vehicle"]) == ["evt-0002"]
    assert await found(camera_ids=["cam-front-01"]) == ["evt-0002", "evt-0001"]
    assert await found(camera_ids=["cam-other"]) == []
    assert await found(camera_ids=[]) == []
    assert await found(since_us=T0 + 2000) == ["evt-0002"]
    assert await found(until_us=T0 + 2000) == ["evt-0001"]
    with pytest.raises(InvalidInput, match="'ghost' is not among person"):
        await found(types=["ghost"])


async def test_another_tenants_event_is_as_absent_as_none(world: World) -> None:
    camera = await add_camera(world, "cam-a", "acme")
    await add_events(world, camera, [begin(camera.key, 1)])
    ctx = context(world, "default")
    for event_id in ("evt-0001", "evt-9999"):
        with pytest.raises(NotFound, match=f"there is no event '{event_id}'"):
            await events.event(ctx, event_id)
    assert (await events.events(ctx)).events == []
    assert (await events.event(context(world, "acme"), "evt-0001")).camera_slug == "cam-a"


async def test_scopes_are_demanded(world: World) -> None:
    ctx = context(world, "default", Scope.CAMERAS_READ)
    for refusal in (events.events(ctx), events.event(ctx, "x"), anext(events.watch(ctx))):
        with pytest.raises(ScopeMissing):
            await refusal


async def test_a_change_moves_the_event_and_both_steps_are_seen_once(world: World) -> None:
    camera = await add_camera(world)
    start = await events.place_now(context(world))
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


async def test_writing_the_same_changes_again_changes_nothing(world: World) -> None:
    camera = await add_camera(world)
    first = begin(camera.key, 1)
    await add_events(world, camera, [first, end(first)])
    before = await events.event(context(world), "evt-0001")
    place = await events.place_now(context(world))
    await add_events(world, camera, [first, end(first)])
    assert await events.event(context(world), "evt-0001") == before
    assert await events.place_now(context(world)) == place


async def test_a_subscriber_killed_and_resumed_at_random_gets_each_event_once(
    world: World,
) -> None:
    camera = await add_camera(world)
    chance = random.Random(7)
    after = await events.place_now(context(world))
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
    async with aclosing(events.watch(ctx, after=cursors.encode_log("default", 1))) as items:
        gap = await anext(items)
        assert isinstance(gap, GapItem)
        assert cursors.decode_log("default", gap.cursor) == 3
        following = await anext(items)
        assert isinstance(following, EventItem)
        assert following.event.began_seq == 4


@pytest.mark.parametrize("cursor", ["", "x", "!!", "a" * 500, "ééé", "bA", "AAAA"])
async def test_a_bad_cursor_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await anext(events.watch(context(world), after=cursor))
    with pytest.raises(BadCursor):
        await events.events(context(world), after=cursor)


async def test_a_cursor_of_another_tenant_or_kind_or_future_is_refused(world: World) -> None:
    for cursor in (
        cursors.encode_log("acme", 0),
        cursors.encode(cursors.EVENTS, "default", 1, "x"),
        cursors.encode_log("default", 99),
    ):
        with pytest.raises(BadCursor):
            await anext(events.watch(context(world), after=cursor))
