"""What an MP4 of some segments will hold: told from their indexes, before a byte is copied."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import PurePosixPath
from typing import BinaryIO

from media.boxes import VIDEO_TRACK
from media.export.fragments import Chunk, IndexedFragment, fragments_of
from media.export.layout import Layout, read_layout
from media.export.tables import SampleTables
from media.playlist import Segment, position_us
from media.store import RecordingNotFound
from media.types import TICKS_PER_SECOND, MediaError

Opener = Callable[[str], BinaryIO]
"""Opens a segment or an init segment by the name that the list of segments has for it.

Raises RecordingNotFound.
"""


class FootageGone(MediaError):
    """Footage that was there when the export began is not any more."""


@dataclass(frozen=True, slots=True)
class Span:
    """[from_us, to_us) of wall time."""

    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A segment, and the ranges of its file's bytes that go into an MP4, in order.

    `at_ticks` is where in the MP4 its first moment is shown, below 0 where that is cut off.
    """

    segment: Segment
    ranges: tuple[tuple[int, int], ...]
    at_ticks: int


@dataclass(slots=True)
class Movie:
    """An MP4 to be written: its tables, and where its bytes come from.

    It begins with the keyframe at or before what is shown first: `cut_ticks` are decoded and not
    shown; then `shown_ticks` are, from `starts_us` on. `data_bytes` is the length of its samples.
    """

    layout: Layout
    tables: dict[int, SampleTables]
    taken: list[Taken] = field(default_factory=list)
    data_bytes: int = 0
    cut_ticks: int = 0
    shown_ticks: int = 0
    starts_us: int = 0


def alike(segments: Sequence[Segment], opened: Opener) -> list[tuple[Layout, list[Segment]]]:
    """The segments cut where what they are recorded with changes: an MP4 for each part.

    Raises:
        FootageGone: an init segment is not there.
        BoxError: one is damaged.
    """
    known: dict[str, Layout] = {}

    def layout_of(segment: Segment) -> Layout:
        name = PurePosixPath(segment.init).name  # made of its content
        if name not in known:
            with opened_or_gone(opened, segment.init) as file:
                known[name] = read_layout(file.read())
        return known[name]

    return [(layout, list(part)) for layout, part in groupby(segments, layout_of)]


def opened_or_gone(opened: Opener, name: str) -> BinaryIO:
    try:
        return opened(name)
    except RecordingNotFound as fault:
        raise FootageGone("footage was removed while it was exported") from fault


def plan(layout: Layout, segments: Sequence[Segment], wanted: Span, opened: Opener) -> Movie:
    """Of segments that overlap what is wanted, in playing order.

    Raises:
        FootageGone: one of them is not there.
        BoxError: one of them is damaged.
    """
    return _Planning(layout, wanted, opened).planned(segments)


class _Planning:
    """Time goes on without a hole: where positions jump, what follows joins what was before.

    `_base` is the position that is shown at the movie's start, were there no jumps.
    """

    def __init__(self, layout: Layout, wanted: Span, opened: Opener) -> None:
        self._wanted, self._opened = wanted, opened
        tables = {each.id: SampleTables(reorders=each.is_video) for each in layout.tracks}
        self._movie = Movie(layout, tables)
        self._timescales = {each.id: each.timescale for each in layout.tracks}
        self._base = 0
        self._end = 0

    def planned(self, segments: Sequence[Segment]) -> Movie:
        for n, segment in enumerate(segments):
            with opened_or_gone(self._opened, segment.name) as file:
                fragments = list(fragments_of(file))
            if n == 0:
                self._begin(segment, fragments)
            elif segment.position != segments[n - 1].end_position:
                self._base = segment.position - self._end
            self._take(segment, fragments)
        movie = self._movie
        movie.cut_ticks = min(movie.cut_ticks, self._end - 1)
        movie.shown_ticks = self._end - movie.cut_ticks
        for track, tables in movie.tables.items():
            tables.end(self._scaled(self._end, track))
        return movie

    def _begin(self, segment: Segment, fragments: list[IndexedFragment]) -> None:
        """Drops what lies before the last keyframe that is needed, and finds the first picture.

        That is the one which was shown at the moment that is asked for.
        """
        first = position_at(segment, self._wanted.from_us)
        while any(_is_key_by(each, first) for each in fragments[1:]):
            del fragments[0]
        shown = sorted(at for each in fragments for at in _shown(each))
        begin = shown[0] if shown else segment.position
        place = bisect_right(shown, first)
        starts = shown[place - 1] if place else begin
        self._base, self._movie.cut_ticks = begin, starts - begin
        self._movie.starts_us = segment.at_us(starts)

    def _take(self, segment: Segment, fragments: Sequence[IndexedFragment]) -> None:
        movie, last = self._movie, position_at(segment, self._wanted.to_us)
        ranges: list[tuple[int, int]] = []
        for chunk in sorted(chain(*(each.chunks for each in fragments)), key=lambda one: one.start):
            if chunk.track in movie.tables:
                until = self._scaled(last, chunk.track)
                self._add(chunk if chunk.ends_by(until) else chunk.until(until), ranges)
        at_ticks = segment.position - self._base - movie.cut_ticks
        movie.taken.append(Taken(segment, tuple(ranges), at_ticks))
        end = max(segment.position + 1, min(last, segment.end_position))
        self._end = end - self._base

    def _add(self, chunk: Chunk, ranges: list[tuple[int, int]]) -> None:
        size_bytes = sum(chunk.sizes)
        if not size_bytes:
            return
        movie, later = self._movie, -self._scaled(self._base, chunk.track)
        movie.tables[chunk.track].add(chunk, later, movie.data_bytes)
        movie.data_bytes += size_bytes
        if ranges and ranges[-1][1] == chunk.start:
            ranges[-1] = ranges[-1][0], chunk.start + size_bytes
        else:
            ranges.append((chunk.start, chunk.start + size_bytes))

    def _scaled(self, ticks: int, track: int) -> int:
        """Ticks of the media timeline in those of a track."""
        timescale = self._timescales[track]
        if timescale == TICKS_PER_SECOND:
            return ticks
        return (ticks * timescale + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND


def position_at(segment: Segment, at_us: int) -> int:
    """The position of a moment on a segment's clock, also before and behind it; rounded half up."""
    passed_us = at_us - segment.start_us + position_us(segment.position)
    return (passed_us * TICKS_PER_SECOND + 500_000) // 1_000_000


def _is_key_by(fragment: IndexedFragment, position: int) -> bool:
    at = fragment.position
    return fragment.starts_with_keyframe and at is not None and at <= position


def _shown(fragment: IndexedFragment) -> Iterator[int]:
    for chunk in fragment.chunks:
        if chunk.track == VIDEO_TRACK:
            yield from chunk.shown
