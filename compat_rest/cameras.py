"""Cameras in this dialect: their JSON, and the routes that list, create, change and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from compat_rest.body import Fields, read_fields
from compat_rest.encoding import iso_seconds, json_response, plain_number
from media.rtsp_url import MAX_CHARACTERS
from media.types import CameraState
from resolvers import cameras
from resolvers.camera_input import (
    DEFAULT_FPS,
    MAX_FEATURE_NAMES,
    MAX_FPS,
    MAX_NAME_CHARACTERS,
    MIN_FPS,
    CameraChanges,
    CameraDraft,
    check,
)
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput
from resolvers.features import ALL_FEATURES

if TYPE_CHECKING:
    from models.camera import Camera

FILTERED_FEATURES = "X-Filtered-Features"
MAX_HEADER_NAME_CHARACTERS = 64

MOST_KEPT = 10_000
"""Cameras as JSON, of about 500 bytes each."""

_kept: dict[object, msgspec.Raw] = {}

Name = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_NAME_CHARACTERS})]
SourceUrl = Annotated[
    str,
    Meta(
        description="An rtsp:// or rtsps:// address. Without cameras:write its credentials are ***",
        extra_json_schema={
            "pattern": "^[rR][tT][sS][pP][sS]?://",
            "maxLength": MAX_CHARACTERS,
            "examples": ["rtsp://10.0.0.7/stream"],
        },
    ),
]
DetectionUrl = Annotated[
    SourceUrl | None,
    Meta(
        description=(
            "A substream that is looked at in place of the stream that is recorded; null for none. "
            "Answers do not show it: see GraphQL's Camera.detectionUrl"
        ),
    ),
]
Features = Annotated[
    list[str],
    Meta(
        description=f"Of {', '.join(ALL_FEATURES)}; what the plan lacks is filtered out",
        extra_json_schema={"maxItems": MAX_FEATURE_NAMES},
    ),
]
Fps = Annotated[
    float,
    Meta(
        description=f"Frames per second for detection; {DEFAULT_FPS:g} when it is not given",
        extra_json_schema={"minimum": MIN_FPS, "maximum": MAX_FPS},
    ),
]
CameraId = Annotated[
    str,
    Meta(
        description="Unique within the tenant; made from the name when it is not given",
        extra_json_schema={"pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
    ),
]
Second = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class CameraJson(msgspec.Struct, frozen=True):
    """A camera. Times are UTC to the second."""

    id: str
    tenant_id: str
    name: str
    rtsp_url: SourceUrl
    features: list[str]
    fps: int | float
    enabled: bool
    record: bool
    status: CameraState
    created_at: Second
    updated_at: Second


class NewCamera(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says of a new camera; the rest is set by the server."""

    name: Name
    rtsp_url: SourceUrl
    id: CameraId | UnsetType = UNSET
    features: Features | UnsetType = UNSET
    fps: Fps | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    record: bool | UnsetType = UNSET
    detection_url: DetectionUrl | UnsetType = UNSET


class CameraPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may change of a camera; what is not given stays."""

    name: Name | UnsetType = UNSET
    rtsp_url: SourceUrl | UnsetType = UNSET
    features: Features | UnsetType = UNSET
    fps: Fps | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    record: bool | UnsetType = UNSET
    detection_url: DetectionUrl | UnsetType = UNSET


def camera_json(ctx: Context, camera: Camera) -> CameraJson:
    """The camera as this actor may see it."""
    return CameraJson(
        id=camera.slug,
        tenant_id=camera.tenant_id,
        name=camera.name,
        rtsp_url=cameras.shown_rtsp_url(ctx, camera),
        features=camera.features,
        fps=plain_number(camera.fps),
        enabled=camera.enabled,
        record=camera.record,
        status=CameraState(camera.status),
        created_at=iso_seconds(camera.created_us),
        updated_at=iso_seconds(camera.updated_us),
    )


async def list_cameras(ctx: Context, _: Request) -> Response:
    """GET /v2/api/cameras = Query.cameras. All of the tenant's, oldest first."""
    return json_response([_encoded(ctx, each) for each in await cameras.cameras(ctx)])


def _encoded(ctx: Context, camera: Camera) -> msgspec.Raw:
    """Kept: the same for as long as the camera is unchanged, to all who may see its credentials."""
    identity = cameras.shown_identity(ctx, camera)
    known = _kept.get(identity)
    if known is None:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        known = _kept[identity] = msgspec.Raw(msgspec.json.encode(camera_json(ctx, camera)))
    return known


async def create_camera(ctx: Context, request: Request) -> Response:
    """POST /v2/api/cameras = Mutation.cameraCreate.

    Features that the tenant's plan does not include are left out and named in
    `X-Filtered-Features`. Over the plan's `camera_limit` the answer is CAMERA_LIMIT_REACHED.
    """
    given = await read_fields(request, NewCamera, CameraJson)
    await _refuse_faults(ctx, given)
    saved = await cameras.camera_create(ctx, msgspec.convert(given.values, CameraDraft))
    place = {"Location": f"/v2/api/cameras/{saved.camera.slug}"}
    return _saved_response(ctx, saved, 201, place)


async def change_camera(ctx: Context, request: Request) -> Response:
    """PATCH /v2/api/cameras/{id} = Mutation.cameraUpdate.

    Changes what is given and nothing else. Features are filtered as on create.
    """
    given = await read_fields(request, CameraPatch, CameraJson)
    await _refuse_faults(ctx, given)
    changes = msgspec.convert(given.values, CameraChanges)
    saved = await cameras.camera_update(ctx, request.path_params["id"], changes)
    return _saved_response(ctx, saved, 200, {})


async def delete_camera(ctx: Context, request: Request) -> Response:
    """DELETE /v2/api/cameras/{id} = Mutation.cameraDelete.

    Recording stops at once and the footage is removed in the background; events stay until their
    own retention ends.
    """
    await cameras.camera_delete(ctx, request.path_params["id"])
    return Response(status_code=204)


async def _refuse_faults(ctx: Context, given: Fields) -> None:
    """Raises InvalidInput when a field is of a wrong type, naming wrong values beside it."""
    if not given.faults:
        return
    fields = CameraChanges.__struct_fields__
    sound = {name: value for name, value in given.values.items() if name in fields}
    camera_id = given.values.get("id")
    more: tuple[FieldError, ...] = ()
    try:
        changes = msgspec.convert(sound, CameraChanges)
        await check(ctx.world.networks, changes, None if camera_id is None else str(camera_id))
    except InvalidInput as error:
        more = error.fields
    raise InvalidInput(*given.faults, *more)


def _saved_response(
    ctx: Context, saved: cameras.CameraSaved, status: int, headers: dict[str, str]
) -> Response:
    if saved.filtered_features:
        names = (name[:MAX_HEADER_NAME_CHARACTERS] for name in saved.filtered_features)
        # A client chose these names: escaped, none can break out of the header.
        headers[FILTERED_FEATURES] = ", ".join(quote(name, safe="") for name in names)
    return json_response(camera_json(ctx, saved.camera), status, headers)
