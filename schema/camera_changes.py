"""What a client may do to cameras: the inputs, and what comes back, mistakes included."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import msgspec
import strawberry

from media.types import ProbeReport
from resolvers import cameras
from resolvers.camera_input import DEFAULT_FPS, CameraChanges, CameraDraft
from resolvers.context import Context
from resolvers.errors import CameraLimitReached, Conflict, FieldError, InvalidInput, NotFound
from resolvers.features import Feature
from schema.cameras import Camera, StreamInfo
from schema.errors import UserError, user_errors
from schema.inputs import left_out, or_none
from schema.scalars import Bytes

_ID = "1 to 63 of a-z, 0-9 and -; without it the server makes a readable one from the name."
_URL = "`rtsp://` or `rtsps://`, credentials included; those are stored encrypted."
_DETECTION = (
    "Where a substream is, `rtsp://` or `rtsps://`: it is looked at for detection in place of the "
    "stream that is recorded, which costs less; null looks at that one."
)
_FEATURES = "Analytics to switch on; what the plan does not include is filtered out."
_DAYS = "Days that its footage is kept at most; null leaves it to the plan."
_BYTES = "Bytes of its footage that are kept at most, the newest; null leaves it to the plan."
_FREE = {"retention_days", "retention_bytes", "detection_url"}
_FPS = "Frames a second to look at for detection, 0.2 to 30."


@strawberry.input(description="A camera to be.")
class CameraCreateInput:
    name: str = strawberry.field(description="What people call it, up to 200 characters.")
    rtsp_url: str = strawberry.field(description=_URL)
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=_ID)
    features: list[Feature] = strawberry.field(default_factory=list, description=_FEATURES)
    fps: float = strawberry.field(default=DEFAULT_FPS, description=_FPS)
    enabled: bool = strawberry.field(default=True, description="Whether to connect it.")
    record: bool = strawberry.field(default=True, description="Whether to record its stream.")
    retention_days: int | None = strawberry.field(default=None, description=_DAYS)
    retention_bytes: Bytes | None = strawberry.field(default=None, description=_BYTES)
    detection_url: str | None = strawberry.field(default=None, description=_DETECTION)

    def draft(self) -> CameraDraft:
        return CameraDraft(
            name=self.name,
            rtsp_url=self.rtsp_url,
            id=or_none(self.id),
            features=self.features,
            fps=self.fps,
            enabled=self.enabled,
            record=self.record,
            retention_days=self.retention_days,
            retention_bytes=self.retention_bytes,
            detection_url=self.detection_url,
        )


@strawberry.input(description="What to change of a camera; what is left out stays as it is.")
class CameraUpdateInput:
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="What people call it, up to 200 characters."
    )
    rtsp_url: str | None = strawberry.field(default=strawberry.UNSET, description=_URL)
    features: list[Feature] | None = strawberry.field(
        default=strawberry.UNSET, description=_FEATURES
    )
    fps: float | None = strawberry.field(default=strawberry.UNSET, description=_FPS)
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether to connect it."
    )
    record: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether to record its stream."
    )
    retention_days: int | None = strawberry.field(default=strawberry.UNSET, description=_DAYS)
    retention_bytes: Bytes | None = strawberry.field(default=strawberry.UNSET, description=_BYTES)
    detection_url: str | None = strawberry.field(default=strawberry.UNSET, description=_DETECTION)

    def changes(self) -> CameraChanges:
        """Raises InvalidInput for a null of what can't be taken away."""
        given = {
            name: value
            for name in CameraChanges.__struct_fields__
            if not left_out(value := getattr(self, name))
        }
        nulls = [name for name, value in given.items() if value is None and name not in _FREE]
        if nulls:
            raise InvalidInput(*(FieldError(name, "must not be null") for name in nulls))
        return msgspec.structs.replace(CameraChanges(), **given)


@strawberry.type(description="A camera as written.")
class CameraPayload:
    camera: Camera | None = strawberry.field(description="As it is now; null when refused.")
    filtered_features: list[Feature] = strawberry.field(
        description="Wanted analytics that the plan does not include: they are not switched on."
    )
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


@strawberry.type(description="Which camera was deleted.")
class CameraDeletePayload:
    deleted_id: strawberry.ID | None = strawberry.field(
        description="Id of the camera that is gone; null when refused."
    )
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was deleted."
    )


@strawberry.type(description="What an address offers, measured over a few seconds.")
class Probe:
    stream: StreamInfo = strawberry.field(description="The stream as measured.")
    gop_seconds: float | None = strawberry.field(
        description="Longest distance between keyframes; null with fewer than two seen."
    )
    has_b_frames: bool = strawberry.field(
        description="Whether pictures are sent out of order, which live view can't show."
    )
    clock_skew_seconds: float | None = strawberry.field(
        description=(
            "How far the camera's clock is ahead of ours, less what its pictures take to come; "
            "negative when it is behind, null where its stream does not tell (RTCP sender reports)."
        )
    )
    warnings: list[str] = strawberry.field(description="What will not work where, in plain words.")
    picture: str | None = strawberry.field(
        description="A frame as a `data:image/jpeg` address; null when none came."
    )


@strawberry.type(description="What was found at an address.")
class ProbePayload:
    probe: Probe | None = strawberry.field(description="The findings; null when refused.")
    user_errors: list[UserError] = strawberry.field(
        description="Why the address is refused, or what is wrong with what is there."
    )


async def create(ctx: Context, given: CameraCreateInput) -> CameraPayload:
    try:
        return _saved(ctx, await cameras.camera_create(ctx, given.draft()))
    except (InvalidInput, Conflict, CameraLimitReached) as error:
        return _unsaved(user_errors(error))


async def update(ctx: Context, camera_id: str, given: CameraUpdateInput) -> CameraPayload:
    try:
        return _saved(ctx, await cameras.camera_update(ctx, camera_id, given.changes()))
    except (InvalidInput, NotFound) as error:
        return _unsaved(user_errors(error))


async def delete(ctx: Context, camera_id: str) -> CameraDeletePayload:
    try:
        deletion = await cameras.camera_delete(ctx, camera_id)
    except (NotFound, Conflict) as error:
        return CameraDeletePayload(deleted_id=None, user_errors=user_errors(error))
    return CameraDeletePayload(deleted_id=strawberry.ID(deletion.slug), user_errors=[])


async def probe(ctx: Context, rtsp_url: str) -> ProbePayload:
    try:
        report = await cameras.camera_probe(ctx, rtsp_url)
    except InvalidInput as error:
        return ProbePayload(probe=None, user_errors=user_errors(error))
    return ProbePayload(probe=_probe(report), user_errors=[])


def _saved(ctx: Context, saved: cameras.CameraSaved) -> CameraPayload:
    return CameraPayload(
        camera=Camera(ctx, saved.camera),
        filtered_features=[Feature(name) for name in saved.filtered_features],
        user_errors=[],
    )


def _unsaved(mistakes: Sequence[UserError]) -> CameraPayload:
    return CameraPayload(camera=None, filtered_features=[], user_errors=list(mistakes))


def _probe(report: ProbeReport) -> Probe:
    jpeg, ahead_us = report.picture_jpeg, report.clock_ahead_us
    return Probe(
        stream=StreamInfo(
            codec=report.stream.codec,
            width=report.stream.width_px,
            height=report.stream.height_px,
            fps=report.stream.fps,
            audio_codec=report.stream.audio_codec,
        ),
        gop_seconds=report.gop_seconds,
        has_b_frames=report.has_b_frames,
        clock_skew_seconds=None if ahead_us is None else round(ahead_us / 1_000_000, 3),
        warnings=list(report.warnings),
        picture=None if jpeg is None else f"data:image/jpeg;base64,{b64encode(jpeg).decode()}",
    )
