"""Pages and single events over many days: the right ones, without a look at every day."""

from __future__ import annotations

import logging
import re
from contextlib import aclosing
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from tortoise.connection import get_connection

from media.event_ids import DAY_US, dated_id
from media.types import ChangeKind, EventChange
from models.base import select
from models.camera import Camera
from models.event import Event, EventTable
from models.event_days import has_days, make_event_days
from models.tenant import last_number
from resolvers import cursors, events
from resolvers.context import Context, World
from resolvers.errors import BadCursor
from resolvers.events import EventFilter, EventOrder, PageOf
from resolvers.outcomes import value_of
from resolvers.watch import EventItem, place_now, watch
from tests.world import StandingClock, add_camera, add_events, beginning, context

TODAY = 20_600
NOW = TODAY * DAY_US + DAY_US // 2
TYPES = ("person", "vehicle", "face")


@pytest.fixture
def world_then(world: World) -> World:
    return replace(world, clock=StandingClock(NOW))


async def over_the_years(world: World, cameras: list[Camera], chance: Random) -> list[EventChange]:
    """Events of some years, thick lately and thin before, and of clocks that were off."""
    ages = [int(chance.expovariate(1.0) ** 4 * DAY_US) for _ in range(250)]
    times = [NOW - age for age in ages] + [NOW, NOW, NOW, 0, 17, NOW + 5_000 * DAY_US]
    told: list[EventChange] = []
    for number, at_us in enumerate(times):
        name = dated_id(f"evt-{number:04d}", at_us) if number % 2 else f"door-{number:04d}"
        camera, feature = chance.choice(cameras), chance.choice(TYPES)
        told.append(beginning(camera.key, at_us, event_id=name, feature=feature))
    for camera in cameras:
        await add_events(world, camera, [each for each in told if each.camera_key == camera.key])
    return told


def _wanted(chance: Random) -> EventFilter:
    since = NOW - int(chance.expovariate(1.0) ** 4 * DAY_US) if chance.random() < 0.4 else None
    until = NOW - int(chance.expovariate(1.0) ** 4 * DAY_US) if chance.random() < 0.4 else None
    return EventFilter(
        camera_ids=chance.choice([None, ["cam-1"], ["cam-0", "cam-2"]]),
        types=chance.choice([None, ["face"], ["face", "person"]]),
        since_us=since,
        until_us=until,
    )


def _matching(
    told: list[EventChange], cameras: list[Camera], wanted: EventFilter, order: EventOrder
) -> list[str]:
    """By a plain look at every event."""
    slugs = {camera.key: camera.slug for camera in cameras}
    found = [
        (each.at_us, each.event_id)
        for each in told
        if (wanted.camera_ids is None or slugs[each.camera_key] in wanted.camera_ids)
        and (wanted.types is None or each.detection.feature in wanted.types)
        and (wanted.since_us is None or each.at_us >= wanted.since_us)
        and (wanted.until_us is None or each.at_us < wanted.until_us)
    ]
    return [name for _, name in sorted(found, reverse=order is EventOrder.NEWEST_FIRST)]


@pytest.mark.parametrize("with_days", [False, True])
async def test_pages_of_any_filter_and_order_hold_every_event_once(
    world_then: World, *, with_days: bool
) -> None:
    if with_days and not has_days():
        pytest.skip("SQLite keeps one table")
    chance = Random(3)
    cameras = [await add_camera(world_then, f"cam-{number}") for number in range(3)]
    told = await over_the_years(world_then, cameras, chance)
    if with_days:
        await make_event_days(NOW)
    for _ in range(12):
        wanted, order = _wanted(chance), chance.choice(list(EventOrder))
        size, seen = chance.choice([3, 20, 150]), list[str]()
        after: str | None = None
        while True:
            page = await events.events(context(world_then), wanted, order, size, after)
            seen += [each.id for each in page.events]
            if not page.has_next or len(seen) > len(told):
                break
            after = events.event_cursor(page.events[-1])
        assert seen == _matching(told, cameras, wanted, order)


@pytest.mark.parametrize("with_days", [False, True])
async def test_pages_of_many_cameras_are_those_of_each(
    world_then: World, *, with_days: bool
) -> None:
    if with_days and not has_days():
        pytest.skip("SQLite keeps one table")
    chance, ctx = Random(6), context(world_then)
    cameras = [await add_camera(world_then, f"cam-{number}") for number in range(4)]
    told = await over_the_years(world_then, cameras[:3], chance)
    if with_days:
        await make_event_days(NOW)
    for _ in range(8):
        place = await events.event(ctx, chance.choice(told).event_id)
        after = chance.choice([None, events.event_cursor(place), "none of ours"])
        wanted, size = _wanted(chance), chance.choice([1, 5, 150])
        asked = [
            PageOf(each, wanted, chance.choice([size, 2]), chance.choice([after, None]))
            for each in chance.choices(cameras, k=6)
        ]
        assert [repr(each) for each in await events.pages_of_cameras(ctx, asked)] == [
            await _alone(ctx, each) for each in asked
        ]


async def _alone(ctx: Context, asked: PageOf) -> str:
    slugs = [asked.camera.slug] if asked.names_camera else []
    wanted = msgspec.structs.replace(asked.wanted, camera_ids=slugs)
    try:
        return repr(await events.events(ctx, wanted, first=asked.first, after=asked.after))
    except BadCursor as refusal:
        return repr(refusal)


async def test_every_event_is_found_by_its_id(world_then: World) -> None:
    cameras = [await add_camera(world_then, "cam-0")]
    told = await over_the_years(world_then, cameras, Random(4))
    await make_event_days(NOW)
    for change in [*told[:40], *told[-6:]]:
        found = await events.event(context(world_then), change.event_id)
        assert (found.at_us, found.trace_id) == (change.at_us, change.trace_id)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, list[Any]]]:
    """The statements about events, with their values."""
    found: list[Any] = [each.args for each in caplog.records if each.name == "tortoise.db_client"]
    return [args for args in found if args and re.search(r'event"?\s', args[0])]


async def days_of(caplog: pytest.LogCaptureFixture) -> int:
    """How many tables any of the statements that were logged looks at."""
    statements, counts = logged(caplog), []
    for statement, values in statements:
        rows = await get_connection("default").execute_query_dict(f"EXPLAIN {statement}", values)
        plan = " ".join(row["QUERY PLAN"] for row in rows)
        counts.append(len(set(re.findall(r" on (event_(?:odd|\d+))\b", plan))))
    caplog.clear()
    return max(counts)


async def over_sixty_days(world: World, camera: Camera) -> list[EventChange]:
    """Twenty events a day, each day in its own table."""
    told = [
        beginning(camera.key, at_us, event_id=dated_id(f"evt-{at_us}", at_us))
        for at_us in range(NOW - 59 * DAY_US, NOW + 1, DAY_US // 20)
    ]
    await add_events(world, camera, told)
    await make_event_days(NOW)
    return told


async def test_of_sixty_days_pages_of_many_cameras_look_at_few(
    world_then: World, caplog: pytest.LogCaptureFixture
) -> None:
    if not has_days():
        pytest.skip("SQLite keeps one table")
    camera, ctx = await add_camera(world_then), context(world_then)
    told = await over_sixty_days(world_then, camera)
    place = events.event_cursor(await events.event(ctx, told[len(told) // 2].event_id))
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        for after in (None, place):
            caplog.clear()
            asked = [PageOf(camera, events.ALL, 10, after)] * 3
            for page in map(value_of, await events.pages_of_cameras(ctx, asked)):
                assert len(page.events) == 10
            assert await days_of(caplog) <= 5


async def test_of_sixty_days_a_query_looks_at_few(
    world_then: World, caplog: pytest.LogCaptureFixture
) -> None:
    if not has_days():
        pytest.skip("SQLite keeps one table")
    camera = await add_camera(world_then)
    told = await over_sixty_days(world_then, camera)
    ctx, middle = context(world_then), told[len(told) // 2]
    place = events.event_cursor(await events.event(ctx, middle.event_id))
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        caplog.clear()
        await events.event(ctx, middle.event_id)
        assert await days_of(caplog) == 1
        ended = replace(middle, kind=ChangeKind.ENDED, ended_at_us=NOW)
        await add_events(world_then, camera, [ended])
        assert await days_of(caplog) == 1
        assert len((await events.events(ctx, first=10)).events) == 10
        assert await days_of(caplog) <= 5
        for order in EventOrder:
            page = await events.events(ctx, order=order, first=10, after=place)
            assert len(page.events) == 10
            assert await days_of(caplog) <= 3
        wanted = EventFilter(since_us=middle.at_us, until_us=middle.at_us + DAY_US // 4)
        assert len((await events.events(ctx, wanted)).events) == 5
        assert await days_of(caplog) <= 2
        start = await place_now(ctx)
        await add_events(world_then, camera, [beginning(camera.key, NOW)])
        caplog.clear()
        async with aclosing(watch(ctx, after=start)) as items:
            assert isinstance(await anext(items), EventItem)
        assert await days_of(caplog) <= 6


@pytest.mark.parametrize("types", [None, ["face", "person"]])
async def test_followers_get_every_step_however_old_its_frame(
    world_then: World, types: list[str] | None
) -> None:
    """Resumed anywhere; with changes that were overtaken, and times that no clock should tell."""
    chance = Random(5)
    camera = await add_camera(world_then)
    told: list[EventChange] = []
    for number in range(150):
        at_us = chance.choice([NOW, NOW, NOW, NOW - 9 * DAY_US, 5, NOW + 900 * DAY_US]) + number
        name, feature = dated_id(f"evt-{number:04d}", at_us), chance.choice(TYPES)
        told.append(beginning(camera.key, at_us, event_id=name, feature=feature))
    for first in range(0, 150, 10):
        some = told[first : first + 10]
        changed = [replace(each, kind=ChangeKind.CHANGED) for each in some[:3]]
        ended = [
            replace(each, kind=ChangeKind.ENDED, ended_at_us=each.at_us + 1) for each in some[2:6]
        ]
        await add_events(world_then, camera, [*some, *changed, *ended])
    await make_event_days(NOW)
    rows = await select(EventTable.within("default"), Event)
    wanted = [each for each in rows if types is None or each.type in types]
    steps = [(each.began_seq, each.id) for each in wanted]
    steps += [(each.seq, each.id) for each in wanted if each.seq != each.began_seq]
    last = await last_number("default", "event_seq")
    for seen in (0, 100, last - 40, last - 3):
        expected = [name for place, name in sorted(steps) if place > seen]
        after, found = cursors.encode_log("default", seen), list[str]()
        async with aclosing(watch(context(world_then), EventFilter(types=types), after)) as items:
            while len(found) < len(expected):
                item = await anext(items)
                assert isinstance(item, EventItem)
                found.append(item.event.id)
        assert found == expected
