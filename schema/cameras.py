"""Cameras: their state and footage, and what changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from media.types import CameraState
from resolvers import camera_filter, cameras, events, feature_states, live
from resolvers.access import Interval, Scope
from resolvers.context import Context
from resolvers.features import Feature
from resolvers.recordings import DayOf, RangeOf
from resolvers.stored_detections import FramesOf
from resolvers.zones import zones_of
from schema.completion import Identified
from schema.context import Info
from schema.detections import DetectionFrameConnection, detection_frames
from schema.enums import CameraChangeKind, Otherwise
from schema.events import EventConnection, EventFilter, wanted_events
from schema.fields import field
from schema.inputs import left_out, or_none
from schema.paging import After, First, PageInfo, checked_first, page_info
from schema.playback import (
    Coverage,
    Playback,
    RecordedHour,
    coverage,
    playback,
    recorded_hour,
)
from schema.scalars import Bytes, Day, Instant
from schema.zones import Zone

if TYPE_CHECKING:
    from models.camera import Camera as CameraValue
    from models.camera import CameraDeletion

From = Annotated[
    Instant, strawberry.argument(name="from", description="Start of the range, inclusive.")
]
To = Annotated[Instant, strawberry.argument(description="End of the range, exclusive.")]
OnDay = Annotated[Day, strawberry.argument(description="The day (UTC).")]
Filter = Annotated[
    EventFilter | None, strawberry.argument(description="Which events; all without it.")
]


@strawberry.type(description="A stream as measured, not as promised.")
class StreamInfo:
    codec: str = strawberry.field(description="Video codec, like `h264`.")
    width: int = strawberry.field(description="Width in pixels.")
    height: int = strawberry.field(description="Height in pixels.")
    fps: float | None = strawberry.field(description="Frames per second; null until known.")
    audio_codec: str | None = strawberry.field(description="Audio codec; null without audio.")


@strawberry.type(description="How an analytic that is switched on is to be had.")
class FeatureState:
    feature: Feature = strawberry.field(description="Which.")
    available: bool = strawberry.field(description="Whether anything looks for it.")
    model_version: str | None = strawberry.field(
        description="The model that finds it, `name@date`; null without one."
    )
    reason: str | None = strawberry.field(
        description="What lacks, with the command that helps; null where nothing does."
    )

    @classmethod
    def of(cls, state: feature_states.FeatureState) -> FeatureState:
        return cls(
            feature=Feature(state.feature),
            available=state.is_available,
            model_version=state.model_version,
            reason=state.reason,
        )


@strawberry.type(description="A configured video source of this tenant.")
class Camera(Identified):
    def __init__(self, ctx: Context, camera: CameraValue) -> None:
        self._ctx, self._camera = ctx, camera
        self.identity = cameras.shown_identity(ctx, camera)

    @field(description="Unique within the tenant, chosen on creation.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(self._camera.slug)

    @field(description="What people call it.")
    def name(self) -> str:
        return self._camera.name

    @field(
        description="Where its stream is, with credentials for who may set them.",
        scope=Scope.CAMERAS_WRITE,
        otherwise=Otherwise.LESS,
    )
    def rtsp_url(self) -> str:
        return cameras.shown_rtsp_url(self._ctx, self._camera)

    @field(
        description=(
            "Where its substream is, which is looked at in place of the stream that is recorded, "
            "with credentials for who may set them; null without one."
        ),
        scope=Scope.CAMERAS_WRITE,
        otherwise=Otherwise.LESS,
    )
    def detection_url(self) -> str | None:
        return cameras.shown_detection_url(self._ctx, self._camera)

    @field(description="The analytics that are switched on.")
    def features(self) -> list[Feature]:
        return [Feature(name) for name in self._camera.features]

    @field(
        description=(
            "How each of `features` is to be had: by which model, or what to do to have it. What "
            "is switched on is never silently off."
        ),
        scope=Scope.CAMERAS_READ,
        cost=30,
        size=3,
    )
    async def feature_states(self, info: Info) -> list[FeatureState]:
        found = await info.context.feature_states.load_many(self._camera.features)
        return [FeatureState.of(each) for each in found]

    @field(description="Frames a second that are looked at for detection.")
    def fps(self) -> float:
        return self._camera.fps

    @field(description="Its zones, in the order they were made.", size=3)
    def zones(self) -> list[Zone]:
        return [Zone.of(each) for each in zones_of(self._camera)]

    @field(description="Whether it is connected at all.")
    def enabled(self) -> bool:
        return self._camera.enabled

    @field(description="Whether its stream is recorded.")
    def record(self) -> bool:
        return self._camera.record

    @field(description="Days that its footage is kept at most; null leaves it to the plan.")
    def retention_days(self) -> int | None:
        return self._camera.retention_days

    @field(description="Bytes of its footage that are kept at most; null leaves it to the plan.")
    def retention_bytes(self) -> Bytes | None:
        kept = self._camera.retention_bytes
        return None if kept is None else Bytes(kept)

    @field(description="How it is doing.")
    def status(self) -> CameraState:
        return CameraState(self._camera.status)

    @field(
        description="Why, in plain words, where it is not well; null where there is nothing to say."
    )
    def status_reason(self) -> str | None:
        return self._camera.status_reason

    @field(description="Since when it is doing so.")
    def status_since(self) -> Instant:
        return Instant(self._camera.status_us)

    @field(description="Its stream as last measured; null before it first came.")
    def stream(self) -> StreamInfo | None:
        measured = self._camera.stream
        if measured is None:
            return None
        return StreamInfo(
            codec=measured["codec"],
            width=measured["width_px"],
            height=measured["height_px"],
            fps=measured["fps"],
            audio_codec=measured["audio_codec"],
        )

    @field(
        description=(
            "Picture of the camera as it is whenever this is fetched, with short-lived authority; "
            "null while none comes."
        ),
        scope=Scope.LIVE_READ,
        otherwise=Otherwise.NULL,
        cost=20,
    )
    def snapshot_url(self, info: Info) -> str | None:
        return live.live_snapshot_url(info.context.ctx, self._camera)

    @field(description="When it was created.")
    def created_at(self) -> Instant:
        return Instant(self._camera.created_us)

    @field(description="When its settings were last changed.")
    def updated_at(self) -> Instant:
        return Instant(self._camera.updated_us)

    @field(description="Its events, newest first.", scope=Scope.EVENTS_READ, cost=150)
    async def events(
        self,
        info: Info,
        filter: Filter = strawberry.UNSET,
        first: First = 50,
        after: After = strawberry.UNSET,
    ) -> EventConnection:
        wanted, place = wanted_events(filter), or_none(after)
        asked = events.PageOf(self._camera, wanted, checked_first(first), place)
        return EventConnection.of(await info.context.camera_events.load(asked), place)

    @field(
        description=(
            "What is recorded of a range of at most 31 days, with a reason for every gap; the "
            "parts' lengths sum exactly to the range."
        ),
        scope=Scope.PLAYBACK_READ,
        cost=150,
    )
    async def coverage(self, info: Info, from_: From, to: To) -> Coverage:
        asked = RangeOf(self._camera.slug, Interval(from_, to))
        return coverage(asked.wanted, await info.context.coverages.load(asked))

    @field(
        description="The hours of a day that have footage, in order.",
        scope=Scope.PLAYBACK_READ,
        cost=400,
    )
    async def hours(self, info: Info, date: OnDay) -> list[RecordedHour]:
        found = await info.context.hours.load(DayOf(self._camera.slug, date))
        return [recorded_hour(info.context.ctx, self._camera, each) for each in found]

    @field(
        description="One playlist over a range of at most a day.",
        scope=Scope.PLAYBACK_READ,
        cost=100,
    )
    async def playback(self, info: Info, from_: From, to: To) -> Playback:
        asked = RangeOf(self._camera.slug, Interval(from_, to))
        return playback(await info.context.playbacks.load(asked))

    @field(
        description=(
            "What was followed in the footage of a range of at most an hour, to draw over its "
            "playback; empty where nothing was looked at."
        ),
        scope=Scope.PLAYBACK_READ,
        cost=8000,
    )
    async def detections(
        self, info: Info, from_: From, to: To, first: First = 50, after: After = None
    ) -> DetectionFrameConnection:
        wanted = Interval(from_, to)
        asked = FramesOf(self._camera.slug, wanted, checked_first(first), after)
        page = await info.context.frames.load(asked)
        return detection_frames(info.context.ctx, page, after)


@strawberry.type(description="A camera in a page.")
class CameraEdge(Identified):
    def __init__(self, ctx: Context, camera: CameraValue) -> None:
        self._camera, self._node = camera, Camera(ctx, camera)
        self.identity = self._node.identity

    @field(description="The camera.")
    def node(self) -> Camera:
        return self._node

    @field(description="Its place in this list, for `after`.")
    def cursor(self) -> str:
        return cameras.camera_cursor(self._camera)


@strawberry.type(description="A page of cameras, oldest first.")
class CameraConnection(Identified):
    def __init__(self, ctx: Context, page: cameras.CameraPage, after: str | None) -> None:
        self._ctx, self._page, self._after = ctx, page, after
        self.identity = (cameras.shown_page_identity(ctx, page), after is not None)

    @field(description="The cameras with their places.")
    def edges(self) -> list[CameraEdge]:
        return [CameraEdge(self._ctx, each) for each in self._page.cameras]

    @field(description="The cameras alone.")
    def nodes(self) -> list[Camera]:
        return [Camera(self._ctx, each) for each in self._page.cameras]

    @field(description="Where the page stands.")
    def page_info(self) -> PageInfo:
        ends = [cameras.camera_cursor(each) for each in self._page.ends]
        return page_info(ends, self._page.has_next, self._after)

    @field(description="How many there are in all, of those that the filter lets pass.")
    def total_count(self) -> int:
        return self._page.total


@strawberry.input(
    description=(
        "Which cameras are meant: those of which all holds that is given here. What is left out or "
        "null does not filter."
    )
)
class CameraFilter:
    ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="With any of these ids, at most 200."
    )
    statuses: list[CameraState] | None = strawberry.field(
        default=strawberry.UNSET, description="Doing so, in any of these ways."
    )
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Connected at all, or switched off."
    )
    record: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whose stream is recorded, or not."
    )
    features: list[Feature] | None = strawberry.field(
        default=strawberry.UNSET, description="With any of these analytics switched on."
    )
    name_contains: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="With this in the name, whatever the case, 1 to 200 characters.",
    )


def wanted_cameras(given: CameraFilter | None) -> camera_filter.CameraFilter:
    if given is None or left_out(given):
        return camera_filter.ALL
    return camera_filter.CameraFilter(
        ids=or_none(given.ids),
        statuses=or_none(given.statuses),
        enabled=or_none(given.enabled),
        record=or_none(given.record),
        features=or_none(given.features),
        name_contains=or_none(given.name_contains),
    )


@strawberry.type(description="A camera as it is now, or that it was deleted.")
class CameraChange:
    kind: CameraChangeKind = strawberry.field(description="What to do with it.")
    id: strawberry.ID = strawberry.field(description="Which camera.")
    camera: Camera | None = strawberry.field(description="As it is now; null once deleted.")


def camera_change(ctx: Context, change: CameraValue | CameraDeletion) -> CameraChange:
    now = cameras.as_it_is(change)
    return CameraChange(
        kind=CameraChangeKind.DELETED if now is None else CameraChangeKind.SAVED,
        id=strawberry.ID(change.slug),
        camera=None if now is None else Camera(ctx, now),
    )
