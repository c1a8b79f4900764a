"""Events as they happen: each beginning once, then each change, in commit order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing

import msgspec
from tortoise.queryset import QuerySet

from media.clock import Clock
from media.types import ChangeKind
from models.base import select
from models.event import Event, EventTable
from models.tenant import last_number
from resolvers import cursors
from resolvers.access import Actor, Scope, demand, sees, visible
from resolvers.bus import events_of
from resolvers.context import Context
from resolvers.errors import BadCursor, FieldError
from resolvers.event_rows import of_late
from resolvers.events import ALL, EventFilter, check_filter, filtered, meets_zone
from resolvers.fanout import Start
from resolvers.meter import Meter
from resolvers.plate_filter import plate_pattern
from resolvers.tail import Page, Step, Tail, pages
from resolvers.verdicts import ReviewState

BATCH = 500
"""Events of one page at most."""
FIRST_BATCH = 50
"""Most who resume were away for a moment; of those who were not, pages grow."""
SPAN = 20_000
"""Places that one page looks at: a filter that lets nothing through must not read a whole log."""


class EventItem(msgspec.Struct, frozen=True):
    """A step of the log: `cursor` is the place after it."""

    cursor: str
    kind: ChangeKind
    event: Event


class GapItem(msgspec.Struct, frozen=True):
    """Some events between the subscriber's cursor and `cursor` were removed by retention."""

    cursor: str


Item = EventItem | GapItem


class EventFeed:
    """The events that a caller follows, behind `after` or from now on.

    Beginnings and ends are never lost. Changes that were overtaken while the follower was away come
    as the last of them; `event` is as it was when the step was read, or later.
    """

    def __init__(self, ctx: Context, wanted: EventFilter = ALL, after: str | None = None) -> None:
        self._ctx, self._wanted, self._after = ctx, wanted, after

    @property
    def key(self) -> Hashable:
        return ("events", msgspec.json.encode(self._wanted))

    async def start(self) -> Start[Item]:
        """Where the follower begins.

        Raises:
            Unavailable: the database is away.
            ScopeMissing: without `events:read`.
            InvalidInput: the filter names an unknown type.
            BadCursor: `after` is none of ours.
        """
        demand(self._ctx.actor, Scope.EVENTS_READ)
        check_filter(self._wanted)
        tenant_id = self._ctx.actor.tenant_id
        ends = self._ctx.world.following.ends
        log = _Log(tenant_id, self._ctx.world.clock)
        last = await ends.read(events_of(tenant_id), log.last)
        if self._after is None:
            return Start(last, live=True)
        seen = cursors.decode_log(tenant_id, self._after)
        if seen > last:
            raise BadCursor(FieldError("after", "a place that this log has not reached"))
        return Start(seen, live=seen == last)

    async def pages(self, seen: int) -> AsyncGenerator[Page[Item], None]:
        """Every step behind a place, for ever."""
        world, tenant_id = self._ctx.world, self._ctx.actor.tenant_id
        view = _View(self._ctx.actor, self._wanted, world.clock)
        since_us = world.clock.now_us()

        def tail() -> Tail[Item]:
            log = _Log(tenant_id, world.clock)
            return Tail(world.bus, events_of(tenant_id), log.last, log.read)

        async with (
            world.following.tails.hold(events_of(tenant_id), tail) as held,
            aclosing(pages(held, view, seen, world.following.gate)) as found,
        ):
            async for page in found:
                yield page
                _note_delivery(world.meter, page, since_us)


def _note_delivery(meter: Meter, page: Page[Item], since_us: int) -> None:
    """All have been given the page; what was written before they followed is not counted."""
    for step in page.steps:
        item = step.value
        if isinstance(item, EventItem) and item.kind is ChangeKind.BEGAN:
            written_us = item.event.written_us
            if written_us is not None and written_us >= since_us:
                meter.delivered(item.event)


async def watch(
    ctx: Context, wanted: EventFilter = ALL, after: str | None = None
) -> AsyncGenerator[Item, None]:
    """Follows the tenant's log for one caller, who takes the steps at any pace. See `EventFeed`.

    While the database is away nothing comes, and afterwards everything does.

    Raises:
        VmsError: what `EventFeed.start` raises.
    """
    feed = EventFeed(ctx, wanted, after)
    start = await feed.start()
    async with aclosing(feed.pages(start.place)) as found:
        async for page in found:
            for step in page.steps:
                yield step.value


async def place_now(ctx: Context) -> str:
    """The cursor of this moment: resuming there gives all that comes later."""
    demand(ctx.actor, Scope.EVENTS_READ)
    tenant_id = ctx.actor.tenant_id
    return cursors.encode_log(tenant_id, await last_number(tenant_id, "event_seq"))


class _Log:
    """A tenant's whole log."""

    def __init__(self, tenant_id: str, clock: Clock) -> None:
        self._tenant_id, self._clock = tenant_id, clock

    async def last(self) -> int:
        return await last_number(self._tenant_id, "event_seq")

    async def read(self, seen: int) -> Page[Item]:
        page = await _read_lately(self._tenant_id, seen, self._clock.now_us())
        if page is not None:
            return page
        return await _read(self._tenant_id, EventTable.within(self._tenant_id), seen, BATCH)


class _View:
    """What an actor may see and wants."""

    def __init__(self, actor: Actor, wanted: EventFilter, clock: Clock) -> None:
        self._actor, self._wanted, self._clock = actor, wanted, clock
        self._plate = None if wanted.plate is None else plate_pattern(wanted.plate)
        self._batch, self._is_near = FIRST_BATCH, True

    def shows(self, value: Item) -> bool:
        """As the database would decide in `read`."""
        if isinstance(value, GapItem):
            return True
        event, wanted = value.event, self._wanted
        return (
            sees(self._actor, event.camera_slug)
            and (wanted.camera_ids is None or event.camera_slug in wanted.camera_ids)
            and (wanted.types is None or event.type in wanted.types)
            and (wanted.min_confidence is None or event.confidence >= wanted.min_confidence)
            and (wanted.zone_ids is None or meets_zone(event, wanted.zone_ids))
            and (wanted.review is None or ReviewState.of(event.verdict) in wanted.review)
            and (self._plate is None or self._plate.meets(event))
            and (wanted.since_us is None or event.at_us >= wanted.since_us)
            and (wanted.until_us is None or event.at_us < wanted.until_us)
        )

    async def read(self, seen: int) -> Page[Item]:
        page = None
        if self._is_near:
            page = await _read_lately(self._actor.tenant_id, seen, self._clock.now_us())
        if page is None:
            page = await self._search(seen)
        self._is_near = page.last - page.reach <= BATCH
        mine = [step for step in page.steps if self.shows(step.value)]
        return Page(mine, page.reach, page.last)

    async def _search(self, seen: int) -> Page[Item]:
        # Bounds of time are left to `shows`: the database would choose an index for them.
        rows = visible(self._actor, EventTable, Scope.EVENTS_READ)
        whenever = msgspec.structs.replace(self._wanted, since_us=None, until_us=None)
        page = await _read(self._actor.tenant_id, filtered(rows, whenever), seen, self._batch)
        self._batch = min(2 * self._batch, BATCH)
        return page


async def _read_lately(tenant_id: str, seen: int, now_us: int) -> Page[Item] | None:
    """Every step behind `seen`, from few days of events; None where some may lie elsewhere.

    Numbers are dense: of as many steps as there are numbers none is missing.
    """
    rows = of_late(EventTable.within(tenant_id), now_us)
    if rows is None:
        return None
    page = await _read(tenant_id, rows, seen, BATCH)
    return page if len(page.steps) == page.reach - seen else None


async def _read(tenant_id: str, rows: QuerySet[EventTable], seen: int, batch: int) -> Page[Item]:
    """The next steps behind `seen`.

    `last` was committed before these queries began, so nothing below it can still appear. Of the
    queries the one that was cut at `batch` rows bounds what may be given out. What retention
    removes meanwhile shows in the floor, which is read last.
    """
    last = await last_number(tenant_id, "event_seq")
    until = min(last, seen + SPAN)
    if until <= seen:
        return Page([], seen, last)
    span = {"began_seq__gt": seen, "began_seq__lte": until}
    began = await select(rows.filter(**span).order_by("began_seq").limit(batch), Event)
    span = {"seq__gt": seen, "seq__lte": until}
    changed = rows.filter(**span, last_change__not=ChangeKind.BEGAN.value)
    moved = await select(changed.order_by("seq").limit(batch), Event)
    reviewed: list[Event] = []
    if len(began) + len(moved) < until - seen:  # numbers are dense: else these are all there are
        span = {"review_seq__gt": seen, "review_seq__lte": until}
        reviewed = await select(rows.filter(**span).order_by("review_seq").limit(batch), Event)
    floor = await last_number(tenant_id, "event_floor")
    if floor > seen:
        return Page([Step(floor, GapItem(cursors.encode_log(tenant_id, floor)))], floor, last)
    found = [
        [_step(each.began_seq, ChangeKind.BEGAN, each) for each in began],
        [_step(each.seq, ChangeKind(each.last_change), each) for each in moved],
        [_step(each.review_seq or 0, ChangeKind.CHANGED, each) for each in reviewed],
    ]
    reach = min(steps[-1].place if len(steps) == batch else until for steps in found)
    steps = [step for some in found for step in some if step.place <= reach]
    steps.sort(key=lambda step: step.place)
    return Page(steps, reach, last)


def _step(place: int, kind: ChangeKind, event: Event) -> Step[Item]:
    return Step(place, EventItem(cursors.encode_log(event.tenant_id, place), kind, event))
