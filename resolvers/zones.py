"""A camera's zones: which parts of its picture make events, and which are hidden from detection.

They lie in the camera's row: a change of a zone is a change of the camera, numbered and followed
like any other, and takes hold of a camera that runs without an interruption of its recording.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import msgspec

from media.zones import Zone
from models.camera import Camera
from resolvers.access import Scope
from resolvers.cameras import camera_for, camera_rewrite
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.zone_input import ZoneDraft, checked_zone

MAX_ZONES = 16
ID_CHARACTERS = 32


class ZoneSaved(msgspec.Struct, frozen=True):
    """A camera as written, and the zone that was."""

    camera: Camera
    zone: Zone


def zones_of(camera: Camera) -> tuple[Zone, ...]:
    """In the order they were made."""
    return msgspec.convert(camera.zones or [], tuple[Zone, ...])


async def zone_save(
    ctx: Context, camera_id: str, draft: ZoneDraft, zone_id: str | None = None
) -> ZoneSaved:
    """A new zone, or all of a known one anew; it takes hold at once.

    Raises:
        ScopeMissing: without `cameras:write`.
        NotFound: no such camera in this tenant, or no such zone of it.
        InvalidInput: names each field that is wrong, points by their number: `points[3]`.
        Conflict: the camera has as many zones as it may.
    """
    camera = await camera_for(ctx, camera_id, Scope.CAMERAS_WRITE)
    zone = checked_zone(uuid4().hex if zone_id is None else zone_id, draft)

    def change(known: tuple[Zone, ...]) -> list[Zone]:
        if zone_id is not None:
            _demand(known, zone_id)
            return [zone if each.id == zone_id else each for each in known]
        if len(known) >= MAX_ZONES:
            raise Conflict("camera_id", f"a camera has at most {MAX_ZONES} zones")
        return [*known, zone]

    return ZoneSaved(await _change(ctx, camera, change), zone)


async def zone_delete(ctx: Context, camera_id: str, zone_id: str) -> Camera:
    """Removes a zone; events that it began keep its name.

    Returns:
        The camera as it is now.

    Raises:
        ScopeMissing: without `cameras:write`.
        NotFound: no such camera in this tenant, or no such zone of it.
    """
    camera = await camera_for(ctx, camera_id, Scope.CAMERAS_WRITE)

    def change(known: tuple[Zone, ...]) -> list[Zone]:
        _demand(known, zone_id)
        return [each for each in known if each.id != zone_id]

    return await _change(ctx, camera, change)


def _demand(known: tuple[Zone, ...], zone_id: str) -> None:
    if not any(each.id == zone_id for each in known):
        raise NotFound(f"there is no zone {zone_id[:ID_CHARACTERS]!r} of this camera")


async def _change(
    ctx: Context, camera: Camera, change: Callable[[tuple[Zone, ...]], list[Zone]]
) -> Camera:
    def zones(row: Camera) -> dict[str, object]:
        return {"zones": msgspec.to_builtins(change(zones_of(row))) or None}

    return await camera_rewrite(ctx, camera.key, zones)
