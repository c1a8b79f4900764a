"""Makes fragments with B-frames begin, for every player, at the position of their first frame."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from media.boxes import (
    SHIFT,
    VIDEO_TRACK,
    BoxError,
    boxes,
    read_decode_time,
    read_defaults,
    read_fragment,
    read_table,
)


@dataclass(slots=True)
class _Track:
    """A `traf`: where the boxes in it begin."""

    is_video: bool = False
    tfdt: int | None = None
    truns: list[int] = field(default_factory=list)


def retimed(moof: bytes) -> bytes:
    """A `moof` whose video is decoded later, by as much as its first frame is shown late.

    With B-frames a frame is decoded some frames before it is shown; decode times so begin before
    the position. A browser with hls.js takes the decode time (tfdt) for the fragment's begin and
    would show everything by so much late. Here both are the position, durations stay a frame
    each (Chromium, when it seeks, shows the frame whose duration reaches there), and the
    composition offsets become negative where they must (14496-12, 8.8.8: version 1). The same
    bytes come back without B-frames.

    Raises:
        BoxError: the box is damaged.
    """
    fragment = read_fragment(moof)
    if fragment is None:
        return moof
    try:
        for track in _tracks(moof):
            if track.is_video and track.tfdt is not None:
                return _shifted(moof, track, track.tfdt, fragment.position)
    except (struct.error, IndexError) as fault:
        raise BoxError("a fragment's index is cut off") from fault
    return moof


def _tracks(moof: bytes) -> list[_Track]:
    tracks = []
    for kind, start, end in boxes(moof, 8, len(moof)):
        if kind != b"traf":
            continue
        track = _Track()
        for inner, at, _ in boxes(moof, start + 8, end):
            if inner == b"tfhd":
                track.is_video = read_defaults(moof, at).track == VIDEO_TRACK
            elif inner == b"tfdt" and moof[at + 8] == 1:
                track.tfdt = at
            elif inner == b"trun":
                track.truns.append(at)
        tracks.append(track)
    return tracks


def _shifted(moof: bytes, track: _Track, tfdt: int, position: int) -> bytes:
    later = position - read_decode_time(moof, tfdt)
    tables = [(at, read_table(moof, at)) for at in track.truns]
    if not later or any(SHIFT not in table.columns for _, table in tables):
        return moof
    out = bytearray(moof)
    struct.pack_into(">q", out, tfdt + 12, position)
    for at, table in tables:
        out[at + 8] = 1
        row_bytes = 4 * len(table.columns)
        cell = at + 16 + 4 * sum(one is not None for one in (table.data_offset, table.first_flags))
        cell += 4 * table.columns.index(SHIFT)
        for shift in table.column(SHIFT, 0):
            struct.pack_into(">i", out, cell, shift - later)
            cell += row_bytes
    return bytes(out)
