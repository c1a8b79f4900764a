"""Subscription, and the schema of all three roots."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Annotated

import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers.access import Scope
from resolvers.camera_watch import CameraFeed
from resolvers.comparisons import ComparisonFeed
from resolvers.detections import DetectionFeed
from resolvers.exports import ExportFeed
from resolvers.watch import EventFeed
from schema import comparisons, exports
from schema.arguments import CameraId
from schema.cameras import (
    CameraChange,
    Filter,
    camera_change,
)
from schema.comparisons import Comparison, ComparisonId
from schema.context import Info
from schema.detections import DetectionFrame, detection_frame
from schema.directives import describe_arguments
from schema.events import EventStreamItem, stream_item, wanted_events
from schema.exports import Export, ExportId
from schema.fields import subscription
from schema.followed import Followed
from schema.inputs import or_none
from schema.mutations import Mutation
from schema.queries import Query
from schema.scalars import SCALARS, LogCursor

Resume = Annotated[
    LogCursor | None,
    strawberry.argument(description="Go on behind this step; without it, begin now."),
]


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    @subscription(
        description=(
            "Began, changed and ended events in commit order. `after` resumes without loss or "
            "repeat."
        ),
        scope=Scope.EVENTS_READ,
    )
    def events(
        self, info: Info, filter: Filter = strawberry.UNSET, after: Resume = strawberry.UNSET
    ) -> AsyncIterable[EventStreamItem]:
        ctx = info.context.ctx
        feed = EventFeed(ctx, wanted_events(filter), or_none(after))
        return Followed(ctx, feed, stream_item)

    @subscription(
        description=(
            "First every camera as it is, then each change: no race between loading and "
            "subscribing."
        ),
        scope=Scope.CAMERAS_READ,
    )
    def cameras(self, info: Info) -> AsyncIterable[CameraChange]:
        ctx = info.context.ctx
        return Followed(ctx, CameraFeed(ctx), camera_change)

    @subscription(
        description=(
            "Boxes at the detection rate, to draw over live video; a still scene has a frame a "
            "second. Lossy by design: who is slow misses frames, and nothing is told again."
        ),
        scope=Scope.LIVE_READ,
    )
    def detections(self, info: Info, camera_id: CameraId) -> AsyncIterable[DetectionFrame]:
        ctx = info.context.ctx
        return Followed(ctx, DetectionFeed(ctx, camera_id), detection_frame)

    @subscription(
        description=(
            "An export as it is, then as it goes on, until it is ready, has failed or was deleted."
        ),
        scope=Scope.PLAYBACK_READ,
    )
    def export_progress(self, info: Info, id: ExportId) -> AsyncIterable[Export]:
        ctx = info.context.ctx
        return Followed(ctx, ExportFeed(ctx, id), exports.shown)

    @subscription(
        description=(
            "A comparison as it is, then as it goes on, until it is ready, has failed or was "
            "deleted."
        ),
        scope=Scope.EVENTS_READ,
    )
    def comparison_progress(self, info: Info, id: ComparisonId) -> AsyncIterable[Comparison]:
        ctx = info.context.ctx
        return Followed(ctx, ComparisonFeed(ctx, id), comparisons.shown)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
)
describe_arguments(schema._schema)
