"""What an exported file holds and what it lacks, as JSON, to be kept beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from media.export.plan import Movie, Span
from media.playlist import Segment, iso_milliseconds, position_us
from media.types import TICKS_PER_SECOND

FORMAT = "vms-export/1"
UNKNOWN_REASON = "no footage is listed there"
_ROUNDING_US = 1000
"""Ends and starts that should be equal are within a microsecond; no frame is as short as this."""


class SegmentEntry(msgspec.Struct, frozen=True):
    """`file_seconds` is where in the file it begins, below 0 where its beginning is not shown.

    `bytes` and `sha256` are of the segment's file as it was recorded.
    """

    name: str
    start: str
    end: str
    bytes: int
    sha256: str
    file_seconds: float


class FileEntry(msgspec.Struct, frozen=True):
    """`start` is when the first picture that is shown was seen."""

    name: str
    start: str
    seconds: float
    bytes: int
    sha256: str
    segments: Sequence[SegmentEntry]


class GapEntry(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    start: str
    end: str
    reason: str


class CameraEntry(msgspec.Struct, frozen=True):
    camera_id: str
    camera_name: str
    gaps: Sequence[GapEntry]
    files: Sequence[FileEntry]


class Head(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """What the whole is: `start` and `end` are what was asked for."""

    format: str
    program: str
    export_id: str
    exported_by: str
    created: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A stretch of time that the tables know to have no footage, and why."""

    span: Span
    reason: str


def segment_entries(movie: Movie, digests: Sequence[str]) -> list[SegmentEntry]:
    return [
        SegmentEntry(
            each.segment.name,
            iso_milliseconds(each.segment.start_us),
            iso_milliseconds(each.segment.end_us),
            each.segment.size_bytes,
            digest,
            round(each.at_ticks / TICKS_PER_SECOND, 6),
        )
        for each, digest in zip(movie.taken, digests, strict=True)
    ]


def seconds_of(movie: Movie) -> float:
    return position_us(movie.shown_ticks) / 1_000_000


def gaps(wanted: Span, segments: Iterable[Segment], known: Sequence[Missing]) -> list[GapEntry]:
    """What of the wanted time is in none of the segments, in order, each with its reason."""
    found: list[GapEntry] = []
    place = wanted.from_us
    for start_us, end_us in sorted((each.start_us, each.end_us) for each in segments):
        if start_us - place >= _ROUNDING_US:
            found.append(_gap(Span(place, min(start_us, wanted.to_us)), known))
        place = max(place, end_us)
    if wanted.to_us - place >= _ROUNDING_US:
        found.append(_gap(Span(place, wanted.to_us), known))
    return found


def _gap(span: Span, known: Sequence[Missing]) -> GapEntry:
    """With the reason of what is known to be missing for most of it."""

    def shared_us(each: Missing) -> int:
        return min(span.to_us, each.span.to_us) - max(span.from_us, each.span.from_us)

    told = max(known, key=shared_us, default=None)
    reason = told.reason if told is not None and shared_us(told) > 0 else UNKNOWN_REASON
    return GapEntry(iso_milliseconds(span.from_us), iso_milliseconds(span.to_us), reason)
