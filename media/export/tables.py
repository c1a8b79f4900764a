"""The sample tables of one track of a plain MP4, filled segment by segment (14496-12, 8.6 to 8.7).

Four bytes a sample as a rule, twenty where times tremble: a day of 30 pictures a second is 10 to 50
MiB, its sound 16 to 50.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from functools import partial

from media.export.boxes import Box, Table, full_box
from media.export.fragments import Chunk

_words = partial(array, "I")
_signed = partial(array, "i")
_offsets = partial(array, "Q")


@dataclass(slots=True)
class SampleTables:
    """Decode times begin at `begin`, the time of the first sample; each grows from the one before.

    Columns of pairs are lists of count and value, of count 1 and more. `shift` is what all
    samples are shown later than their times say, so that none is shown before it is decoded.
    `reorders`: samples are not shown in the order in which they are decoded, as pictures may be.
    """

    reorders: bool
    begin: int = 0
    shift: int = 0
    length: int = 0
    _last: int | None = None
    _sizes: array[int] = field(default_factory=_words)
    _durations: array[int] = field(default_factory=_words)
    _shifts: array[int] = field(default_factory=_signed)
    _sync: array[int] = field(default_factory=_words)
    _chunks: array[int] = field(default_factory=_words)
    _offsets: array[int] = field(default_factory=_offsets)

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, chunk: Chunk, later: int, offset: int) -> None:
        """Adds samples that are decoded `later` than the chunk says, at an offset of the data."""
        first = len(self._sizes)
        for n, at in enumerate(chunk.decode_times):
            time = at + later
            decoded = self._decoded(time)
            late = time + chunk.shifts[n] - decoded if self.reorders else 0
            _count(self._shifts, late)
            self.shift = max(self.shift, -late)
            if chunk.are_sync[n]:
                self._sync.append(first + n + 1)
        self._sizes.extend(chunk.sizes)
        self._offsets.append(offset)
        _count_chunk(self._chunks, len(self._offsets), len(chunk.sizes))

    def _decoded(self, time: int) -> int:
        """The sample's decode time: never before the one in front of it has been decoded."""
        if self._last is None:
            self.begin = self._last = time
            return time
        duration = max(1, time - self._last)
        _count(self._durations, duration)
        self._last += duration
        return self._last

    def end(self, at: int) -> None:
        """Says how long the last sample lasts: to `at`. To be called once, behind all samples.

        Then `length` is known, of all samples together, and `shift` holds.
        """
        if self._last is not None:
            duration = max(1, at - self._last)
            _count(self._durations, duration)
            self.length = self._last + duration - self.begin
            for n in range(1, len(self._shifts) if self.shift else 0, 2):
                self._shifts[n] += self.shift

    def box(self, sample_description: bytes, data_at: int) -> Box:
        """`stbl`; `data_at` is where in the file the data lies that offsets are of."""
        offsets = array("Q", (each + data_at for each in self._offsets))
        parts: list[bytes | Box] = [sample_description, _pairs(b"stts", self._durations)]
        if len(self._shifts) > 2 or any(self._shifts[1:]):  # not all of them 0
            parts.append(_pairs(b"ctts", self._shifts))
        if len(self._sync) < len(self._sizes):
            parts.append(_listed(b"stss", self._sync))
        count = struct.pack(">I", len(self._chunks) // 3)
        parts += [
            full_box(b"stsc", 0, 0, count, Table(self._chunks)),
            full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(self._sizes)), Table(self._sizes)),
            _listed(b"co64", offsets),
        ]
        return Box(b"stbl", *parts)


def _count(pairs: array[int], value: int) -> None:
    if pairs and pairs[-1] == value:
        pairs[-2] += 1
    else:
        pairs.extend((1, value))


def _count_chunk(triples: array[int], number: int, samples: int) -> None:
    """stsc: from chunk `number` on so many samples each, of the first description."""
    if not triples or triples[-2] != samples:
        triples.extend((number, samples, 1))


def _pairs(kind: bytes, pairs: array[int]) -> Box:
    return full_box(kind, 0, 0, struct.pack(">I", len(pairs) // 2), Table(pairs))


def _listed(kind: bytes, numbers: array[int]) -> Box:
    return full_box(kind, 0, 0, struct.pack(">I", len(numbers)), Table(numbers))
