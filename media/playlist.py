"""HLS playlists (RFC 8216) as text: the one on disk, and the one that is served."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import msgspec
from msgspec.structs import replace

from media.types import TICKS_PER_SECOND

PLAYLIST_NAME = "index.m3u8"
_END = "#EXT-X-ENDLIST"
ENDLIST = f"{_END}\n"
LONGEST_SEGMENT_SECONDS = 120
"""Written as the disk playlist's target duration, which an append-only file can't revise. The
recorder ends a run before a segment gets longer."""

_TARGETS = (10, 20, 40, LONGEST_SEGMENT_SECONDS)
"""A playlist's target duration must not change (RFC 8216, 6.2.1), also not when it gets its end
mark, but a player of a growing one stays three of them behind. Segments begin at keyframes, so it
can't be promised which will be the longest: it stays the first of these as long as keyframes are
not more than six seconds apart, and so on."""

FROM_THE_START = "#EXT-X-START:TIME-OFFSET=0"
"""Players begin there also while the playlist grows, when else they would near its end."""
CAN_BLOCK_RELOAD = "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES"
"""Who asks with `_HLS_msn` is answered once there is such a segment (RFC 8216bis, 6.2.5.2)."""

_ENTRY = re.compile(
    r"^#VMS:run=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}),"
    r"start_us=([0-9]{1,18}),position=([0-9]{1,18}),end_position=([0-9]{1,18}),bytes=([0-9]{1,18})\n"
    r"(?:#EXT[^\n]*\n)*([^#\s]+)\n",
    re.MULTILINE,
)
"""A segment: ours, what players are told of it, and its name."""
_MAP = re.compile(r'#EXT-X-MAP:URI="([^"]+)"')
_COUNTED = re.compile(r"^#EXT-X-(MEDIA|DISCONTINUITY)-SEQUENCE:(\d{1,9})\n", re.MULTILINE)
_COUNTS = {"MEDIA": "segments", "DISCONTINUITY": "discontinuities"}
_run_id = lru_cache(maxsize=256)(UUID)
"""A run has hundreds of segments in an hour."""


class Segment(msgspec.Struct, frozen=True, gc=False):
    """One line of a playlist: a media segment and what its file covers.

    It covers [position, end_position) of the camera's media timeline, in 1/90,000 s, and
    wall time from `start_us` (µs since the epoch, UTC). `name` and `init` are names of files in
    the playlist's folder. `discontinuity`: it begins another run than the segment before it.
    Invariant: position < end_position.
    """

    run_id: UUID
    name: str
    init: str
    start_us: int
    position: int
    end_position: int
    size_bytes: int
    discontinuity: bool = False

    @property
    def duration_us(self) -> int:
        """Each end is rounded from its absolute position, so that sums don't drift."""
        # `position_us` of both: called for each segment of an hour.
        half = TICKS_PER_SECOND // 2
        end_us = (self.end_position * 1_000_000 + half) // TICKS_PER_SECOND
        return end_us - (self.position * 1_000_000 + half) // TICKS_PER_SECOND

    @property
    def end_us(self) -> int:
        """Equal to the next segment's `start_us` within a run, to 1 µs."""
        return self.start_us + self.duration_us

    def inside(self, folder: str) -> Segment:
        """With its files named from outside of the folder they lie in."""
        return replace(self, name=f"{folder}/{self.name}", init=f"{folder}/{self.init}")

    def at_us(self, position: int) -> int:
        """Wall time of a position of this segment, to 1 µs."""
        return self.start_us + position_us(position) - position_us(self.position)


@dataclass(frozen=True, slots=True)
class Removed:
    """What was taken from a playlist's front: segments, and marks of discontinuity.

    RFC 8216, 6.2.2. A player that reads a playlist again finds its place by counting with them.
    """

    segments: int = 0
    discontinuities: int = 0

    def __add__(self, other: Removed) -> Removed:
        discontinuities = self.discontinuities + other.discontinuities
        return Removed(self.segments + other.segments, discontinuities)


NOTHING_REMOVED = Removed()


@dataclass(frozen=True, slots=True)
class Playlist:
    """An hour of a camera. `ended`: nothing will be added to it."""

    segments: tuple[Segment, ...]
    ended: bool
    removed: Removed = NOTHING_REMOVED

    def without(self, kept: Sequence[Segment]) -> Playlist:
        """With only those of its segments; what was in front of them is counted as removed."""
        front = self.segments.index(kept[0]) if kept else len(self.segments)
        marks = sum(segment.discontinuity for segment in self.segments[: front + 1])
        return Playlist(joined(kept), self.ended, self.removed + Removed(front, marks))

    @property
    def duration_us(self) -> int:
        return sum(segment.duration_us for segment in self.segments)

    @property
    def size_bytes(self) -> int:
        return sum(segment.size_bytes for segment in self.segments)

    def offset_ticks(self, position: int, at_us: int) -> int | None:
        """Where a player of this playlist shows the frame, in 1/90,000 s from its start.

        The wall time is asked for as well because positions of footage that was lost (a crash
        before the segment's GOP was whole) are used again by the next run.

        Returns:
            None when no segment holds the frame that had this position at this time.
        """
        passed = 0
        for segment in self.segments:
            inside = segment.position <= position < segment.end_position
            if inside and abs(segment.at_us(position) - at_us) <= 1000:
                return passed + position - segment.position
            passed += segment.end_position - segment.position
        return None


def position_us(position: int) -> int:
    """Microseconds of a position on the media timeline, rounded half up."""
    return (position * 1_000_000 + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND


def aligned(position: int) -> int:
    """Rounded up to 100 µs, where ticks and microseconds meet.

    Runs end at such positions, so that the next one begins at one: then times counted from the
    run's start and times counted from the media timeline's start round alike.
    """
    return -(-position // 9) * 9


def header(removed: Removed = NOTHING_REMOVED) -> str:
    """What a disk playlist begins with."""
    return _header(LONGEST_SEGMENT_SECONDS, "EVENT", removed)


def entry(segment: Segment, previous: Segment | None) -> str:
    """The lines to append for a segment; `previous` is the playlist's last one so far."""
    lines = []
    if segment.discontinuity:
        lines.append("#EXT-X-DISCONTINUITY")
    if previous is None or segment.discontinuity or previous.init != segment.init:
        lines.append(f'#EXT-X-MAP:URI="{segment.init}"')
    lines.append(
        f"#VMS:run={segment.run_id},start_us={segment.start_us},position={segment.position},"
        f"end_position={segment.end_position},bytes={segment.size_bytes}"
    )
    return "\n".join([*lines, media_lines(segment, segment.name)])


def dump(playlist: Playlist) -> str:
    """The whole text of a disk playlist."""
    previous = None
    text = [header(playlist.removed)]
    for segment in playlist.segments:
        text.append(entry(segment, previous))
        previous = segment
    return "".join([*text, ENDLIST if playlist.ended else ""])


def parse(text: str) -> Playlist:
    """Reads a disk playlist; what is torn or not understood is left out.

    A segment counts when its own lines are whole, down to the line end after its name: a
    playlist is read while lines are appended to it. It is ended when nothing follows the end mark.
    """
    # In turns: what stands before an entry, and its six parts.
    *pieces, behind = _ENTRY.split(text)
    before, runs, starts, begins, ends, sizes, names = (pieces[n::7] for n in range(7))
    numbers = zip(map(int, starts), map(int, begins), map(int, ends), map(int, sizes), strict=True)
    entries = zip(before, map(_run_id, runs), names, numbers, strict=True)
    told, segments = _Told(), list[Segment]()
    for lines, run_id, name, (start_us, begin, end, size_bytes) in entries:
        if lines:
            told.read(lines)
        if told.init is not None and begin < end:
            segments.append(
                Segment(run_id, name, told.init, start_us, begin, end, size_bytes, told.breaks)
            )
            told.breaks = told.ended = False
    told.read(behind)
    return Playlist(tuple(segments), told.ended, _removed(text))


@dataclass(slots=True)
class _Told:
    """What the lines between entries have said so far; nearly always there are none."""

    init: str | None = None
    breaks: bool = False
    ended: bool = False

    def read(self, text: str) -> None:
        """A line is whole with its end."""
        for line in text.split("\n")[:-1]:
            if line == "#EXT-X-DISCONTINUITY":
                self.breaks = True
            elif line == _END:
                self.ended = True
            elif found := _MAP.fullmatch(line):
                self.init = found[1]


def _removed(text: str) -> Removed:
    before_all, _, _ = text.partition("#VMS:")
    counted = {_COUNTS[kind]: int(count) for kind, count in _COUNTED.findall(before_all)}
    return Removed(**counted)


def render(
    segments: Sequence[Segment],
    uri: Callable[[str], str],
    ended: bool,
    removed: Removed = NOTHING_REMOVED,
    hints: Sequence[str] = (),
) -> str:
    """The text to serve: VOD when ended, else EVENT for a player that reads it again.

    Args:
        segments: in playlist order.
        uri: makes the address of a file (init or segment) from its name.
        ended: whether nothing will be added.
        removed: what was there and is no longer in front of them.
        hints: tags that tell players of a growing one how to read it.
    """
    head = served_header(segments, ended, removed)
    text = [head, *(f"{hint}\n" for hint in hints if not ended)]
    for segment, leading in served_segments(segments, uri):
        text += leading
        text.append(media_lines(segment, uri(segment.name)))
    return "".join([*text, ENDLIST if ended else ""])


def served_segments(
    segments: Iterable[Segment], uri: Callable[[str], str]
) -> Iterator[tuple[Segment, list[str]]]:
    """Each segment with the tags that a served playlist has before it, of breaks and of `init`."""
    init = None
    for segment in segments:
        leading = []
        if segment.discontinuity:
            leading.append("#EXT-X-DISCONTINUITY\n")
        if segment.discontinuity or segment.init != init:
            leading.append(f'#EXT-X-MAP:URI="{uri(segment.init)}"\n')
        init = segment.init
        yield segment, leading


def served_header(segments: Sequence[Segment], ended: bool, removed: Removed) -> str:
    """What a served playlist begins with."""
    # RFC 8216, 4.3.3.1: EXTINF rounded to the nearest integer is at most the target.
    lengths = (segment.end_position - segment.position for segment in segments)
    longest = max(lengths, default=TICKS_PER_SECOND)
    needed = (longest + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND
    target_seconds = next((one for one in _TARGETS if one >= needed), needed)
    return _header(target_seconds, "VOD" if ended else "EVENT", removed)


def joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """The segments with `discontinuity` set just where the run changes or positions jump."""
    marked: list[Segment] = []
    for segment in segments:
        before = marked[-1] if marked else segment
        changes = not same_run(before, segment)
        missing = bool(marked) and before.end_position != segment.position
        breaks = changes or missing
        is_marked = segment.discontinuity == breaks
        marked.append(segment if is_marked else replace(segment, discontinuity=breaks))
    return tuple(marked)


def same_run(one: Segment, other: Segment) -> bool:
    """Ids that were parsed are the same objects as a rule, and equal ones slow to compare."""
    return one.run_id is other.run_id or one.run_id == other.run_id


def iso_milliseconds(at_us: int) -> str:
    """`2026-01-31T23:59:59.999Z`; cut, not rounded, like the names of files."""
    minute, milliseconds = divmod(at_us // 1000, 60_000)
    return f"{_minute_text(minute)}{milliseconds // 1000:02d}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=2048)
def _minute_text(minute: int) -> str:
    """`2026-01-31T23:59:`, by minutes since the epoch: a playlist has many times of one."""
    return datetime.fromtimestamp(minute * 60, UTC).isoformat()[:17]


def _header(target_seconds: int, kind: str, removed: Removed) -> str:
    """An EVENT playlist only grows (RFC 8216, 4.3.3.5): one that lost segments is not called so."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{target_seconds}"]
    if kind == "VOD" or not removed.segments:
        lines.append(f"#EXT-X-PLAYLIST-TYPE:{kind}")
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{removed.segments}")
    if removed.discontinuities:
        lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{removed.discontinuities}")
    return "\n".join([*lines, "#EXT-X-INDEPENDENT-SEGMENTS"]) + "\n"


def media_lines(segment: Segment, uri: str, between: str = "") -> str:
    """A segment's lines in any playlist; `between` is what stands before its address."""
    return (
        f"#EXT-X-PROGRAM-DATE-TIME:{iso_milliseconds(segment.start_us)}\n"
        f"#EXTINF:{segment.duration_us / 1_000_000:.6f},\n{between}{uri}\n"
    )
