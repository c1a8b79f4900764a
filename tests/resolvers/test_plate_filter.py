"""Events are found by their number plates, however these are written, and by an index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from tortoise.connection import get_connection

from media.event_ids import DAY_US, dated_id
from media.types import ChangeKind, EventChange, Plate
from models.bulk import run
from models.camera import Camera
from models.event_days import has_days, make_event_days
from resolvers import event_counts, events
from resolvers.context import World
from resolvers.errors import InvalidInput
from resolvers.event_counts import EventDimension, TimeBucket
from resolvers.events import EventFilter, EventOrder, PageOf
from resolvers.outcomes import value_of
from resolvers.plate_filter import WANTED
from resolvers.watch import EventItem, place_now, watch
from tests.statements import counted
from tests.world import StandingClock, add_camera, add_events, beginning, context

TODAY = 20_600
NOW = TODAY * DAY_US + DAY_US // 2
PLATES = ("51F-123.45", "51F-123.46", "29B1-234.56", "30A-1234", "AB123CD", "29MD1-567.89")


def read(text: str) -> Plate:
    return Plate(text, text, 0.9, "reader@2024-01-02")


def seen(camera: Camera, number: int, plate: str | None) -> EventChange:
    at_us = NOW - number
    began = beginning(
        camera.key, at_us, feature="license_plate", event_id=dated_id(f"evt-{number:04d}", at_us)
    )
    return replace(began, plate=None if plate is None else read(plate))


@pytest.fixture
async def here(world: World) -> World:
    """An event of each plate, the first the newest, and one without."""
    then = replace(world, clock=StandingClock(NOW))
    camera = await add_camera(then)
    changes = [seen(camera, number, plate) for number, plate in enumerate((*PLATES, None))]
    await add_events(then, camera, changes)
    return then


async def found(world: World, plate: str, **more: Any) -> list[str | None]:
    page = await events.events(context(world), EventFilter(plate=plate, **more))
    return [None if each.plate is None else each.plate["text"] for each in page.events]


@pytest.mark.parametrize(
    ("wanted", "plates"),
    [
        ("51F-123.45", ["51F-123.45"]),
        ("51F12345", ["51F-123.45"]),
        (" 51f 123-45 ", ["51F-123.45"]),
        ("51F", []),
        ("51F*", ["51F-123.45", "51F-123.46"]),
        ("51F-123*", ["51F-123.45", "51F-123.46"]),
        ("*34", ["30A-1234"]),
        ("*234*", ["51F-123.45", "51F-123.46", "29B1-234.56", "30A-1234"]),
        ("**F-12**", ["51F-123.45", "51F-123.46"]),
        ("*CD", ["AB123CD"]),
        ("51F12345*", ["51F-123.45"]),
        ("29-MĐ1 567.89", ["29MD1-567.89"]),
        ("29mđ*", ["29MD1-567.89"]),
        ("*51F12345", ["51F-123.45"]),
        ("99*", []),
    ],
)
async def test_plates_are_found_however_they_are_written(
    here: World, wanted: str, plates: Sequence[str]
) -> None:
    assert await found(here, wanted) == plates


@pytest.mark.parametrize(
    "wanted",
    ["", "*", "5", "*5*", "51*45", "5%", "5_", "51F\0", "é51F", "5" * 13, "5-" * 20, "-.-"],
    ids=[
        *("empty", "any", "one", "one-inside", "middle", "percent", "underscore", "nul"),
        *("letter", "long", "longer", "none"),
    ],
)
async def test_what_is_no_plate_is_refused_by_name(here: World, wanted: str) -> None:
    for ask in (found(here, wanted), found(here, wanted, types=["license_plate"])):
        with pytest.raises(InvalidInput) as caught:
            await ask
        assert [(each.field, each.message) for each in caught.value.fields] == [("plate", WANTED)]


async def test_other_filters_hold_too(here: World) -> None:
    assert await found(here, "51F*", since_us=NOW) == ["51F-123.45"]
    assert await found(here, "51F*", until_us=NOW) == ["51F-123.46"]
    assert await found(here, "51F*", types=["person"]) == []
    assert await found(here, "51F*", camera_ids=["cam-other"]) == []
    ctx = context(here)
    page = await events.events(ctx, EventFilter(plate="51F*"), EventOrder.OLDEST_FIRST, 1)
    assert ([each.at_us for each in page.events], page.has_next) == ([NOW - 1], True)
    after = events.event_cursor(page.events[0])
    rest = await events.events(ctx, EventFilter(plate="51F*"), EventOrder.OLDEST_FIRST, 1, after)
    assert ([each.at_us for each in rest.events], rest.has_next) == ([NOW], False)


async def test_another_tenants_plates_are_not_found(here: World) -> None:
    await add_camera(here, "cam-far", "acme")
    page = await events.events(context(here, "acme"), EventFilter(plate="51F*"))
    assert page.events == []


async def test_what_is_read_later_is_found_from_then_on(here: World) -> None:
    camera = await add_camera(here, "cam-gate")
    began = seen(camera, 20, None)
    await add_events(here, camera, [began])
    assert await found(here, "99A*") == []
    told = replace(began, kind=ChangeKind.CHANGED, plate=read("99A-111.11"))
    await add_events(here, camera, [told])
    assert await found(here, "99A11111") == ["99A-111.11"]
    better = replace(told, plate=read("99A-111.12"))
    await add_events(here, camera, [better])
    assert await found(here, "99A11111") == []
    ended = replace(began, kind=ChangeKind.ENDED, ended_at_us=NOW)
    await add_events(here, camera, [ended])
    assert await found(here, "99A11112") == ["99A-111.12"]


async def test_who_follows_is_told_once_it_is_read(here: World) -> None:
    """Also who comes later, and reads the same out of the database."""
    ctx, camera = context(here), await add_camera(here, "cam-gate")
    after = await place_now(ctx)
    began = seen(camera, 20, None)
    told = replace(began, kind=ChangeKind.CHANGED, plate=read("99A-111.11"))
    first, other = seen(camera, 19, "99A-111.12"), seen(camera, 21, "88B-222.22")
    async with aclosing(watch(ctx, EventFilter(plate="99a111*"), after)) as live:
        await add_events(here, camera, [first])
        items = [await anext(live)]  # from here on it is at the live edge
        for changes in ([began], [other], [told]):
            await add_events(here, camera, changes)
        items.append(await anext(live))
    async with aclosing(watch(ctx, EventFilter(plate="99A111*"), after)) as later:
        again = [await anext(later), await anext(later)]
    for told_items in (items, again):
        ids = [each.event.id for each in told_items if isinstance(each, EventItem)]
        assert ids == [first.event_id, began.event_id]


async def test_they_are_counted_and_paged_by_camera_alike(here: World) -> None:
    ctx = context(replace(here, clock=StandingClock(NOW + 1)))
    wanted = EventFilter(plate="51F*", since_us=NOW - DAY_US)
    [count] = await event_counts.event_counts(ctx, wanted, TimeBucket.DAY, [EventDimension.TYPE])
    assert count.count == 2
    camera = await add_camera(here, "cam-gate")
    asked = [PageOf(camera, EventFilter(plate="51F*"), 5, None)]
    assert value_of((await events.pages_of_cameras(ctx, asked))[0]).events == []


@pytest.mark.parametrize("wanted", ["51F-123.45", "51F*", "*123*", "*45"])
async def test_an_index_of_plates_alone_is_read(
    world: World, caplog: pytest.LogCaptureFixture, wanted: str
) -> None:
    """Of ten thousand events a hundredth has a plate; no statement looks at the others."""
    here = replace(world, clock=StandingClock(NOW))
    camera = await add_camera(here)
    changes = [
        seen(camera, number, f"51F-{number % 90000:03d}.{number % 100:02d}" if by_plate else None)
        for number in range(10_000)
        for by_plate in [number % 100 == 0]
    ]
    await add_events(here, camera, changes)
    if has_days():
        await make_event_days(NOW)
    await run("ANALYZE event" if has_days() else "ANALYZE")
    async with counted(caplog) as statements:
        page = await events.events(context(here), EventFilter(plate=wanted, since_us=NOW - DAY_US))
    assert len(statements) == 1
    assert all(each.plate is not None for each in page.events)
    plan = await plan_of(caplog)
    assert re.search(r"idx_event_plate|event_\w*_plate_key_\w*idx", plan), plan


async def plan_of(caplog: pytest.LogCaptureFixture) -> str:
    logged: list[Any] = [each.args for each in caplog.records if each.name == "tortoise.db_client"]
    [(statement, values)] = filter(None, logged)
    how = "EXPLAIN" if has_days() else "EXPLAIN QUERY PLAN"
    rows = await get_connection("default").execute_query_dict(f"{how} {statement}", values)
    return "\n".join(str(list(row.values())) for row in rows)
