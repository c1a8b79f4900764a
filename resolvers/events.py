"""Events of the past: one, and pages of them. `resolvers.watch` follows them as they happen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import msgspec
from msgspec.structs import replace
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from models.base import select
from models.camera import Camera
from models.event import Event, EventTable
from resolvers import cursors
from resolvers.access import Scope, demand, visible
from resolvers.camera_input import MAX_ID_CHARACTERS
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, NotFound, VmsError
from resolvers.event_rows import Newest, newest, newest_of_each, of_ids, oldest
from resolvers.features import ALL_FEATURES, is_event_type
from resolvers.outcomes import Outcome, attempt, in_groups
from resolvers.plate_filter import plate_faults, with_plate
from resolvers.verdicts import ReviewState

MAX_FILTER_VALUES = 200
MAX_EVENT_ID_CHARACTERS = 40
_ZONE_ID = re.compile("[0-9a-f]{32}")


class EventFilter(msgspec.Struct, frozen=True):
    """What is None does not filter. `since_us` is inclusive, `until_us` exclusive."""

    camera_ids: Sequence[str] | None = None
    types: Sequence[str] | None = None
    since_us: int | None = None
    until_us: int | None = None
    min_confidence: float | None = None
    zone_ids: Sequence[str] | None = None
    review: Sequence[ReviewState] | None = None
    plate: str | None = None


ALL = EventFilter()


class EventOrder(StrEnum):
    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


class EventPage(msgspec.Struct, frozen=True):
    events: list[Event]
    has_next: bool


class PageOf(msgspec.Struct, frozen=True):
    """A question: some events of this very camera, no earlier namesake's, newest first."""

    camera: Camera
    wanted: EventFilter
    first: int
    after: str | None

    @property
    def names_camera(self) -> bool:
        """Whether the filter lets the camera pass."""
        return self.wanted.camera_ids is None or self.camera.slug in self.wanted.camera_ids


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
    if order is EventOrder.NEWEST_FIRST:
        return _page(await newest(_newest(ctx, wanted, after), first + 1), first)
    rows = filtered(visible(ctx.actor, EventTable, Scope.EVENTS_READ), wanted)
    since_us = wanted.since_us
    if after is not None:
        start = _place(ctx, after)
        rows, since_us = rows.filter(start.behind), start.at_us
    return _page(await oldest(rows, first + 1, since_us, wanted.until_us), first)


def _page(found: list[Event], first: int) -> EventPage:
    """`found` is one more than there shall be, where there is one."""
    return EventPage(found[:first], len(found) > first)


def _newest(ctx: Context, wanted: EventFilter, after: str | None) -> Newest:
    rows = filtered(visible(ctx.actor, EventTable, Scope.EVENTS_READ), wanted)
    until_us = wanted.until_us
    if after is not None:
        start = _place(ctx, after)
        rows, until_us = rows.filter(start.before), start.at_us
    now_us = ctx.world.clock.now_us()
    until_us = now_us if until_us is None else min(until_us, now_us)
    return Newest(rows, until_us, wanted.since_us)


async def pages_of_cameras(ctx: Context, asked: Sequence[PageOf]) -> list[Outcome[EventPage]]:
    """Each page, or InvalidInput or BadCursor; few statements for all that ask the same.

    Raises:
        ScopeMissing: without `events:read`.
    """
    demand(ctx.actor, Scope.EVENTS_READ)
    return await in_groups(asked, _beside_camera, partial(_pages, ctx))


def _beside_camera(asked: PageOf) -> tuple[EventFilter, int, str | None]:
    given = asked.wanted
    lists = {
        "types": _tuple(given.types),
        "zone_ids": _tuple(given.zone_ids),
        "review": _tuple(given.review),
    }
    return replace(given, camera_ids=None, **lists), asked.first, asked.after


def _tuple(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


async def _pages(ctx: Context, alike: Sequence[PageOf]) -> list[Outcome[EventPage]]:
    wanted, first, after = _beside_camera(alike[0])
    search = attempt(_newest, ctx, wanted, after)
    if isinstance(search, VmsError):
        return [search] * len(alike)
    named = [each.camera for each in alike if each.names_camera]
    found = iter(await newest_of_each(search, named, first + 1))
    return [_page(next(found) if each.names_camera else [], first) for each in alike]


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
    if len(wanted.zone_ids or ()) > MAX_FILTER_VALUES:
        wrong.append(FieldError("zone_ids", f"want at most {MAX_FILTER_VALUES} zones"))
    if not all(map(_ZONE_ID.fullmatch, wanted.zone_ids or ())):
        wrong.append(FieldError("zone_ids", "want ids of zones"))
    wrong += plate_faults(wanted.plate)
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
    }
    if wanted.zone_ids is not None:
        met = [Q(zone_ids__contains=f" {each} ") for each in wanted.zone_ids]
        rows = rows.filter(Q(*met, join_type="OR")) if met else rows.filter(id__in=[])
    if wanted.review is not None:
        rows = rows.filter(_in_state(wanted.review))
    if wanted.plate is not None:
        rows = with_plate(rows, wanted.plate)
    return rows.filter(**{name: limit for name, limit in limits.items() if limit is not None})


def _in_state(states: Sequence[ReviewState]) -> Q:
    verdicts = [each.value for each in states if each is not ReviewState.UNREVIEWED]
    said = Q(verdict__in=verdicts)
    return said | Q(verdict=None) if ReviewState.UNREVIEWED in states else said


def meets_zone(event: Event, zone_ids: Sequence[str]) -> bool:
    """Whether a rule of one of these zones began the event."""
    return any(each["id"] in zone_ids for each in event.zones or ())


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)
