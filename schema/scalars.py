"""The scalars: instants, days, cursors and JSON, parsed strictly, faults told in our own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from media.playlist import iso_milliseconds

Instant = NewType("Instant", int)
"""Microseconds since the epoch, UTC; `DateTime` in GraphQL."""

Day = NewType("Day", str)
"""A day of the calendar, UTC, as YYYY-MM-DD; `Date` in GraphQL."""

LogCursor = NewType("LogCursor", str)
"""A place in the tenant's event log; `Cursor` in GraphQL."""

Bytes = NewType("Bytes", int)
"""A count of bytes, which `Int` is too small for."""

Json = NewType("Json", object)

MAX_EXACT = 1 << 53
"""Beyond it JSON's readers in browsers are no longer exact."""

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WANT_TIME = "want a time with its zone, from 1970 on, like 2026-01-31T23:59:59.999Z"
_WANT_DAY = "want a day like 2026-01-31"
_WANT_BYTES = "want a whole number of bytes, up to 2^53"
_WANT_CURSOR = "want a cursor that this server gave out, a string"


def parse_instant(value: object) -> Instant:
    """An RFC 3339 time with a zone; what lies below a microsecond is cut off.

    Raises:
        GraphQLError: anything else, also a time without a zone or before 1970.
    """
    found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise GraphQLError(_WANT_TIME)
    seconds, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(seconds + zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GraphQLError(_WANT_TIME) from error
    at_us = int(moment.timestamp()) * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])
    if at_us < 0:
        raise GraphQLError(_WANT_TIME)
    return Instant(at_us)


def parse_day(value: object) -> Day:
    """Raises GraphQLError unless it is a day of the calendar as YYYY-MM-DD."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise GraphQLError(_WANT_DAY)
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise GraphQLError(_WANT_DAY) from error
    return Day(value)


def parse_cursor(value: object) -> LogCursor:
    """A string; whether it is one of ours shows when it is used. Raises GraphQLError."""
    if not isinstance(value, str):
        raise GraphQLError(_WANT_CURSOR)
    return LogCursor(value)


def parse_bytes(value: object) -> Bytes:
    """A whole number from 0 to 2^53. Raises GraphQLError."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole and 0 <= int(str(value)) <= MAX_EXACT):
        raise GraphQLError(_WANT_BYTES)
    return Bytes(int(str(value)))


SCALARS: Mapping[object, ScalarDefinition] = {
    Instant: strawberry.scalar(
        name="DateTime",
        description=(
            "An instant as RFC 3339 writes it. Answers are UTC with milliseconds and `Z`; "
            "arguments may have another zone, and must have one."
        ),
        serialize=iso_milliseconds,
        parse_value=parse_instant,
    ),
    Day: strawberry.scalar(
        name="Date",
        description="A day of the calendar, UTC, as YYYY-MM-DD.",
        serialize=str,
        parse_value=parse_day,
    ),
    LogCursor: strawberry.scalar(
        name="Cursor",
        description=(
            "An opaque place in the tenant's event log. Keep the last one that came and pass it "
            "as `after` to go on behind it."
        ),
        serialize=str,
        parse_value=parse_cursor,
    ),
    Bytes: strawberry.scalar(
        name="Bytes",
        description="A count of bytes: a whole number up to 2^53, for which `Int` is too small.",
        serialize=int,
        parse_value=parse_bytes,
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        serialize=lambda value: value,
        parse_value=Json,
    ),
}
