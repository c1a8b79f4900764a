"""Fragments of a movie made by hand: their boxes are real, their pictures are not."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from media.boxes import Fragment, read_fragment

TICKS = 90_000
FRAME = 3600
"""Ticks of a frame, at 25 a second."""

INIT = b"\x00\x00\x00\x10ftypiso5\x00\x00\x00\x00\x00\x00\x00\x08moov"
_NON_SYNC = 0x0101_0000
_SYNC = 0x0200_0000


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame: its duration, and how long after its decode time it is shown, in ticks."""

    duration: int = FRAME
    shift: int = 0
    is_key: bool = False
    size_bytes: int = 20


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, version: int, flags: int, *contents: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def trun(samples: Sequence[Sample], *, shifted: bool = False) -> bytes:
    rows = []
    for one in samples:
        row = [one.duration, one.size_bytes, _SYNC if one.is_key else _NON_SYNC]
        rows.append(struct.pack(">III", *row) + (struct.pack(">i", one.shift) if shifted else b""))
    flags = 0x701 | (0x800 if shifted else 0)
    return full_box(b"trun", 1, flags, struct.pack(">Ii", len(rows), 0), *rows)


def traf(decode_time: int, *runs: bytes, track: int = 1, tfhd: bytes | None = None) -> bytes:
    if tfhd is None:
        tfhd = full_box(b"tfhd", 0, 0x20000, struct.pack(">I", track))
    return box(b"traf", tfhd, full_box(b"tfdt", 1, 0, struct.pack(">Q", decode_time)), *runs)


def moof(*trafs: bytes) -> bytes:
    return box(b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", 1)), *trafs)


def gop(
    position: int, frames: int = 25, *, keyframe: bool = True
) -> tuple[list[bytes], Fragment | None]:
    """The pieces of a fragment that begins there, `moof` first, and its video as read from it."""
    samples = [Sample(is_key=keyframe and number == 0) for number in range(frames)]
    head = moof(traf(position, trun(samples)))
    body = box(b"mdat", bytes([position // FRAME % 251]) * sum(one.size_bytes for one in samples))
    return [head, body[:100], body[100:]], read_fragment(head)


def sound(decode_time: int) -> tuple[list[bytes], Fragment | None]:
    """A fragment of the other track alone."""
    head = moof(traf(decode_time, trun([Sample(is_key=True)]), track=2))
    return [head, box(b"mdat", b"s" * 20)], read_fragment(head)
