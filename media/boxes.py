"""The little of ISO base media files (ISO/IEC 14496-12) that recording must read and write."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self
from uuid import UUID

from media.types import MediaError, RunClock

VIDEO_TRACK = 1
_HEADER = struct.Struct(">I4s")
_RUN_BOX = struct.Struct(">I4s16s16sqq10s")
_RUN_BOX_TYPE = UUID("6b8f2a54-6a0e-4a43-9f0c-2d1c52554e31").bytes
_NON_SYNC_SAMPLE = 0x10000
_MOST_SAMPLES = 1 << 20

RUN_BOX_BYTES = _RUN_BOX.size


class BoxError(MediaError):
    """Bytes that are not the fragmented mp4 they should be."""


@dataclass(frozen=True, slots=True)
class RunBox:
    """Stands first in every media segment, so that a file alone tells what it holds.

    A `uuid` box, which players skip (14496-12, 4.2). `init` is the name of the init segment.
    """

    clock: RunClock
    init: str

    def encoded(self) -> bytes:
        """Always RUN_BOX_BYTES long, so that it can be written over when the clock settles."""
        clock = self.clock
        return _RUN_BOX.pack(
            RUN_BOX_BYTES,
            b"uuid",
            _RUN_BOX_TYPE,
            clock.run_id.bytes,
            clock.anchor_us,
            clock.start_position,
            self.init[5:15].encode("ascii"),
        )

    @classmethod
    def decoded(cls, head: bytes) -> Self | None:
        """From a segment's first bytes; None when they are something else."""
        if len(head) < RUN_BOX_BYTES:
            return None
        size, kind, user_type, run_id, anchor_us, position, digest = _RUN_BOX.unpack_from(head)
        if (size, kind, user_type) != (RUN_BOX_BYTES, b"uuid", _RUN_BOX_TYPE):
            return None
        clock = RunClock(UUID(bytes=run_id), anchor_us, position)
        return cls(clock, f"init-{digest.decode('ascii', 'replace')}.mp4")


def init_name(init: bytes) -> str:
    """The name of an init segment's file, from its content."""
    return f"init-{hashlib.sha256(init).hexdigest()[:10]}.mp4"


@dataclass(frozen=True, slots=True)
class Fragment:
    """The video of one `moof`, in ticks of the media timeline (the track's timescale is 90,000).

    `position` is when its first shown frame is shown; `end_position` is where the last shown
    frame ends. `starts_with_keyframe`: the first frame needs no other.
    """

    position: int
    end_position: int
    starts_with_keyframe: bool


def boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of each box in content[start:end]; what is cut off is left out."""
    while start + 8 <= end:
        size, kind = _HEADER.unpack_from(content, start)
        if size < 8 or start + size > end:
            return
        yield kind, start, start + size
        start += size


def read_fragment(moof: bytes) -> Fragment | None:
    """The video of a whole `moof` box; None when it has none.

    Raises:
        BoxError: the box is damaged.
    """
    try:
        for kind, start, end in boxes(moof, 8, len(moof)):
            if kind == b"traf":
                fragment = _read_traf(moof, start + 8, end)
                if fragment is not None:
                    return fragment
    except (struct.error, IndexError) as fault:
        raise BoxError("a fragment's index is cut off") from fault
    return None


def first_picture_end(moof: bytes) -> int | None:
    """Bytes from the start of a whole `moof` box to where its first picture, a keyframe, ends.

    None when the first picture is no keyframe, or there is none, or the box does not say where its
    data lies relative to itself (14496-12, 8.8.7).

    Raises:
        BoxError: the box is damaged.
    """
    try:
        for kind, start, end in boxes(moof, 8, len(moof)):
            if kind == b"traf":
                found = _first_sample_end(moof, start + 8, end)
                if found is not None:
                    return found if found > len(moof) else None
    except (struct.error, IndexError) as fault:
        raise BoxError("a fragment's index is cut off") from fault
    return None


def _first_sample_end(moof: bytes, start: int, end: int) -> int | None:
    defaults = Defaults(0, 0, 0)
    for kind, at, _ in boxes(moof, start, end):
        if kind == b"tfhd":
            defaults = read_defaults(moof, at)
        elif kind == b"trun" and defaults.track == VIDEO_TRACK:
            table = read_table(moof, at)
            if not table.rows or table.data_offset is None or defaults.base is not None:
                return None
            flags = table.first_flags
            own = table.column(FLAGS, defaults.flags)[0] if flags is None else flags
            size = table.column(SIZE, defaults.size)[0]
            return None if own & _NON_SYNC_SAMPLE or not size else table.data_offset + size
    return None


@dataclass(frozen=True, slots=True)
class Defaults:
    """tfhd: what holds for samples whose own trun does not say. `base` is an absolute offset."""

    track: int
    duration: int
    flags: int
    size: int = 0
    base: int | None = None


DURATION, SIZE, FLAGS, SHIFT = 0x100, 0x200, 0x400, 0x800
"""Columns of a trun: which of them it has is said by its flags."""


@dataclass(frozen=True, slots=True)
class SampleTable:
    """trun: a row of the present columns for each sample; `first_flags` are the first sample's."""

    data_offset: int | None
    first_flags: int | None
    columns: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]

    def column(self, which: int, default: int) -> list[int]:
        """Of every sample; `default` where the table has no such column."""
        if which not in self.columns:
            return [default] * len(self.rows)
        place = self.columns.index(which)
        return [row[place] for row in self.rows]


def _read_traf(moof: bytes, start: int, end: int) -> Fragment | None:
    defaults = Defaults(0, 0, 0)
    decode_time = 0
    shown: list[int] = []
    last_duration = 0
    first_flags: int | None = None
    reordered = False
    for kind, at, _ in boxes(moof, start, end):
        if kind == b"tfhd":
            defaults = read_defaults(moof, at)
        elif kind == b"tfdt":
            decode_time = read_decode_time(moof, at)
        elif kind == b"trun" and defaults.track == VIDEO_TRACK:
            table = read_table(moof, at)
            durations = table.column(DURATION, defaults.duration)
            for duration, shift in zip(durations, table.column(SHIFT, 0), strict=True):
                shown.append(decode_time + shift)
                decode_time += duration
                last_duration = duration
            if first_flags is None and table.rows:
                own = table.column(FLAGS, defaults.flags)[0]
                first_flags = own if table.first_flags is None else table.first_flags
            reordered |= SHIFT in table.columns
    if not shown:
        return None
    is_sync = not (first_flags or 0) & _NON_SYNC_SAMPLE
    end_position = shown_until(shown, last_duration) if reordered else decode_time
    return Fragment(min(shown), end_position, is_sync)


def shown_until(shown: Sequence[int], last_duration: int) -> int:
    """Where the last shown of reordered frames ends.

    The duration of the last sample reaches to the next fragment's first decode time: how long the
    last frame is shown tells the one shown before it, unless frames between them are missing.
    """
    *_, before, last = [min(shown), *sorted(shown)]
    return last + max(1, min(last - before or last_duration, last_duration))


def read_defaults(moof: bytes, at: int) -> Defaults:
    """Of the `tfhd` box at `at`. Raises struct.error: it is cut off."""
    flags, track = struct.unpack_from(">II", moof, at + 8)
    cursor = at + 16
    base = struct.unpack_from(">Q", moof, cursor)[0] if flags & 0x1 else None
    cursor += 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)  # data offset, description index
    found = {}
    for bit in (0x8, 0x10, 0x20):  # duration, size, flags
        if flags & bit:
            (found[bit],) = struct.unpack_from(">I", moof, cursor)
            cursor += 4
    return Defaults(track, found.get(0x8, 0), found.get(0x20, 0), found.get(0x10, 0), base)


def read_decode_time(moof: bytes, at: int) -> int:
    """Of the `tfdt` box at `at`. Signed: a muxer may write decode times before zero.

    Raises struct.error: it is cut off.
    """
    found = struct.unpack_from(">q" if moof[at + 8] else ">I", moof, at + 12)
    return int(found[0])


def read_table(moof: bytes, at: int) -> SampleTable:
    """Of the `trun` box at `at`. Raises BoxError or struct.error: it is cut off."""
    flags, count = struct.unpack_from(">II", moof, at + 8)
    cursor = at + 16
    header = []
    for bit, form in ((0x1, ">i"), (0x4, ">I")):  # data offset, first sample's flags
        header.append(struct.unpack_from(form, moof, cursor)[0] if flags & bit else None)
        cursor += 4 * bool(flags & bit)
    # Composition offsets are signed in version 1.
    forms = {DURATION: "I", SIZE: "I", FLAGS: "I", SHIFT: "i" if flags >> 24 else "I"}
    columns = tuple(bit for bit in forms if flags & bit)
    row = struct.Struct(">" + "".join(forms[bit] for bit in columns))
    table = moof[cursor : cursor + count * row.size]
    if len(table) < count * row.size or count > _MOST_SAMPLES:
        raise BoxError("a fragment's index is cut off")
    rows = tuple(row.iter_unpack(table)) if row.size else ((),) * count
    return SampleTable(header[0], header[1], columns, rows)


class FragmentSplitter:
    """Takes a muxer's output in pieces and gives it back as init segment and whole fragments.

    `init` is `ftyp` and `moov`, empty until both are known. Pieces are kept as they come, not
    joined: a GOP is megabytes.
    """

    def __init__(self) -> None:
        self.init = b""
        self._head = b""
        self._body: list[bytes] = []
        self._missing = 0
        self._kind = b""
        self._moof: list[bytes] = []
        self._whole: list[list[bytes]] = []

    def write(self, piece: bytes) -> int:
        """As of a file: the muxer writes here."""
        rest = piece
        while rest:
            rest = self._take_body(rest) if self._missing else self._take_head(rest)
        return len(piece)

    @property
    def has_whole(self) -> bool:
        """Whether `take` would give anything."""
        return bool(self._whole)

    def take(self) -> list[list[bytes]]:
        """Whole fragments (`moof`, then `mdat`, as pieces) since the last call, in order.

        The first piece of each is the whole `moof`.
        """
        whole, self._whole = self._whole, []
        return whole

    def _take_head(self, rest: bytes) -> bytes:
        wanted = 8 - len(self._head)
        self._head += rest[:wanted]
        if len(self._head) == 8:
            size, self._kind = _HEADER.unpack(self._head)
            if size < 8:
                raise BoxError("the muxer wrote a box of unknown length")
            self._body, self._head = [self._head], b""
            self._missing = size - 8
            if not self._missing:
                self._end_box()
        return rest[wanted:]

    def _take_body(self, rest: bytes) -> bytes:
        part = rest if len(rest) <= self._missing else rest[: self._missing]
        self._body.append(part)
        self._missing -= len(part)
        if not self._missing:
            self._end_box()
        return rest[len(part) :]

    def _end_box(self) -> None:
        body, self._body = self._body, []
        if self._kind in (b"ftyp", b"moov"):
            self.init += b"".join(body)
        elif self._kind == b"moof":
            self._moof = [b"".join(body)]
        elif self._kind == b"mdat":
            self._whole.append([*self._moof, *body])
            self._moof = []


@dataclass(frozen=True, slots=True)
class Whole:
    """What is whole in a segment's file: bytes from its start, and the video in them."""

    size_bytes: int
    position: int
    end_position: int


def scan(file: BinaryIO) -> Whole | None:
    """The whole fragments a segment's file begins with, behind its run box; None without one.

    A fragment is whole when all of its `moof` and `mdat` are there: what a crash tore off counts
    for nothing.
    """
    size_bytes = os.fstat(file.fileno()).st_size
    at = RUN_BOX_BYTES
    fragments: list[Fragment] = []
    while (end := _fragment_end(file, at, size_bytes)) is not None:
        moof_bytes = read_head(file, at)[0]
        try:
            fragment = read_fragment(os.pread(file.fileno(), moof_bytes, at))
        except BoxError:
            break
        if fragment is not None:
            fragments.append(fragment)
        at = end
    if not fragments:
        return None
    return Whole(at, fragments[0].position, max(one.end_position for one in fragments))


def _fragment_end(file: BinaryIO, at: int, size_bytes: int) -> int | None:
    """Where the `moof` and `mdat` that begin at `at` end; None when they are not whole."""
    for kind in (b"moof", b"mdat"):
        box_bytes, found = read_head(file, at)
        if found != kind or box_bytes < 8 or at + box_bytes > size_bytes:
            return None
        at += box_bytes
    return at


def read_head(file: BinaryIO, at: int) -> tuple[int, bytes]:
    """Length and type of the box at `at`; 0 and nothing where the file ends before."""
    head = os.pread(file.fileno(), 8, at)
    if len(head) < 8:
        return 0, b""
    box_bytes, kind = _HEADER.unpack(head)
    return box_bytes, kind
