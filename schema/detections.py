"""What is followed in a camera's picture: boxes to draw over it."""

from __future__ import annotations

import strawberry

from resolvers.context import Context
from resolvers.detections import FollowedObject, ShownFrame
from resolvers.stored_detections import FramePage, frame_cursor
from schema.enums import EventType
from schema.paging import PageInfo, page_info
from schema.scalars import Instant


@strawberry.type(description="An object that is followed, where a frame shows it.")
class DetectedBox:
    x: float = strawberry.field(description="Left edge, 0..1 of the frame's width.")
    y: float = strawberry.field(description="Top edge, 0..1 of the frame's height.")
    w: float = strawberry.field(description="Width, 0..1 of the frame's.")
    h: float = strawberry.field(description="Height, 0..1 of the frame's.")
    label: str = strawberry.field(description="The model's word for it.")
    type: EventType = strawberry.field(description="What it is, as in `Event.type`.")
    score: float = strawberry.field(description="The model's confidence, 0..1.")
    track_id: int | None = strawberry.field(
        description="That of its events, as `Event.trackId`; null as long as it has none."
    )


@strawberry.type(description="A frame that was looked at, and what is followed in it.")
class DetectionFrame:
    ts: Instant = strawberry.field(
        description="When it was captured, by the clock of footage and events."
    )
    width: int = strawberry.field(description="Its width in pixels.")
    height: int = strawberry.field(description="Its height in pixels.")
    boxes: list[DetectedBox] = strawberry.field(
        description="The objects; none where nothing is followed."
    )


@strawberry.type(description="A frame in a page.")
class DetectionFrameEdge:
    node: DetectionFrame = strawberry.field(description="The frame.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of frames of recorded footage, by time.")
class DetectionFrameConnection:
    edges: list[DetectionFrameEdge] = strawberry.field(description="The frames with their places.")
    nodes: list[DetectionFrame] = strawberry.field(description="The frames alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


def detection_frames(ctx: Context, page: FramePage, after: str | None) -> DetectionFrameConnection:
    nodes = [detection_frame(ctx, each) for each in page.frames]
    cursors = [frame_cursor(ctx, each) for each in page.frames]
    return DetectionFrameConnection(
        edges=[DetectionFrameEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
        nodes=nodes,
        page_info=page_info(cursors, page.has_next, after),
    )


def detection_frame(_: Context, frame: ShownFrame) -> DetectionFrame:
    return DetectionFrame(
        ts=Instant(frame.at_us),
        width=frame.width_px,
        height=frame.height_px,
        boxes=[_box(each) for each in frame.objects],
    )


def _box(each: FollowedObject) -> DetectedBox:
    return DetectedBox(
        x=each.x,
        y=each.y,
        w=each.w,
        h=each.h,
        label=each.label,
        type=EventType.of(each.feature),
        score=each.score,
        track_id=each.track_id,
    )
