"""What of a camera is recorded: hours of a day, and coverage with a reason for every gap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date as Date
from functools import partial
from itertools import chain
from uuid import UUID

import msgspec

from media.store import Hour, RecordingNotFound
from models.bulk import NewRows
from models.camera import Camera
from models.each import select_each
from models.recording import (
    RecordingHour,
    RecordingHourTable,
    RecordingRun,
    RecordingRunTable,
)
from resolvers import addresses, leases
from resolvers.access import Interval, Scope
from resolvers.cameras import cameras_for
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput
from resolvers.footage import folder_of, is_over
from resolvers.outcomes import Outcome, answered, attempt, in_groups, value_of

MAX_COVERAGE_US = 31 * 86_400 * 1_000_000
EARLIEST_US, LATEST_US = 0, 253_370_764_800_000_000
"""1970-01-01 and 9999-01-01: hours on either side are still dates."""
MOST_OVERLAPPING = 16
"""Of the runs that begin before a range so many are looked at. More than one reach into it where a
clock was set back, or a run in another store began before an earlier one was given up."""
AWAY = "the worker that holds it is away"
DOWN = "the worker that recorded it is down"
UNTENDED = "no worker has taken the camera"
NOTHING = "nothing was recorded before"
FUTURE = "in the future"


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


class DayOf(msgspec.Struct, frozen=True):
    """A question: a camera by its id, and a date of it."""

    camera_id: str
    date: str


class RangeOf(msgspec.Struct, frozen=True):
    """A question: a camera by its id, and a stretch of time of it."""

    camera_id: str
    wanted: Interval


class _Day(msgspec.Struct, frozen=True):
    camera: Camera
    date: str


class _Range(msgspec.Struct, frozen=True):
    camera: Camera
    wanted: Interval


class _Now(msgspec.Struct, frozen=True):
    """The present: stores that can't be reached, cameras without a worker."""

    at_us: int
    away: frozenset[UUID]
    untended: set[UUID]


async def hours(ctx: Context, camera_id: str, date: str) -> list[RecordedHour]:
    """The hours of a day (UTC) that have footage, in order.

    Raises:
        ScopeMissing: without `playback:read`.
        InvalidInput: `date` is no date.
        NotFound: no such camera in this tenant.
    """
    return value_of((await hours_of_each(ctx, [DayOf(camera_id, date)]))[0])


async def hours_of_each(ctx: Context, asked: Sequence[DayOf]) -> list[Outcome[list[RecordedHour]]]:
    """`hours` of each day, in one statement. Raises ScopeMissing."""
    cameras = await cameras_for(ctx, [each.camera_id for each in asked], Scope.PLAYBACK_READ)
    days = [attempt(_day, *each) for each in zip(cameras, asked, strict=True)]

    async def answer(days: list[_Day]) -> list[list[RecordedHour]]:
        keys = NewRows(
            {"camera_key": "uuid", "date": "text"}, [(day.camera.key, day.date) for day in days]
        )
        rows = RecordingHourTable.within(ctx.actor.tenant_id).order_by("start_us")
        found = await select_each(rows, RecordingHour, keys)
        return await asyncio.to_thread(
            lambda: [_hours(ctx, *each) for each in zip(days, found, strict=True)]
        )

    return await answered(days, answer)


def _day(camera: Outcome[Camera], asked: DayOf) -> _Day:
    known = value_of(camera)
    try:
        day = Date.fromisoformat(asked.date)
    except ValueError as error:
        raise _no_date() from error
    if day.isoformat() != asked.date:
        raise _no_date()
    return _Day(known, asked.date)


def _hours(ctx: Context, day: _Day, found: Sequence[RecordingHour]) -> list[RecordedHour]:
    """Reads playlists of hours around now."""
    by_hour: dict[str, list[RecordingHour]] = {}
    for each in found:
        by_hour.setdefault(each.hour, []).append(each)
    recorded = (_hour(ctx, day.camera, parts) for parts in by_hour.values())
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
    return value_of((await coverage_of_each(ctx, [RangeOf(camera_id, wanted)]))[0])


async def coverage_of_each(ctx: Context, asked: Sequence[RangeOf]) -> list[Outcome[list[Covered]]]:
    """`coverage` of each, in two statements for all of the same range. Raises ScopeMissing.

    Two more tell whether who records is still there, of ranges that reach beyond what is recorded.
    """
    cameras = await cameras_for(ctx, [each.camera_id for each in asked], Scope.PLAYBACK_READ)
    ranges = [attempt(_range, *each) for each in zip(cameras, asked, strict=True)]

    async def answer(ranges: list[_Range]) -> list[list[Covered]]:
        found = await in_groups(ranges, lambda each: each.wanted, partial(_runs, ctx))
        both = list(zip(ranges, found, strict=True))
        open_ended = [each.camera.key for each, runs in both if _is_open_ended(each, runs)]
        now = _Now(
            at_us=ctx.world.clock.now_us(),
            away=await _away(ctx, chain.from_iterable(found)),
            untended=await leases.untended(ctx.world, ctx.actor.tenant_id, open_ended),
        )
        return [_cut(each, runs, now) for each, runs in both]

    return await answered(ranges, answer)


def _range(camera: Outcome[Camera], asked: RangeOf) -> _Range:
    known = value_of(camera)
    check_range(asked.wanted, MAX_COVERAGE_US)
    return _Range(known, asked.wanted)


async def _runs(ctx: Context, alike: Sequence[_Range]) -> list[list[RecordingRun]]:
    """The runs of each camera that may lie in the one range that is asked of all."""
    wanted = alike[0].wanted
    keys = NewRows({"camera_key": "uuid"}, [(each.camera.key,) for each in alike])
    rows = RecordingRunTable.within(ctx.actor.tenant_id)
    begun = rows.filter(started_us__lte=wanted.from_us).order_by("-started_us")
    before = await select_each(begun.limit(MOST_OVERLAPPING), RecordingRun, keys)
    inside = rows.filter(started_us__gt=wanted.from_us, started_us__lt=wanted.to_us)
    within = await select_each(inside.order_by("started_us"), RecordingRun, keys)
    return [first[::-1] + then for first, then in zip(before, within, strict=True)]


async def _away(ctx: Context, runs: Iterable[RecordingRun]) -> frozenset[UUID]:
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


def _is_open_ended(asked: _Range, runs: Sequence[RecordingRun]) -> bool:
    """Whether nobody has said why there is nothing at the range's end."""
    if not runs:
        return asked.camera.enabled and asked.camera.record
    return runs[-1].end_reason is None and runs[-1].recorded_until_us < asked.wanted.to_us


def _cut(asked: _Range, runs: Sequence[RecordingRun], now: _Now) -> list[Covered]:
    parts: list[Covered] = []
    wanted = asked.wanted
    place = wanted.from_us
    reason = NOTHING
    for run in runs:
        start, end = max(run.started_us, place), min(run.recorded_until_us, wanted.to_us)
        if start > place:
            parts.append(Covered(place, start, reason))
            place = start
        if end > place:
            parts.append(Covered(place, end, AWAY if run.store_id in now.away else None))
            place = end
        reason = run.end_reason or _unsaid(asked.camera, now)
    if place < wanted.to_us:
        changes = [] if runs else [(asked.camera.created_us, _never(asked.camera, now))]
        parts += _in_turn(Interval(place, wanted.to_us), reason, [*changes, (now.at_us, FUTURE)])
    return _without_seams(parts)


def _without_seams(parts: Sequence[Covered]) -> list[Covered]:
    """A run's end and a note of the same reason make one gap."""
    joined: list[Covered] = []
    for part in parts:
        goes_on = bool(joined) and part.gap_reason == joined[-1].gap_reason is not None
        from_us = joined.pop().from_us if goes_on else part.from_us
        joined.append(msgspec.structs.replace(part, from_us=from_us))
    return joined


def _unsaid(camera: Camera, now: _Now) -> str:
    """Why there is nothing behind a run that nobody has ended."""
    return DOWN if camera.key in now.untended else "not written yet"


def _never(camera: Camera, now: _Now) -> str:
    """Why nothing was ever recorded of a camera."""
    if not camera.enabled:
        return "the camera is switched off"
    if not camera.record:
        return "recording is switched off"
    return camera.status_reason or (UNTENDED if camera.key in now.untended else NOTHING)


def _in_turn(left: Interval, reason: str, changes: Sequence[tuple[int, str]]) -> list[Covered]:
    """A gap with another reason from each of the given times on, which are in order."""
    parts, place = [], left.from_us
    for at_us, following in changes:
        end = min(max(at_us, place), left.to_us)
        parts.append(Covered(place, end, reason))
        place, reason = end, following
    parts.append(Covered(place, left.to_us, reason))
    return [part for part in parts if part.to_us > part.from_us]
