from __future__ import annotations

from dataclasses import replace

import pytest

from media.types import ChangeKind, EventChange
from resolvers import events
from resolvers.access import Scope
from resolvers.context import World
from resolvers.errors import BadCursor, InvalidInput, NotFound, ScopeMissing
from resolvers.events import EventFilter, EventOrder
from resolvers.watch import place_now, watch
from tests.world import add_camera, add_events, beginning, context

T0 = 1_780_000_000_000_000


def begin(key: object, number: int, **changes: object) -> EventChange:
    return beginning(key, T0 + number * 1000, event_id=f"evt-{number:04d}", **changes)  # type: ignore[arg-type]


def end(change: EventChange) -> EventChange:
    return replace(change, kind=ChangeKind.ENDED, ended_at_us=change.at_us + 5_000_000)


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
    assert await found(types=["door_contact"]) == []
    with pytest.raises(InvalidInput, match="type: want person, vehicle"):
        await found(types=["a ghost"])


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
    for refusal in (events.events(ctx), events.event(ctx, "x"), anext(watch(ctx))):
        with pytest.raises(ScopeMissing):
            await refusal


async def test_writing_the_same_changes_again_changes_nothing(world: World) -> None:
    camera = await add_camera(world)
    first = begin(camera.key, 1)
    await add_events(world, camera, [first, end(first)])
    before = await events.event(context(world), "evt-0001")
    place = await place_now(context(world))
    await add_events(world, camera, [first, end(first)])
    assert await events.event(context(world), "evt-0001") == before
    assert await place_now(context(world)) == place


@pytest.mark.parametrize("cursor", ["", "x", "!!", "a" * 500, "ééé", "bA", "AAAA"])
async def test_a_bad_cursor_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await events.events(context(world), after=cursor)
