"""Finds rows of events without looking at every day of them: each day is a table on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tortoise.queryset import QuerySet

from media.event_ids import DAY_US, day_of_id
from models.base import select
from models.bulk import NewRows
from models.camera import Camera
from models.each import select_each
from models.event import Event, EventTable
from models.event_days import has_days

WINDOWS_DAYS, GROWTH = (1, 8, 64), 8
"""A page is looked for in so many days before all are asked; what the next window would cover is
asked at once. With 60 days of 10 million events a query that spans one takes 0.5 ms, one that spans
all up to 10, most of it for the plan."""


EVER = (-(2**63), 2**63 - 1)


def span_of_ids(event_ids: Collection[str]) -> tuple[int, int]:
    """First and last instant that they may have begun at: EVER unless each id tells its day."""
    days = [day_of_id(each) for each in event_ids]
    told = [day for day in days if day is not None]
    if not told or len(told) < len(days):
        return EVER
    return min(told) * DAY_US, (max(told) + 1) * DAY_US - 1


def of_ids(rows: QuerySet[EventTable], event_ids: Collection[str]) -> QuerySet[EventTable]:
    """Those of these ids; of the ids' days alone, where each tells its day."""
    first_us, last_us = span_of_ids(event_ids)
    found = rows.filter(id__in=list(event_ids))
    return found.filter(at_us__gte=first_us, at_us__lte=last_us)


def of_late(rows: QuerySet[EventTable], now_us: int) -> QuerySet[EventTable] | None:
    """Those of the last day or two, where most of the log's last steps are; None without days."""
    return rows.filter(at_us__gte=now_us - 2 * DAY_US) if has_days() else None


@dataclass(frozen=True, slots=True)
class Newest:
    """Rows that are asked for from the newest back.

    `until_us` is about where they begin, `since_us` where they end, where that is known.
    """

    rows: QuerySet[EventTable]
    until_us: int
    since_us: int | None


async def newest(wanted: Newest, count: int) -> list[Event]:
    """The first `count` rows from the newest back."""
    rows = wanted.rows.order_by("-at_us", "-id").limit(count)
    for begin_us in _starts(wanted):
        found = await select(rows.filter(at_us__gte=begin_us), Event)
        if len(found) == count:
            return found
    return await select(rows, Event)


async def newest_of_each(
    wanted: Newest, cameras: Sequence[Camera], count: int
) -> list[list[Event]]:
    """`newest` of each camera's: a statement for each window, not for each camera."""
    rows = wanted.rows.order_by("-at_us", "-id").limit(count)
    late = [rows.filter(at_us__gte=begin_us) for begin_us in _starts(wanted)]
    found: dict[int, list[Event]] = {}
    left = list(range(len(cameras)))
    for some in (*late, rows):
        records = [(cameras[place].slug, cameras[place].key) for place in left]
        keys = NewRows({"camera_slug": "text", "camera_key": "uuid"}, records)
        found.update(zip(left, await select_each(some, Event, keys), strict=True))
        left = [place for place in left if len(found[place]) < count]
    return [found[place] for place in range(len(cameras))]


def _starts(wanted: Newest) -> Iterator[int]:
    """Where the windows begin that are worth a look before all is looked through."""
    since_us, until_us = wanted.since_us, wanted.until_us
    for days in WINDOWS_DAYS if has_days() else ():
        if since_us is not None and until_us - since_us <= GROWTH * days * DAY_US:
            break
        yield until_us - days * DAY_US


async def oldest(
    rows: QuerySet[EventTable], count: int, since_us: int | None, until_us: int | None
) -> list[Event]:
    """The first `count` rows from the oldest on.

    `since_us` is about where they begin, `until_us` where rows end, where that is known.
    """
    rows = rows.order_by("at_us", "id").limit(count)
    for days in WINDOWS_DAYS if has_days() and since_us is not None else ():
        begin_us = since_us or 0
        if until_us is not None and until_us - begin_us <= GROWTH * days * DAY_US:
            break
        found = await select(rows.filter(at_us__lt=begin_us + days * DAY_US), Event)
        if len(found) == count:
            return found
    return await select(rows, Event)
