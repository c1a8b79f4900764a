"""Gives fragments with B-frames decode times that make every player agree with positions."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from media.boxes import (
    DURATION,
    FLAGS,
    SHIFT,
    SIZE,
    VIDEO_TRACK,
    BoxError,
    Defaults,
    SampleTable,
    boxes,
    read_decode_time,
    read_defaults,
    read_table,
    shown_until,
)

_STEP_TICKS = 90
"""Between decode times of frames that must be decoded together: 1 ms."""


@dataclass(slots=True)
class _Track:
    """A `traf`: where it and the boxes in it begin."""

    at: int
    defaults: Defaults | None = None
    tfdt: int = 0
    truns: list[int] = field(default_factory=list)

    @property
    def is_video(self) -> bool:
        return self.defaults is not None and self.defaults.track == VIDEO_TRACK


def retimed(moof: bytes) -> bytes:
    """A `moof` whose video is decoded as late as can be; the same one without B-frames.

    FFmpeg takes the first frame's presentation time for a player's zero, hls.js its decode time
    (tfdt), and the end of a segment for the largest presentation time plus duration. So each
    frame's decode time becomes the smallest presentation time still to come: then tfdt is the
    fragment's position, durations reach its end and no further, and composition offsets stay
    positive (with negative ones FFmpeg shows the video late against the sound).

    Raises:
        BoxError: the box is damaged.
    """
    try:
        tracks = list(_tracks(moof))
        for track in tracks:
            if track.is_video and len(track.truns) == 1:
                table = read_table(moof, track.truns[0])
                if SHIFT in table.columns and table.rows and table.data_offset is not None:
                    return _rewritten(moof, tracks, track, table)
    except (struct.error, IndexError) as fault:
        raise BoxError("a fragment's index is cut off") from fault
    return moof


def decode_times(shown: Sequence[int]) -> list[int]:
    """For frames shown then, in decode order.

    Strictly growing, each at most its own and all later presentation times, as late as that
    allows.
    """
    step = _STEP_TICKS if shown[0] == min(shown) else 1
    times: list[int] = []
    earliest = next_time = max(shown) + step
    for position in reversed(shown):
        earliest = min(earliest, position)
        next_time = min(earliest, next_time - step)
        times.append(next_time)
    return times[::-1]


def _tracks(moof: bytes) -> list[_Track]:
    tracks = []
    for kind, start, end in boxes(moof, 8, len(moof)):
        if kind != b"traf":
            continue
        track = _Track(start)
        for inner, at, _ in boxes(moof, start + 8, end):
            if inner == b"tfhd":
                track.defaults = read_defaults(moof, at)
            elif inner == b"tfdt":
                track.tfdt = at
            elif inner == b"trun":
                track.truns.append(at)
        tracks.append(track)
    return tracks


def _rewritten(moof: bytes, tracks: Sequence[_Track], video: _Track, table: SampleTable) -> bytes:
    at = video.truns[0]
    old_bytes = int.from_bytes(moof[at : at + 4], "big")
    default = video.defaults.duration if video.defaults else 0
    durations = table.column(DURATION, default)
    starts = itertools.accumulate(durations[:-1], initial=read_decode_time(moof, video.tfdt))
    shown = [start + shift for start, shift in zip(starts, table.column(SHIFT, 0), strict=True)]
    times = decode_times(shown)
    if times[0] < 0 or moof[video.tfdt + 8] != 1:
        return moof  # no room for such a time
    trun = _trun(table, shown, [*times, shown_until(shown, durations[-1])])
    grown = len(trun) - old_bytes
    _add(trun, 16, grown)  # the data lie behind all of these boxes
    out = bytearray(moof)
    struct.pack_into(">Q", out, video.tfdt + 12, times[0])
    for place in (0, video.at):
        _add(out, place, grown)
    for track in tracks:
        for start in track.truns:
            if start != at and moof[start + 11] & 0x1:
                _add(out, start + 16, grown)
    out[at : at + old_bytes] = trun
    return bytes(out)


def _trun(table: SampleTable, shown: Sequence[int], times: Sequence[int]) -> bytearray:
    """The box with new times; `times` has one more than there are samples, the end of the last."""
    columns = (DURATION, *(one for one in (SIZE, FLAGS) if one in table.columns), SHIFT)
    kept = [table.column(one, 0) for one in columns[1:-1]]
    rows = [
        [after - before, *others, position - before]
        for (before, after), position, *others in zip(
            itertools.pairwise(times), shown, *kept, strict=True
        )
    ]
    has_first = table.first_flags is not None
    flags = sum(columns) | 0x1 | (0x4 if has_first else 0)
    head = [flags, len(rows), table.data_offset or 0, *([table.first_flags] if has_first else [])]
    words = [*head, *(cell for row in rows for cell in row)]
    box_bytes = 8 + 4 * len(words)
    return bytearray(struct.pack(f">I4s{len(words)}I", box_bytes, b"trun", *words))


def _add(content: bytearray, at: int, amount: int) -> None:
    (value,) = struct.unpack_from(">I", content, at)
    struct.pack_into(">I", content, at, value + amount)
