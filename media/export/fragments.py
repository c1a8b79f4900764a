"""Where the samples of a segment's file lie, and when they are decoded and shown."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

from media.boxes import (
    DURATION,
    FLAGS,
    RUN_BOX_BYTES,
    SHIFT,
    SIZE,
    VIDEO_TRACK,
    BoxError,
    Defaults,
    boxes,
    read_decode_time,
    read_defaults,
    read_head,
    read_table,
)

_MOST_INDEX_BYTES = 1 << 24
_NON_SYNC_SAMPLE = 0x10000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Samples of one track that lie one behind the other from byte `start` of the file on.

    Times are in ticks of the track's own timescale; a sample is shown `shifts` after it is decoded.
    """

    track: int
    start: int
    sizes: Sequence[int]
    decode_times: Sequence[int]
    shifts: Sequence[int]
    are_sync: Sequence[bool]

    @property
    def shown(self) -> list[int]:
        return [at + shift for at, shift in zip(self.decode_times, self.shifts, strict=True)]

    def ends_by(self, at: int) -> bool:
        """Whether all of it is shown before that."""
        return all(shown < at for shown in self.shown)

    def until(self, at: int) -> Chunk:
        """Without the samples, at its end, that nothing needs which is shown before that."""
        needed = max((n for n, shown in enumerate(self.shown, 1) if shown < at), default=0)
        return Chunk(
            self.track,
            self.start,
            self.sizes[:needed],
            self.decode_times[:needed],
            self.shifts[:needed],
            self.are_sync[:needed],
        )


@dataclass(frozen=True, slots=True)
class IndexedFragment:
    """A `moof` and the samples that it tells of."""

    chunks: tuple[Chunk, ...]

    @property
    def position(self) -> int | None:
        """When its first picture is shown; None with sound alone."""
        shown = [at for each in self.chunks if each.track == VIDEO_TRACK for at in each.shown]
        return min(shown, default=None)

    @property
    def starts_with_keyframe(self) -> bool:
        videos = (each for each in self.chunks if each.track == VIDEO_TRACK)
        return next((each.are_sync[0] for each in videos), False)


def fragments_of(file: BinaryIO) -> Iterator[IndexedFragment]:
    """Of a segment's file, behind its run box.

    Raises:
        BoxError: the file is not what a recorder writes.
    """
    size_bytes, at = os.fstat(file.fileno()).st_size, RUN_BOX_BYTES
    while at < size_bytes:
        index_bytes, kind = read_head(file, at)
        data_at = at + index_bytes
        data_bytes, data_kind = read_head(file, data_at)
        end = data_at + data_bytes
        whole = min(index_bytes, data_bytes) >= 8 and end <= size_bytes
        if (kind, data_kind) != (b"moof", b"mdat") or not whole or index_bytes > _MOST_INDEX_BYTES:
            raise BoxError("a segment is damaged")
        moof = os.pread(file.fileno(), index_bytes, at)
        try:
            chunks = tuple(_chunks(moof, at))
        except (struct.error, IndexError) as fault:
            raise BoxError("a fragment's index is cut off") from fault
        inside = (data_at + 8, end)
        if any(not _lies_in(each, *inside) for each in chunks):
            raise BoxError("a fragment's samples lie outside of it")
        yield IndexedFragment(chunks)
        at = end


def _lies_in(chunk: Chunk, start: int, end: int) -> bool:
    return chunk.start >= start and chunk.start + sum(chunk.sizes) <= end


def _chunks(moof: bytes, moof_at: int) -> Iterator[Chunk]:
    for kind, start, end in boxes(moof, 8, len(moof)):
        if kind == b"traf":
            yield from _chunks_of_track(moof, start + 8, end, moof_at)


def _chunks_of_track(moof: bytes, start: int, end: int, moof_at: int) -> Iterator[Chunk]:
    defaults, decode_time = Defaults(0, 0, 0), 0
    for kind, at, _ in boxes(moof, start, end):
        if kind == b"tfhd":
            defaults = read_defaults(moof, at)
        elif kind == b"tfdt":
            decode_time = read_decode_time(moof, at)
        elif kind == b"trun":
            table = read_table(moof, at)
            if table.data_offset is None or defaults.base is not None:
                raise BoxError("a fragment does not say where its data lies")
            if not table.rows:
                continue
            durations = table.column(DURATION, defaults.duration)
            times = list(accumulate(durations, initial=decode_time))
            decode_time = times.pop()
            flags = table.column(FLAGS, defaults.flags)
            if table.first_flags is not None:
                flags[0] = table.first_flags
            yield Chunk(
                defaults.track,
                moof_at + table.data_offset,
                table.column(SIZE, defaults.size),
                times,
                table.column(SHIFT, 0),
                [not each & _NON_SYNC_SAMPLE for each in flags],
            )
