"""Events of the past: one, and pages of them. `resolvers.watch` follows them as they happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import msgspec
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from models.base import select
from models.event import Event, EventTable
from resolvers import cursors
from resolvers.access import Scope, visible
from resolvers.camera_input import MAX_ID_CHARACTERS
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, NotFound
from resolvers.event_rows import newest, of_ids, oldest
from resolvers.features import ALL_FEATURES, is_event_type

MAX_FILTER_VALUES = 200
MAX_EVENT_ID_CHARACTERS = 40


class EventFilter(msgspec.Struct, frozen=True):
    """What is None does not filter. `since_us` is inclusive, `until_us` exclusive.

    `camera_key` means one camera and no earlier namesake of it; name it in `camera_ids` too, for
    the index's sake.
    """

    camera_ids: Sequence[str] | None = None
    types: Sequence[str] | None = None
    since_us: int | None = None
    until_us: int | None = None
    min_confidence: float | None = None
    camera_key: UUID | None = None


ALL = EventFilter()


class EventOrder(StrEnum):
    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


class EventPage(msgspec.Struct, frozen=True):
    events: list[Event]
    has_next: bool


async def event(ctx: Context, event_id: str) -> Event:
    """One event of the caller's tenant.

    Raises:
        ScopeMissing: without `events:read`.
        NotFound: no such event in this tenant.
    """
    return await event_for(ctx, event_id, Scope.EVENTS_READ)


async def event_for(ctx: Context, event_id: str, scope: Scope) -> Event:
    """One event, for a use case that needs another scope than reading events."""
    rows = of_ids(visible(ctx.actor, EventTable, scope), [event_id])
    # Tables refuse to look for a longer text, and PostgreSQL for a NUL.
    possible = len(event_id) <= MAX_EVENT_ID_CHARACTERS and "\0" not in event_id
    found = await select(rows, Event) if possible else []
    if not found:
        raise NotFound(f"there is no event {event_id[:64]!r}")
    return found[0]


async def events(
    ctx: Context,
    wanted: EventFilter = ALL,
    order: EventOrder = EventOrder.NEWEST_FIRST,
    first: int = 50,
    after: str | None = None,
) -> EventPage:
    """At most `first` events in time order, after a cursor of `event_cursor`.

    Raises:
        ScopeMissing: without `events:read`.
        InvalidInput: the filter names an unknown type.
        BadCursor: `after` is none of ours.
    """
    rows = filtered(visible(ctx.actor, EventTable, Scope.EVENTS_READ), wanted)
    start = None if after is None else _place(ctx, after)
    since_us, until_us = wanted.since_us, wanted.until_us
    if order is EventOrder.NEWEST_FIRST:
        if start is not None:
            rows, until_us = rows.filter(start.before), start.at_us
        now_us = ctx.world.clock.now_us()
        until_us = now_us if until_us is None else min(until_us, now_us)
        found = await newest(rows, first + 1, until_us, since_us)
    else:
        if start is not None:
            rows, since_us = rows.filter(start.behind), start.at_us
        found = await oldest(rows, first + 1, since_us, until_us)
    return EventPage(found[:first], len(found) > first)


def event_cursor(event: Event) -> str:
    return cursors.encode(cursors.EVENTS, event.tenant_id, event.at_us, event.id)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a list of events; the plain bounds let the index be used (0.6 ms against 250)."""

    at_us: int
    event_id: str

    @property
    def before(self) -> Q:
        tie = Q(at_us__lt=self.at_us) | Q(at_us=self.at_us, id__lt=self.event_id)
        return Q(at_us__lte=self.at_us) & tie

    @property
    def behind(self) -> Q:
        tie = Q(at_us__gt=self.at_us) | Q(at_us=self.at_us, id__gt=self.event_id)
        return Q(at_us__gte=self.at_us) & tie


def _place(ctx: Context, after: str) -> _Place:
    parts = cursors.decode(cursors.EVENTS, ctx.actor.tenant_id, after, "after")
    return _Place(*cursors.decode_place(parts, MAX_EVENT_ID_CHARACTERS, "after"))


def check_filter(wanted: EventFilter) -> None:
    """Raises InvalidInput that names what no event can match by mistake."""
    wrong = []
    if not all(map(is_event_type, wanted.types or ())):
        message = f"want {', '.join(ALL_FEATURES)}, or another system's of a-z, 0-9 and _"
        wrong.append(FieldError("type", message))
    if len(wanted.types or ()) > MAX_FILTER_VALUES:
        wrong.append(FieldError("type", f"want at most {MAX_FILTER_VALUES} types"))
    if len(wanted.camera_ids or ()) > MAX_FILTER_VALUES:
        wrong.append(FieldError("camera_id", f"want at most {MAX_FILTER_VALUES} cameras"))
    if any(len(name) > MAX_ID_CHARACTERS or "\0" in name for name in wanted.camera_ids or ()):
        wrong.append(FieldError("camera_id", f"want ids of at most {MAX_ID_CHARACTERS} characters"))
    if wrong:
        raise InvalidInput(*wrong)


def filtered(rows: QuerySet[EventTable], wanted: EventFilter) -> QuerySet[EventTable]:
    """Raises InvalidInput like `check_filter`."""
    check_filter(wanted)
    limits: dict[str, object] = {
        "camera_slug__in": _listed(wanted.camera_ids),
        "type__in": _listed(wanted.types),
        "at_us__gte": wanted.since_us,
        "at_us__lt": wanted.until_us,
        "confidence__gte": wanted.min_confidence,
        "camera_key": wanted.camera_key,
    }
    return rows.filter(**{name: limit for name, limit in limits.items() if limit is not None})


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)
