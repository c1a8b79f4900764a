"""What of a camera is recorded: hours of a day, and coverage with a reason for every gap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date as Date
from uuid import UUID

import msgspec

from media.store import Hour, RecordingNotFound
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
from resolvers.footage import folder_of, is_over

MAX_COVERAGE_US = 31 * 86_400 * 1_000_000
EARLIEST_US, LATEST_US = 0, 253_370_764_800_000_000
"""1970-01-01 and 9999-01-01: hours on either side are still dates."""
AWAY = "the worker that holds it is away"


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
    """A part of a range: recorded, or a gap with its reason in plain words.

    Footage that can't be had now, as the worker that holds it is away, is a gap too.
    """

    from_us: int
    to_us: int
    gap_reason: str | None


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
    by_hour: dict[str, list[RecordingHour]] = {}
    for each in found:
        by_hour.setdefault(each.hour, []).append(each)
    recorded = (_hour(ctx, camera, parts) for parts in by_hour.values())
    return [each for each in recorded if _seen(ctx, each)]


def _no_date() -> InvalidInput:
    return InvalidInput(FieldError("date", "want a date as YYYY-MM-DD"))


def _seen(ctx: Context, hour: RecordedHour) -> bool:
    interval = ctx.actor.interval
    return interval is None or interval.overlaps(hour.start_us, hour.end_us)


def _hour(ctx: Context, camera: Camera, parts: Sequence[RecordingHour]) -> RecordedHour:
    """`parts` are the summaries of one hour by the stores that have some of it."""
    hour = Hour(parts[0].date, parts[0].hour)
    here = all(_is_own(ctx, part.store_id) for part in parts)
    return RecordedHour(
        date=hour.date,
        hour=int(hour.hour),
        playlist_url=addresses.hour_playlist(camera.slug, str(hour)),
        start_us=min(part.start_us for part in parts),
        end_us=max(part.end_us for part in parts),
        duration_us=sum(part.duration_us for part in parts),
        complete=is_over(ctx, hour) or (here and _ended_here(ctx, camera, hour)),
    )


def _is_own(ctx: Context, store_id: UUID | None) -> bool:
    return store_id is None or store_id == ctx.world.store.store_id


def _ended_here(ctx: Context, camera: Camera, hour: Hour) -> bool:
    """Only for the hours around now is a look at their playlist needed."""
    try:
        return ctx.world.store.playlist(folder_of(camera), hour).ended
    except RecordingNotFound:
        return False


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
    begun = rows.filter(started_us__lte=wanted.from_us).order_by("-started_us")
    # Two, as a run in another store may have begun before an earlier one was given up.
    before = await select(begun.limit(2), RecordingRun)
    inside = rows.filter(started_us__gt=wanted.from_us, started_us__lt=wanted.to_us)
    runs = before[::-1] + await select(inside.order_by("started_us"), RecordingRun)
    away = await _away(ctx, runs)
    return _cut(wanted, runs, away, camera, ctx.world.clock.now_us())


async def _away(ctx: Context, runs: Sequence[RecordingRun]) -> frozenset[UUID]:
    """Stores of these runs that can't be reached."""
    others = {run.store_id for run in runs if run.store_id and not _is_own(ctx, run.store_id)}
    far = ctx.world.far
    if far is None:
        return frozenset(others)
    asked = sorted(others)
    answers = await asyncio.gather(*(far.answers(each) for each in asked))
    return frozenset(each for each, well in zip(asked, answers, strict=True) if not well)


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
    wanted: Interval,
    runs: Sequence[RecordingRun],
    away: frozenset[UUID],
    camera: Camera,
    now_us: int,
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
            parts.append(Covered(place, end, AWAY if run.store_id in away else None))
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
