"""A planned MP4 written in one go: its index first, then its samples as they were recorded.

An edit list says that it begins with the picture that was asked for: players that heed it decode
what lies before, back to the keyframe, and do not show it. Players that don't show it too.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from media.export.boxes import Box, full_box
from media.export.layout import TrackLayout
from media.export.plan import FootageGone, Movie, Opener, Taken, opened_or_gone
from media.export.tables import SampleTables
from media.types import TICKS_PER_SECOND

Write = Callable[[bytes], object]
Told = Callable[[int], None]
"""How many more bytes of footage have been read; raises whatever is to end the work."""

_READ_BYTES = 1 << 20
_SINCE_1904_S = 2_082_844_800
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_NO_MEDIA = -1
_RATE_1 = struct.pack(">hh", 1, 0)
_TYPE = Box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2mp41")
_DATA_HEADER = 16


def write_movie(movie: Movie, write: Write, opened: Opener, told: Told) -> list[str]:
    """Writes it from start to end.

    Returns:
        The SHA-256 of each segment's whole file, in order, hexadecimal.

    Raises:
        FootageGone: a segment is not there any more, or is not what was planned.
    """
    moov_bytes = index_of(movie, 0).size
    for box in (_TYPE, index_of(movie, _TYPE.size + moov_bytes + _DATA_HEADER)):
        for piece in box.pieces():
            write(piece)
    write(struct.pack(">I4sQ", 1, b"mdat", _DATA_HEADER + movie.data_bytes))
    return [_copied(each, write, opened, told) for each in movie.taken]


def index_of(movie: Movie, data_at: int) -> Box:
    """`moov`, for data at a place in the file. Its length is the same for each place."""
    created_s = max(0, movie.starts_us // 1_000_000 + _SINCE_1904_S)
    ends = struct.pack(">QQIQ", created_s, created_s, TICKS_PER_SECOND, movie.shown_ticks)
    used = [each for each in movie.layout.tracks if len(movie.tables[each.id])]
    next_track = struct.pack(">I", max(each.id for each in used) + 1)
    rest = struct.pack(">ih10x", 0x10000, 0x100) + _MATRIX + bytes(24) + next_track
    header = full_box(b"mvhd", 1, 0, ends + rest)
    return Box(b"moov", header, *(_trak(movie, each, created_s, data_at) for each in used))


def _copied(taken: Taken, write: Write, opened: Opener, told: Told) -> str:
    digest, at = hashlib.sha256(), 0
    with opened_or_gone(opened, taken.segment.name) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if taken.ranges and taken.ranges[-1][1] > size_bytes:
            raise FootageGone("footage was cut short while it was exported")
        for piece in _pieces(file, size_bytes):
            digest.update(piece)
            for start, end in taken.ranges:
                if start < at + len(piece) and end > at:
                    write(piece[max(0, start - at) : end - at])
            at += len(piece)
            told(len(piece))
    return digest.hexdigest()


def _pieces(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    while left:
        piece = file.read(min(_READ_BYTES, left))
        if not piece:
            raise FootageGone("footage was cut short while it was exported")
        left -= len(piece)
        yield piece


def _trak(movie: Movie, track: TrackLayout, created_s: int, data_at: int) -> Box:
    tables = movie.tables[track.id]
    times = struct.pack(">QQ", created_s, created_s)
    # What follows the duration (layer, volume, matrix, width and height) is as it was recorded.
    header = struct.pack(">I4xQ", track.id, movie.shown_ticks) + track.header[-60:]
    media = struct.pack(">IQHH", track.timescale, tables.length, 0x55C4, 0)
    stbl = tables.box(track.sample_description, data_at)
    minf = Box(b"minf", track.media_header, track.data_information, stbl)
    return Box(
        b"trak",
        full_box(b"tkhd", 1, 3, times + header),
        Box(b"edts", _edit_list(movie, track, tables)),
        Box(b"mdia", full_box(b"mdhd", 1, 0, times + media), track.handler_box, minf),
    )


def _edit_list(movie: Movie, track: TrackLayout, tables: SampleTables) -> Box:
    """From the first picture to be shown to the last; sound that begins later does so."""
    cut = (movie.cut_ticks * track.timescale + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND
    skipped = cut - tables.begin
    wait_ticks = max(0, -skipped * TICKS_PER_SECOND // track.timescale)
    wait_ticks = min(wait_ticks, movie.shown_ticks - 1)
    edits = [(wait_ticks, _NO_MEDIA)] if wait_ticks else []
    edits.append((movie.shown_ticks - wait_ticks, max(0, skipped) + tables.shift))
    rows = b"".join(struct.pack(">Qq", *each) + _RATE_1 for each in edits)
    return full_box(b"elst", 1, 0, struct.pack(">I", len(edits)) + rows)
