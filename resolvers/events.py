"""Events, past and as they happen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from media.types import ChangeKind
from models.base import select
from models.event import Event, EventTable
from models.tenant import last_number
from resolvers import cursors
from resolvers.access import Scope, demand, visible
from resolvers.bus import events_of, wait_for_ring
from resolvers.camera_input import MAX_ID_CHARACTERS
from resolvers.context import Context
from resolvers.errors import BadCursor, FieldError, InvalidInput, NotFound, Unavailable
from resolvers.features import ALL_FEATURES

LOOK_ANYWAY_SECONDS = 1.0
BATCH = 500
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


class EventItem(msgspec.Struct, frozen=True):
    """A step of the log: `cursor` is the place after it."""

    cursor: str
    kind: ChangeKind
    event: Event


class GapItem(msgspec.Struct, frozen=True):
    """Some events between the subscriber's cursor and `cursor` were removed by retention."""

    cursor: str


async def event(ctx: Context, event_id: str) -> Event:
    """One event of the caller's tenant.

    Raises:
        ScopeMissing: without `events:read`.
        NotFound: no such event in this tenant.
    """
    return await event_for(ctx, event_id, Scope.EVENTS_READ)


async def event_for(ctx: Context, event_id: str, scope: Scope) -> Event:
    """One event, for a use case that needs another scope than reading events."""
    rows = visible(ctx.actor, EventTable, scope).filter(id=event_id)
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
    rows = _filtered(visible(ctx.actor, EventTable, Scope.EVENTS_READ), wanted)
    newest = order is EventOrder.NEWEST_FIRST
    if after is not None:
        rows = rows.filter(_beyond(ctx, after, newest=newest))
    rows = rows.order_by("-at_us", "-id") if newest else rows.order_by("at_us", "id")
    found = await select(rows.limit(first + 1), Event)
    return EventPage(found[:first], len(found) > first)


def event_cursor(event: Event) -> str:
    return cursors.encode(cursors.EVENTS, event.tenant_id, event.at_us, event.id)


def _beyond(ctx: Context, after: str, *, newest: bool) -> Q:
    """Keyset paging; the plain bound on `at_us` lets the index be used (0.6 ms against 250)."""
    parts = cursors.decode(cursors.EVENTS, ctx.actor.tenant_id, after, "after")
    at_us, event_id = cursors.decode_place(parts, MAX_EVENT_ID_CHARACTERS, "after")
    if newest:
        tie = Q(at_us__lt=at_us) | Q(at_us=at_us, id__lt=event_id)
        return Q(at_us__lte=at_us) & tie
    tie = Q(at_us__gt=at_us) | Q(at_us=at_us, id__gt=event_id)
    return Q(at_us__gte=at_us) & tie


def check_filter(wanted: EventFilter) -> None:
    """Raises InvalidInput that names what no event can match by mistake."""
    wrong = []
    unknown = [name for name in wanted.types or () if name not in ALL_FEATURES]
    if unknown:
        message = f"{unknown[0][:40]!r} is not among {', '.join(ALL_FEATURES)}"
        wrong.append(FieldError("type", message))
    if len(wanted.camera_ids or ()) > MAX_FILTER_VALUES:
        wrong.append(FieldError("camera_id", f"want at most {MAX_FILTER_VALUES} cameras"))
    if any(len(name) > MAX_ID_CHARACTERS or "\0" in name for name in wanted.camera_ids or ()):
        wrong.append(FieldError("camera_id", f"want ids of at most {MAX_ID_CHARACTERS} characters"))
    if wrong:
        raise InvalidInput(*wrong)


def _filtered(rows: QuerySet[EventTable], wanted: EventFilter) -> QuerySet[EventTable]:
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


async def watch(
    ctx: Context, wanted: EventFilter = ALL, after: str | None = None
) -> AsyncGenerator[EventItem | GapItem, None]:
    """Follows the tenant's log: each beginning once, then each change, in commit order.

    Changes that were overtaken while the subscriber was away come as the last of them; beginnings
    and ends are never lost. `after` resumes behind a cursor; None starts now. While the database
    is away nothing comes, and afterwards everything does.

    Raises:
        Unavailable: the database is away at the very start.
        ScopeMissing: without `events:read`.
        InvalidInput: the filter names an unknown type.
        BadCursor: `after` is none of ours.
    """
    demand(ctx.actor, Scope.EVENTS_READ)
    check_filter(wanted)
    tenant_id = ctx.actor.tenant_id
    async with ctx.world.bus.bell(events_of(tenant_id)) as bell:
        seen = await _start(ctx, after)
        floor = await last_number(tenant_id, "event_floor")
        if seen < floor:
            seen = floor
            yield GapItem(cursors.encode_log(tenant_id, floor))
        while True:
            bell.clear()
            more = True
            while more:
                items, seen, more = await _look(ctx, wanted, seen)
                for item in items:
                    yield item
            await wait_for_ring(bell, LOOK_ANYWAY_SECONDS)


async def place_now(ctx: Context) -> str:
    """The cursor of this moment: resuming there gives all that comes later."""
    demand(ctx.actor, Scope.EVENTS_READ)
    tenant_id = ctx.actor.tenant_id
    return cursors.encode_log(tenant_id, await last_number(tenant_id, "event_seq"))


async def _start(ctx: Context, after: str | None) -> int:
    last = await last_number(ctx.actor.tenant_id, "event_seq")
    if after is None:
        return last
    seen = cursors.decode_log(ctx.actor.tenant_id, after)
    if seen > last:
        raise BadCursor(FieldError("after", "a place that this log has not reached"))
    return seen


async def _look(ctx: Context, wanted: EventFilter, seen: int) -> tuple[list[EventItem], int, bool]:
    """The next steps after `seen`, how far they reach, and whether more are there already."""
    try:
        last = await last_number(ctx.actor.tenant_id, "event_seq")
        if last <= seen:
            return [], seen, False
        items, reach = await _read(ctx, wanted, seen, last)
    except Unavailable:
        return [], seen, False
    return items, reach, reach < last


async def _read(
    ctx: Context, wanted: EventFilter, seen: int, last: int
) -> tuple[list[EventItem], int]:
    """The next steps in (seen, last], and how far they reach.

    `last` was committed before these queries began, so nothing below it can still appear. Of the
    two queries the one that was cut at BATCH rows bounds what may be given out.
    """
    rows = visible(ctx.actor, EventTable, Scope.EVENTS_READ)
    span = _filtered(rows, msgspec.structs.replace(wanted, since_us=None, until_us=None))
    began = await select(
        span.filter(began_seq__gt=seen, began_seq__lte=last).order_by("began_seq").limit(BATCH),
        Event,
    )
    moved = await select(
        span.filter(seq__gt=seen, seq__lte=last, last_change__not=ChangeKind.BEGAN.value)
        .order_by("seq")
        .limit(BATCH),
        Event,
    )
    reach = min(
        began[-1].began_seq if len(began) == BATCH else last,
        moved[-1].seq if len(moved) == BATCH else last,
    )
    steps = [(each.began_seq, ChangeKind.BEGAN, each) for each in began]
    steps += [(each.seq, ChangeKind(each.last_change), each) for each in moved]
    steps.sort(key=lambda step: step[0])
    tenant_id = ctx.actor.tenant_id
    items = [
        EventItem(cursors.encode_log(tenant_id, seq), kind, each)
        for seq, kind, each in steps
        if seq <= reach and _in_time(wanted, each)
    ]
    return items, reach


def _in_time(wanted: EventFilter, event: Event) -> bool:
    since_ok = wanted.since_us is None or event.at_us >= wanted.since_us
    return since_ok and (wanted.until_us is None or event.at_us < wanted.until_us)
