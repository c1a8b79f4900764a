"""Boxes to be written whose tables are too long to be copied around in memory."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers to be written big endian, each in as many bytes as the array has for it."""

    numbers: array[int]

    @property
    def size(self) -> int:
        return len(self.numbers) * self.numbers.itemsize

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.numbers), _PIECE):
            piece = self.numbers[start : start + _PIECE]
            if sys.byteorder == "little":
                piece.byteswap()
            yield piece.tobytes()


class Box:
    """A box of others, of tables and of plain bytes."""

    def __init__(self, kind: bytes, *contents: bytes | Table | Box) -> None:
        self._kind, self._contents = kind, contents

    @property
    def size(self) -> int:
        sizes = (len(each) if isinstance(each, bytes) else each.size for each in self._contents)
        return 8 + sum(sizes)

    def pieces(self) -> Iterator[bytes]:
        yield struct.pack(">I4s", self.size, self._kind)
        for each in self._contents:
            if isinstance(each, bytes):
                yield each
            else:
                yield from each.pieces()


def full_box(kind: bytes, version: int, flags: int, *contents: bytes | Table | Box) -> Box:
    return Box(kind, struct.pack(">I", version << 24 | flags), *contents)
