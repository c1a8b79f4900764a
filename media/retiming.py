"""Makes fragments with B-frames begin, for every player, at the position of their first frame."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from media.boxes import (
    SHIFT,
    VIDEO_TRACK,
    BoxError,
    SampleTable,
    boxes,
    read_decode_time,
    read_defaults,
    read_table,
)


@dataclass(frozen=True, slots=True)
class Reordering:
    """How long a run's frames are decoded before they are shown: `delay` ticks, 0 without B-frames.

    Players disagree about where a playlist begins. FFmpeg takes the earliest presentation time of
    sound or picture, a browser with hls.js the earliest decode time (tfdt). So both have to be the
    position of the first frame, and no sound may come before it:

    - `late`: what the muxer gets is late by twice the delay. It cuts sound where it cuts video, by
      decode time: a fragment's sound then begins one delay after its first frame's position. That
      much FFmpeg shows video late that has negative composition offsets.
    - `settled`: what the muxer wrote is put back. Decode times begin at the position, durations
      stay a frame each (Chromium, when it seeks, shows the frame whose duration reaches there),
      and composition offsets become negative where they must (14496-12, 8.8.8: version 1).
    """

    delay: int = 0

    def late(self, time: int) -> int:
        return time + 2 * self.delay

    def settled(self, moof: bytes) -> bytes:
        """The `moof` to be written; the same bytes without B-frames.

        Raises:
            BoxError: the box is damaged.
        """
        if not self.delay:
            return moof
        try:
            for kind, start, end in boxes(moof, 8, len(moof)):
                if kind == b"traf":
                    moof = self._settled_track(moof, start, end)
        except (struct.error, IndexError) as fault:
            raise BoxError("a fragment's index is cut off") from fault
        return moof

    def _settled_track(self, moof: bytes, start: int, end: int) -> bytes:
        """No box changes its length."""
        out = bytearray(moof)
        for kind, at, _ in boxes(moof, start + 8, end):
            if kind == b"tfhd" and read_defaults(moof, at).track != VIDEO_TRACK:
                return moof
            if kind == b"tfdt":
                form = ">q" if moof[at + 8] else ">I"
                struct.pack_into(form, out, at + 12, read_decode_time(moof, at) - self.delay)
            elif kind == b"trun":
                self._settle_samples(out, at, read_table(moof, at))
        return bytes(out)

    def _settle_samples(self, moof: bytearray, at: int, table: SampleTable) -> None:
        if SHIFT not in table.columns:
            return
        moof[at + 8] = 1
        row_bytes = 4 * len(table.columns)
        cell = at + 16 + 4 * sum(one is not None for one in (table.data_offset, table.first_flags))
        cell += 4 * table.columns.index(SHIFT)
        for shift in table.column(SHIFT, 0):
            struct.pack_into(">i", moof, cell, shift - self.delay)
            cell += row_bytes
