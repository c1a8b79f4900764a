"""Gives fragments with B-frames decode times that make every player agree with positions."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from media.boxes import (
    DURATION,
    SHIFT,
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
    defaults: Defaults = Defaults(0, 0, 0)
    tfdt: int = 0
    truns: list[int] | None = None


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
            if track.defaults.track == VIDEO_TRACK and track.truns and len(track.truns) == 1:
                table = read_table(moof, track.truns[0])
                if SHIFT in table.columns and table.rows:
                    return _rewritten(moof, tracks, track, table)
    except (struct.error, IndexError) as fault:
        raise BoxError("a fragment's index is cut off") from fault
    return moof


def decode_times(shown: Sequence[int]) -> list[int]:
    """For frames shown then, in decode order: strictly growing, each at most its own and all later
    presentation times, and as late as that allows."""
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
        track = _Track(start, truns=[])
        for inner, at, _ in boxes(moof, start + 8, end):
            if inner == b"tfhd":
                track.defaults = read_defaults(moof, at)
            elif inner == b"tfdt":
                track.tfdt = at
            elif inner == b"trun" and track.truns is not None:
                track.truns.append(at)
        tracks.append(track)
    return tracks


def _rewritten(moof: bytes, tracks: Sequence[_Track], video: _Track, table: SampleTable) -> bytes:
    assert video.truns is not None
    at = video.truns[0]
    (old_bytes,) = struct.unpack_from(">I", moof, at)
    shown, end = _shown(moof, video, table)
    times = decode_times(shown)
    if times[0] < 0:
        return moof
    trun = _trun(table, shown, [*times, end])
    grown = len(trun) - old_bytes
    out = bytearray(moof[:at] + trun + moof[at + old_bytes :])
    _add(out, 0, grown)
    _add(out, video.at, grown)
    struct.pack_into(">BxxxQ", out, video.tfdt + 8, 1, times[0])
    for track in tracks:
        for start in track.truns or []:
            moved = start + grown if start > at else start
            if out[moved + 11] & 0x1:
                _add(out, moved + 16, grown)  # the data lie behind this box
    return bytes(out)
