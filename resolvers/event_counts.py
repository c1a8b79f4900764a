"""How many events there were: histograms over time, and by camera and type."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import msgspec
from tortoise.expressions import RawSQL
from tortoise.functions import Count

from models.event import EventTable
from resolvers.access import Scope, visible
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, TooManyRows
from resolvers.events import EventFilter, filtered

MAX_BUCKETS = 1_000
"""So many a range may have, with events or without."""

MAX_ROWS = 2_000

_ORIGIN_US = -62_135_596_800_000_000
"""0001-01-01T00:00Z, the first instant that we know, and a Monday: buckets of any width and weeks
are counted from it, so that nothing is divided that is below zero, which SQL would round up."""


class TimeBucket(StrEnum):
    """Stretches of UTC; a week begins on Monday."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def width_us(self) -> int:
        return _WIDTH_US[self]


_WIDTH_US = {
    TimeBucket.MINUTE: 60_000_000,
    TimeBucket.HOUR: 3_600_000_000,
    TimeBucket.DAY: 86_400_000_000,
    TimeBucket.WEEK: 604_800_000_000,
}


class EventDimension(StrEnum):
    """What events are told apart by, beside their time."""

    CAMERA = "camera_slug"
    TYPE = "type"


class EventCount(msgspec.Struct, frozen=True):
    """Events of the bucket that begins at `start_us`; what was not asked to be told is None."""

    start_us: int
    count: int
    camera_slug: str | None = None
    type: str | None = None


async def event_counts(
    ctx: Context, wanted: EventFilter, bucket: TimeBucket, by: Collection[EventDimension] = ()
) -> list[EventCount]:
    """Counts above zero, earliest first, then by camera and type. Without `until_us`, until now.

    Raises:
        ScopeMissing: without `events:read`.
        InvalidInput: the filter has no `since_us`, names an unknown type, or its range has more
            than MAX_BUCKETS.
        TooManyRows: there are more than MAX_ROWS counts.
    """
    rows = visible(ctx.actor, EventTable, Scope.EVENTS_READ)
    if wanted.until_us is None:
        wanted = msgspec.structs.replace(wanted, until_us=ctx.world.clock.now_us())
    _check(wanted, bucket)
    names = [each.value for each in EventDimension if each in by]
    width_us = bucket.width_us
    start = RawSQL(f'("at_us" - ({_ORIGIN_US})) / {width_us}')
    counted = filtered(rows, wanted).annotate(bucket=start, count=Count("id"))
    grouped = counted.group_by("bucket", *names).order_by("bucket", *names).limit(MAX_ROWS + 1)
    found = await grouped.values_list("bucket", "count", *names)
    if len(found) > MAX_ROWS:
        raise TooManyRows(
            f"there are more than {MAX_ROWS} counts: ask for a shorter range, longer buckets or "
            "fewer dimensions"
        )
    return [
        EventCount(
            int(number) * width_us + _ORIGIN_US, count, **dict(zip(names, told, strict=True))
        )
        for number, count, *told in found
    ]


def _check(wanted: EventFilter, bucket: TimeBucket) -> None:
    since_us, until_us = wanted.since_us, wanted.until_us
    if since_us is None or until_us is None:
        raise InvalidInput(FieldError("since", "want where to begin counting"))
    first, last = ((each - _ORIGIN_US) // bucket.width_us for each in (since_us, until_us - 1))
    if last - first >= MAX_BUCKETS:
        message = f"want at most {MAX_BUCKETS} buckets of a {bucket}, got {last - first + 1}"
        raise InvalidInput(FieldError("since", message))
