"""Footage: what is recorded, and signed addresses to play it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import strawberry

from media.store import Hour
from resolvers import addresses, recordings
from resolvers.access import Interval
from resolvers.context import Context
from resolvers.playback import IntervalPlayback, hour_grant
from schema.scalars import Day, Instant

if TYPE_CHECKING:
    from models.camera import Camera as CameraValue

SIGNED = "HLS playlist; carries its own short-lived authority, for players that send no headers."

I_FRAMES = (
    "HLS playlist of one picture of each segment (EXT-X-I-FRAMES-ONLY), to scrub with; as signed."
)


@strawberry.type(description="One playlist over any range, across hours and interruptions.")
class Playback:
    playlist_url: str = strawberry.field(description=SIGNED)
    i_frames_url: str = strawberry.field(description=I_FRAMES)
    from_: Instant = strawberry.field(name="from", description="Start of the range.")
    to: Instant = strawberry.field(description="End of the range, exclusive.")


@strawberry.type(description="An hour (UTC) that has footage.")
class RecordedHour:
    date: Day = strawberry.field(description="The day.")
    hour: int = strawberry.field(description="The hour of the day, 0..23.")
    start: Instant = strawberry.field(description="Where its footage begins.")
    end: Instant = strawberry.field(description="Where its footage ends, exclusive.")
    duration: float = strawberry.field(description="Seconds of footage, gaps left out.")
    complete: bool = strawberry.field(description="Whether nothing will be added any more.")
    playlist_url: str = strawberry.field(description=SIGNED)
    i_frames_url: str = strawberry.field(description=I_FRAMES)


@strawberry.type(description="A part of a range: recorded, or a gap with its reason.")
class CoverageInterval:
    from_: Instant = strawberry.field(name="from", description="Start of the part.")
    to: Instant = strawberry.field(description="End of the part, exclusive: the next one's start.")
    recorded: bool = strawberry.field(description="Whether there is footage of it.")
    reason: str | None = strawberry.field(description="Why not; null where it is recorded.")
    seconds: float = strawberry.field(description="Its length.")


@strawberry.type(description="A range cut into recorded parts and gaps, without holes or overlaps.")
class Coverage:
    from_: Instant = strawberry.field(name="from", description="Start of the range.")
    to: Instant = strawberry.field(description="End of the range, exclusive.")
    intervals: list[CoverageInterval] = strawberry.field(description="The parts in order.")
    recorded_seconds: float = strawberry.field(description="Length of all recorded parts.")
    gap_seconds: float = strawberry.field(description="Length of all gaps.")


def playback(found: IntervalPlayback) -> Playback:
    return Playback(
        playlist_url=found.playlist_url,
        i_frames_url=found.i_frames_url,
        from_=Instant(found.from_us),
        to=Instant(found.to_us),
    )


def recorded_hour(
    ctx: Context, camera: CameraValue, found: recordings.RecordedHour
) -> RecordedHour:
    hour = Hour(found.date, f"{found.hour:02d}")
    grant = hour_grant(ctx, camera.slug, hour)
    return RecordedHour(
        date=Day(found.date),
        hour=found.hour,
        start=Instant(found.start_us),
        end=Instant(found.end_us),
        duration=found.duration_us / 1_000_000,
        complete=found.complete,
        playlist_url=addresses.hour_playlist(camera.slug, str(hour), grant),
        i_frames_url=addresses.i_frames_of_hour(camera.slug, str(hour), grant),
    )


def coverage(wanted: Interval, parts: Sequence[recordings.Covered]) -> Coverage:
    gap_us = _length_us([part for part in parts if part.gap_reason is not None])
    return Coverage(
        from_=Instant(wanted.from_us),
        to=Instant(wanted.to_us),
        intervals=[_interval(part) for part in parts],
        recorded_seconds=(_length_us(parts) - gap_us) / 1_000_000,
        gap_seconds=gap_us / 1_000_000,
    )


def _length_us(parts: Sequence[recordings.Covered]) -> int:
    return sum(part.to_us - part.from_us for part in parts)


def _interval(part: recordings.Covered) -> CoverageInterval:
    return CoverageInterval(
        from_=Instant(part.from_us),
        to=Instant(part.to_us),
        recorded=part.gap_reason is None,
        reason=part.gap_reason,
        seconds=(part.to_us - part.from_us) / 1_000_000,
    )
