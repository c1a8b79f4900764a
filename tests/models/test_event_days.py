"""The days of the event table: made ahead, by many at once; dropped whole, or row by row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from tortoise.connection import get_connection

from media.types import ChangeKind
from models.camera import Camera
from models.event import EventTable
from models.event_days import DAY_US, DAYS_AHEAD, DAYS_BACK, drop_event_days, has_days
from models.event_days import make_event_days as make
from models.tenant import last_number
from resolvers.context import World
from resolvers.watch import EventItem, GapItem, watch
from tests.world import StandingClock, add_camera, add_events, beginning, context

TODAY = 20_600
NOW = TODAY * DAY_US + DAY_US // 2
YEARS_AGO, IN_YEARS = NOW - 9_000 * DAY_US, NOW + 9_000 * DAY_US


@pytest.fixture
async def camera(world: World) -> Camera:
    return await add_camera(world)


async def days() -> list[str]:
    """Names of the partitions that hold one day."""
    if not has_days():
        return []
    rows = await get_connection("default").execute_query_dict(
        "SELECT relname FROM pg_class WHERE relname ~ '^event_[0-9]+$' AND relkind = 'r' ORDER BY 1"
    )
    return [row["relname"] for row in rows]


async def places() -> dict[str, str]:
    """Where each event lies."""
    rows = await get_connection("default").execute_query_dict(
        "SELECT id, tableoid::regclass::text AS place FROM event"
    )
    return {row["id"]: row["place"] for row in rows}


async def kept(tenant_id: str) -> list[str]:
    found = await EventTable.within(tenant_id).order_by("id").values_list("id", flat=True)
    return [str(each) for each in found]


async def begin(world: World, camera: Camera, written_us: int | None = None, **times: int) -> None:
    """Events by their ids, in this order, each written at its time or all at another."""
    for name, at_us in times.items():
        clock = StandingClock(at_us if written_us is None else written_us)
        change = beginning(camera.key, at_us, event_id=name)
        await add_events(replace(world, clock=clock), camera, [change])


def only_by_days() -> None:
    if not has_days():
        pytest.skip("SQLite keeps one table")


async def test_days_to_come_are_made_once_however_many_make_them(world: World) -> None:
    made = await asyncio.gather(*(make(NOW) for _ in range(8)))
    assert sorted(made) == [0] * 7 + [(DAYS_AHEAD + 1) * has_days()]
    assert await days() == ["event_20260527", "event_20260528", "event_20260529"] * has_days()
    assert await make(NOW + DAY_US) == int(has_days())


async def test_an_event_lies_in_its_day_and_one_of_an_odd_clock_has_a_place_too(
    world: World, camera: Camera
) -> None:
    only_by_days()
    await make(NOW)
    await begin(world, camera, a=YEARS_AGO, b=NOW, c=NOW + DAY_US, d=IN_YEARS, e=-1)
    assert await places() == {
        "a": "event_odd",
        "b": "event_20260527",
        "c": "event_20260528",
        "d": "event_odd",
        "e": "event_odd",
    }


async def test_events_that_came_before_their_day_move_into_it(world: World, camera: Camera) -> None:
    only_by_days()
    last_of_day, oldest = TODAY * DAY_US + DAY_US - 1, (TODAY - DAYS_BACK) * DAY_US
    await begin(world, camera, a=last_of_day, b=TODAY * DAY_US, c=oldest, d=oldest - 1)
    before = await EventTable.within("default").order_by("id").values()
    assert set((await places()).values()) == {"event_odd"}
    assert await make(NOW) == DAYS_AHEAD + 2
    assert await places() == {
        "a": "event_20260527",
        "b": "event_20260527",
        "c": "event_20250422",
        "d": "event_odd",
    }
    assert await EventTable.within("default").order_by("id").values() == before


async def test_events_are_written_while_days_are_made_and_dropped(
    world: World, camera: Camera
) -> None:
    async def write() -> None:
        for number in range(120):
            await begin(world, camera, **{f"evt-{number:03d}": NOW + number % 12 * DAY_US})

    async def turn() -> None:
        for day in range(12):
            await make(NOW + day * DAY_US)
            await drop_event_days({"acme": NOW + day * DAY_US}, NOW)

    await asyncio.gather(write(), turn())
    assert await kept("default") == [f"evt-{number:03d}" for number in range(120)]
    assert await last_number("default", "event_seq") == 120


async def test_a_day_that_nobody_keeps_goes_whole(world: World, camera: Camera) -> None:
    await begin(world, camera, a=NOW - 2 * DAY_US, b=NOW - DAY_US, c=NOW)
    await make(NOW)
    dropped = await drop_event_days({"default": NOW, "acme": NOW}, NOW)
    assert (dropped.days, dropped.events) == ((2, 0) if has_days() else (0, 2))
    assert await kept("default") == ["c"]
    assert "event_20260526" not in await days()
    assert await last_number("default", "event_floor") == 2
    assert await last_number("acme", "event_floor") == 0
    again = await drop_event_days({"default": NOW, "acme": NOW}, NOW)
    assert (again.days, again.events) == (0, 0)


async def test_a_day_that_another_tenant_keeps_loses_only_the_rows_of_who_does_not(
    world: World, camera: Camera
) -> None:
    theirs = await add_camera(world, "cam-a", "acme")
    await begin(world, camera, a=NOW - DAY_US, b=NOW)
    await begin(world, theirs, x=NOW - DAY_US, y=NOW)
    await make(NOW)
    dropped = await drop_event_days({"default": NOW}, NOW)
    assert (dropped.days, dropped.events) == (0, 1)
    assert (await kept("default"), await kept("acme")) == (["b"], ["x", "y"])
    assert await last_number("acme", "event_floor") == 0
    dropped = await drop_event_days({"default": NOW, "acme": NOW - DAY_US}, NOW)
    assert (dropped.days, dropped.events) == (0, 0)
    assert await kept("acme") == ["x", "y"]


async def test_the_day_of_the_instant_is_kept_from_its_midnight_on(
    world: World, camera: Camera
) -> None:
    midnight = TODAY * DAY_US
    await begin(world, camera, a=midnight - 1, b=midnight)
    await make(NOW)
    await drop_event_days({"default": midnight + DAY_US - 1}, NOW)
    assert await kept("default") == ["b"]


async def test_events_of_an_odd_clock_are_removed_too(world: World, camera: Camera) -> None:
    await begin(world, camera, a=YEARS_AGO, b=NOW, c=IN_YEARS)
    await make(NOW)
    assert (await drop_event_days({"default": NOW}, NOW)).events == 1
    assert await kept("default") == ["b", "c"]


async def test_what_was_told_lately_stays_however_old_its_frame(
    world: World, camera: Camera
) -> None:
    """Else an import of old events would be gone in an hour, and take the newest numbers along."""
    await begin(world, camera, a=NOW - 2 * DAY_US, b=NOW - DAY_US)
    await begin(world, camera, c=NOW - DAY_US, d=YEARS_AGO, written_us=NOW)
    going_on = beginning(camera.key, NOW - 2 * DAY_US, event_id="e")
    ended = replace(going_on, kind=ChangeKind.ENDED, ended_at_us=NOW)
    then = replace(world, clock=StandingClock(going_on.at_us))
    await add_events(then, camera, [going_on, ended])
    await make(NOW)
    await drop_event_days({"default": NOW}, NOW)
    assert await kept("default") == ["c", "d", "e"]
    assert await last_number("default", "event_floor") == 2
    await drop_event_days({"default": NOW + DAY_US}, NOW)
    assert await kept("default") == []
    assert await days() == ["event_20260528", "event_20260529"] * has_days()


async def test_many_events_go_in_several_transactions(
    world: World, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.event_days.BATCH", 4)
    await begin(world, camera, **{f"evt-{n:02d}": NOW - DAY_US + n // 3 for n in range(18)}, z=NOW)
    assert (await drop_event_days({"default": NOW}, NOW)).events == 18
    assert await kept("default") == ["z"]
    assert await last_number("default", "event_floor") == 18


async def test_whoever_resumes_below_what_was_removed_is_told(world: World, camera: Camera) -> None:
    await begin(world, camera, a=NOW - DAY_US)
    ctx = context(world)
    async with aclosing(watch(ctx)) as items:
        following = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0.05)
        await begin(world, camera, b=NOW - DAY_US, c=NOW)
        first = await following
    assert isinstance(first, EventItem)
    await make(NOW)
    await drop_event_days({"default": NOW}, NOW)
    assert await first_of(world, first.cursor) == ["c"]
    await begin(world, camera, d=NOW - DAY_US)
    await drop_event_days({"default": NOW}, NOW)
    await begin(world, camera, e=NOW)
    assert (await first_of(world, first.cursor, 2))[0] == "gap"


async def first_of(world: World, after: str, count: int = 1) -> Sequence[str]:
    found: list[str] = []
    async with aclosing(watch(context(world), after=after)) as items:
        async for item in items:
            found.append("gap" if isinstance(item, GapItem) else item.event.id)
            if len(found) == count:
                break
    return found
