"""What of a camera is recorded: hours of a day, and coverage with a reason for every gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date

import msgspec

from media.playlist import Playlist
from media.store import CameraFolder, Hour, RecordingNotFound
from models.base import select
from models.camera import Camera
from models.recording import (
    RecordingHour,
    RecordingHourTable,
    RecordingRun,
    RecordingRunTable,
)
from resolvers import addresses
from resolvers.access import Interval, Scope
from resolvers.cameras import camera_for
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput

MAX_COVERAGE_US = 31 * 86_400 * 1_000_000
EARLIEST_US, LATEST_US = 0, 253_370_764_800_000_000
"""1970-01-01 and 9999-01-01: hours on either side are still dates."""
HOUR_CLOSES_US = 60 * 1_000_000
"""An hour's last segment begins in it and may be listed a little after it."""


class RecordedHour(msgspec.Struct, frozen=True):
    """[start_us, end_us) holds `duration_us` of footage; `complete`: nothing will be added."""

    date: str
    hour: int
    playlist_url: str
    start_us: int
    end_us: int
    duration_us: int
    complete: bool


class Covered(msgspec.Struct, frozen=True):
    """A part of a range: recorded, or a gap with its reason in plain words."""

    from_us: int
    to_us: int
    gap_reason: str | None


def folder_of(camera: Camera) -> CameraFolder:
    return CameraFolder(camera.tenant_id, camera.folder)


async def hours(ctx: Context, camera_id: str, date: str) -> list[RecordedHour]:
    """The hours of a day (UTC) that have footage, in order.

    Raises:
        ScopeMissing: without `playback:read`.
        InvalidInput: `date` is no date.
        NotFound: no such camera in this tenant.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    try:
        day = Date.fromisoformat(date)
    except ValueError as error:
        raise _no_date() from error
    if day.isoformat() != date:
        raise _no_date()
    rows = RecordingHourTable.within(ctx.actor.tenant_id).filter(camera_key=camera.key, date=date)
    found = await select(rows.order_by("start_us"), RecordingHour)
    return [_hour(ctx, camera, each) for each in found if _seen(ctx, each)]


def _no_date() -> InvalidInput:
    return InvalidInput(FieldError("date", "want a date as YYYY-MM-DD"))


def _seen(ctx: Context, hour: RecordingHour) -> bool:
    interval = ctx.actor.interval
    return interval is None or interval.overlaps(hour.start_us, hour.end_us)


def _hour(ctx: Context, camera: Camera, found: RecordingHour) -> RecordedHour:
    return RecordedHour(
        date=found.date,
        hour=int(found.hour),
        playlist_url=addresses.hour_playlist(camera.slug, f"{found.date}/{found.hour}"),
        start_us=found.start_us,
        end_us=found.end_us,
        duration_us=found.duration_us,
        complete=_complete(ctx, camera, Hour(found.date, found.hour)),
    )


def _complete(ctx: Context, camera: Camera, hour: Hour) -> bool:
    """Only the hours around now need a look at their playlist."""
    if is_over(ctx, hour):
        return True
    try:
        return ctx.world.store.playlist(folder_of(camera), hour).ended
    except RecordingNotFound:
        return False


def is_over(ctx: Context, hour: Hour) -> bool:
    """Whether the hour ended long enough ago that nothing is added to its playlist."""
    _, end_us = ctx.world.store.hour_bounds(hour)
    return ctx.world.clock.now_us() >= end_us + HOUR_CLOSES_US


def ended(ctx: Context, hour: Hour, playlist: Playlist) -> bool:
    return playlist.ended or is_over(ctx, hour)


async def coverage(ctx: Context, camera_id: str, wanted: Interval) -> list[Covered]:
    """The range cut into recorded parts and gaps; their lengths sum exactly to the range.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such camera in this tenant.
        InvalidInput: the range is empty or longer than 31 days.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    check_range(wanted, MAX_COVERAGE_US)
    rows = RecordingRunTable.within(ctx.actor.tenant_id).filter(camera_key=camera.key)
    before = await select(
        rows.filter(started_us__lte=wanted.from_us).order_by("-started_us").limit(1), RecordingRun
    )
    inside = rows.filter(started_us__gt=wanted.from_us, started_us__lt=wanted.to_us)
    runs = before + await select(inside.order_by("started_us"), RecordingRun)
    return _cut(wanted, runs, camera, ctx.world.clock.now_us())


def check_range(wanted: Interval, longest_us: int) -> None:
    """Raises InvalidInput unless the range is some time, not too long, and within the calendar."""
    if wanted.from_us < EARLIEST_US:
        raise InvalidInput(FieldError("from", "want a time after 1970-01-01"))
    if wanted.to_us > LATEST_US:
        raise InvalidInput(FieldError("to", "want a time before 9999-01-01"))
    if wanted.from_us >= wanted.to_us:
        raise InvalidInput(FieldError("to", "want a time after `from`"))
    if wanted.to_us - wanted.from_us > longest_us:
        hours = longest_us // 3_600_000_000
        raise InvalidInput(FieldError("to", f"want a range of at most {hours} hours"))


def _cut(
    wanted: Interval, runs: Sequence[RecordingRun], camera: Camera, now_us: int
) -> list[Covered]:
    parts: list[Covered] = []
    place = wanted.from_us
    reason = "nothing was recorded before"
    for run in runs:
        start, end = max(run.started_us, place), min(run.recorded_until_us, wanted.to_us)
        if start > place:
            parts.append(Covered(place, start, reason))
            place = start
        if end > place:
            parts.append(Covered(place, end, None))
            place = end
        reason = run.end_reason or "not written yet"
    if place < wanted.to_us:
        parts += _tail(Interval(place, wanted.to_us), runs, camera, reason, now_us)
    return parts


def _tail(
    left: Interval, runs: Sequence[RecordingRun], camera: Camera, reason: str, now_us: int
) -> list[Covered]:
    """What follows the last run, up to now and after it."""
    if not runs and not camera.record:
        reason = "recording is switched off"
    elif not runs and camera.status_reason:
        reason = camera.status_reason
    now = min(max(now_us, left.from_us), left.to_us)
    parts = [Covered(left.from_us, now, reason), Covered(now, left.to_us, "in the future")]
    return [part for part in parts if part.to_us > part.from_us]
