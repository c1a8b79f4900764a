"""Events: one, a page of them, and the steps of the log as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import strawberry

from media.types import ChangeKind, Direction
from resolvers import addresses, events, playback, watch
from resolvers.access import Scope
from resolvers.context import Context
from resolvers.errors import NotRecorded
from resolvers.features import Feature
from resolvers.verdicts import ReviewState
from schema.context import Info
from schema.enums import EventType, GapReason, Otherwise
from schema.fields import field
from schema.inputs import or_none
from schema.paging import PageInfo, page_info
from schema.reviews import Review
from schema.scalars import Instant, Json, LogCursor

if TYPE_CHECKING:
    from models.event import Event as EventValue
    from schema.cameras import Camera


@strawberry.type(description="A rectangle in the frame, in 0..1 of it, origin top left.")
class Box:
    x: float = strawberry.field(description="Left edge, 0..1 of the frame's width.")
    y: float = strawberry.field(description="Top edge, 0..1 of the frame's height.")
    w: float = strawberry.field(description="Width, 0..1 of the frame's.")
    h: float = strawberry.field(description="Height, 0..1 of the frame's.")
    label: str = strawberry.field(description="The model's word for what it found.")
    score: float = strawberry.field(description="The model's confidence, 0..1.")


@strawberry.type(description="Where to play an event, from its own frame on.")
class EventPlayback:
    playlist_url: str = strawberry.field(
        description="HLS playlist of the event's hour; carries its own short-lived authority."
    )
    offset: float = strawberry.field(
        description="Seconds from the start of that playlist's media to the event's frame."
    )
    ts: Instant = strawberry.field(description="The time of that frame, as the event has it.")


@strawberry.type(description="A zone as it was when its rule began an event.")
class EventZone:
    id: strawberry.ID = strawberry.field(description="The zone's id; it may be gone by now.")
    name: str = strawberry.field(description="What people called it then.")
    direction: Direction | None = strawberry.field(
        description="Which way its line was crossed; null of a polygon."
    )


@strawberry.type(description="A frame that shows an event's object better than the one it began.")
class EventView:
    def __init__(self, event: EventValue, best: dict[str, Any]) -> None:
        """`event` as if it had begun with this frame: what belongs to a frame is found alike."""
        self._box = best["box"]
        self._frame = msgspec.structs.replace(
            event, at_us=best["at_us"], position=best["position"], snapshot=best["snapshot"]
        )

    @field(description="When the frame was captured.")
    def ts(self) -> Instant:
        return Instant(self._frame.at_us)

    @field(description="Where in the frame the object is.")
    def box(self) -> Box:
        return Box(**self._box)

    @field(description="How sure the model was, 0..1.")
    def score(self) -> float:
        return float(self._box["score"])

    @field(
        description="Picture of the frame, with short-lived authority; null where none was taken.",
        scope=Scope.PLAYBACK_READ,
        otherwise=Otherwise.NULL,
    )
    def snapshot_url(self, info: Info) -> str | None:
        return _snapshot_url(info.context.ctx, self._frame)

    @field(
        description="Where to play it; null when its frame is not recorded.",
        scope=Scope.PLAYBACK_READ,
        cost=400,
    )
    async def playback(self, info: Info) -> EventPlayback | None:
        return await played(info, self._frame)


def _snapshot_url(ctx: Context, event: EventValue) -> str | None:
    grant = playback.snapshot_grant(ctx, event)
    if event.snapshot is None or grant is None:
        return None
    return addresses.snapshot(event.camera_slug, event.snapshot, grant)


async def played(info: Info, event: playback.Placed) -> EventPlayback | None:
    try:
        found = await info.context.event_playbacks.load(event)
    except NotRecorded:
        return None
    grant = playback.hour_grant(info.context.ctx, event.camera_slug, found.hour)
    return EventPlayback(
        playlist_url=found.signed_url(grant),
        offset=found.offset_us / 1_000_000,
        ts=Instant(found.event.at_us),
    )


@strawberry.type(description="How a number plate was read.")
class PlateReading:
    raw: str = strawberry.field(
        description="As the surest reading had it, its lines apart by a blank."
    )
    confidence: float | None = strawberry.field(
        description="How sure the reader was, 0..1; null of a reader that does not tell."
    )
    model_version: str = strawberry.field(description="The reader, `name@date`.")


@strawberry.type(
    description=(
        "A stored happening. `ts`, `confidence`, `boxes`, `snapshotUrl` and `playback` describe "
        "one and the same frame and never change."
    )
)
class Event:
    def __init__(self, event: EventValue) -> None:
        self._event = event

    @field(description="Unique, and the same in the /v2 API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(self._event.id)

    @field(
        description="The camera that saw it; null once that camera was deleted.",
        scope=Scope.CAMERAS_READ,
        cost=30,
    )
    async def camera(
        self, info: Info
    ) -> Annotated[Camera, strawberry.lazy("schema.cameras")] | None:
        return await info.context.cameras.load(self._event.camera_key)

    @field(description="Id of the camera that saw it, also after it was deleted.")
    def camera_id(self) -> strawberry.ID:
        return strawberry.ID(self._event.camera_slug)

    @field(description="What was seen.")
    def type(self) -> EventType:
        return EventType.of(self._event.type)

    @field(description="What was seen, as the /v2 API says it: `person`, `door_contact`.")
    def type_name(self) -> str:
        return self._event.type

    @field(description="How sure the model was, 0..1.")
    def confidence(self) -> float:
        return self._event.confidence

    @field(description="When its frame was captured.")
    def ts(self) -> Instant:
        return Instant(self._event.at_us)

    @field(description="When it was over; null while it lasts.")
    def ended_at(self) -> Instant | None:
        return None if self._event.ended_us is None else Instant(self._event.ended_us)

    @field(description="Number of the followed object in its camera; null where none was followed.")
    def track_id(self) -> int | None:
        return self._event.track_id

    @field(description="Where in the frame it was seen.", size=2)
    def boxes(self) -> list[Box]:
        return [Box(**box) for box in self._event.boxes]

    @field(
        description=(
            "The same as the /v2 API has it, `boxes` and `track_id`; and what another system said "
            "of it in `eventCreate`."
        )
    )
    def payload(self) -> Json:
        told = self._event.payload or {}
        return Json({**told, "boxes": self._event.boxes, "track_id": self._event.track_id})

    @field(
        description="Picture of its frame, with short-lived authority; null where none was taken.",
        scope=Scope.PLAYBACK_READ,
        otherwise=Otherwise.NULL,
        cost=20,
    )
    def snapshot_url(self, info: Info) -> str | None:
        return _snapshot_url(info.context.ctx, self._event)

    @field(
        description="Where to play it; null when its frame is not recorded.",
        scope=Scope.PLAYBACK_READ,
        cost=400,
    )
    async def playback(self, info: Info) -> EventPlayback | None:
        return await played(info, self._event)

    @field(description="The zones whose rules began it; none where it needed none.", size=2)
    def zones(self) -> list[EventZone]:
        return [
            EventZone(
                id=strawberry.ID(each["id"]),
                name=each["name"],
                direction=None if each["direction"] is None else Direction(each["direction"]),
            )
            for each in self._event.zones or ()
        ]

    @field(
        description=(
            "The best view of the object found since it began; null while its beginning is that. "
            "Each better one is a `CHANGED` step of the log, few of an event."
        )
    )
    def best(self) -> EventView | None:
        best = self._event.best
        return None if best is None else EventView(self._event, best)

    @field(
        description=(
            "What people said of it; null until somebody did. Each review is a `CHANGED` step of "
            "the log, also of an event that has ended."
        )
    )
    def review(self) -> Review | None:
        return Review.of(self._event)

    @field(
        description=(
            "The number plate as most readings of it say, `51F-123.45`; null where none was read "
            "so far. What turns out later is a `CHANGED` step of the log."
        )
    )
    def plate(self) -> str | None:
        return None if self._event.plate is None else str(self._event.plate["text"])

    @field(description="What `plate` was made of; null where none was read so far.")
    def plate_reading(self) -> PlateReading | None:
        plate = self._event.plate
        if plate is None:
            return None
        return PlateReading(
            raw=plate["raw"], confidence=plate["score"], model_version=plate["model_version"]
        )

    @field(description="Identifies it through logs and systems, a UUIDv4.")
    def trace_id(self) -> strawberry.ID:
        return strawberry.ID(str(self._event.trace_id))

    @field(description="The model that saw it, `name@date`.")
    def model_version(self) -> str:
        return self._event.model_version


@strawberry.type(description="An event in a page.")
class EventEdge:
    node: Event = strawberry.field(description="The event.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of events.")
class EventConnection:
    edges: list[EventEdge] = strawberry.field(description="The events with their places.")
    nodes: list[Event] = strawberry.field(description="The events alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @classmethod
    def of(cls, page: events.EventPage, after: str | None) -> EventConnection:
        nodes = [Event(each) for each in page.events]
        cursors = [events.event_cursor(each) for each in page.events]
        return cls(
            edges=[EventEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
            nodes=nodes,
            page_info=page_info(cursors, page.has_next, after),
        )


@strawberry.input(description="Which events are meant. What is left out or null does not filter.")
class EventFilter:
    camera_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Of any of these cameras, at most 200."
    )
    types: list[Feature] | None = strawberry.field(
        default=strawberry.UNSET, description="Of any of these types."
    )
    type_names: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Of any of these types too, by `typeName`, also other systems'.",
    )
    zone_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Begun by a rule of any of these zones, also of zones that are gone.",
    )
    review: list[ReviewState] | None = strawberry.field(
        default=strawberry.UNSET, description="Reviewed like any of these, as it stands now."
    )
    plate: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "With this number plate, as `plate` has it by now: `51F-123.45` and `51f12345` are "
            "one. `*` before or behind stands for any signs: `51F*`, `*2345`, `*F12*`. 2 to 12 "
            "letters and digits."
        ),
    )
    since: Instant | None = strawberry.field(
        default=strawberry.UNSET, description="Of this time or later."
    )
    until: Instant | None = strawberry.field(
        default=strawberry.UNSET, description="Before this time."
    )
    min_confidence: float | None = strawberry.field(
        default=strawberry.UNSET, description="At least this sure, 0..1."
    )


def wanted_events(given: EventFilter | None) -> events.EventFilter:
    given = given or EventFilter()
    return events.EventFilter(
        camera_ids=or_none(given.camera_ids),
        types=_types(given),
        since_us=or_none(given.since),
        until_us=or_none(given.until),
        min_confidence=or_none(given.min_confidence),
        zone_ids=or_none(given.zone_ids),
        review=or_none(given.review),
        plate=or_none(given.plate),
    )


def _types(given: EventFilter) -> list[str] | None:
    types, names = or_none(given.types), or_none(given.type_names)
    if types is None and names is None:
        return None
    return [*(each.value for each in types or ()), *(names or ())]


@strawberry.type(description="A step of the tenant's event log.")
class EventChange:
    cursor: LogCursor = strawberry.field(description="The place behind this step.")
    kind: ChangeKind = strawberry.field(description="Which step it was.")
    event: Event = strawberry.field(
        description="The event as it is now, which may be further than this step."
    )


@strawberry.type(description="Some events behind the given cursor are gone: never a silent gap.")
class EventGap:
    cursor: LogCursor = strawberry.field(description="The place behind the gap.")
    reason: GapReason = strawberry.field(description="Why they are gone.")


EventStreamItem = Annotated[
    EventChange | EventGap,
    strawberry.union("EventStreamItem", description="What a subscription to events is sent."),
]


def stream_item(_: Context, item: watch.Item) -> EventChange | EventGap:
    if isinstance(item, watch.GapItem):
        return EventGap(cursor=LogCursor(item.cursor), reason=GapReason.RETENTION)
    return EventChange(cursor=LogCursor(item.cursor), kind=item.kind, event=Event(item.event))
