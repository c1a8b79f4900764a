"""What was followed in recorded footage: a small file for each run and hour, beside the segments.

A file is a row of records, each only added at the end, so a crash costs the last ones:

    H  run, anchor_us, start_position, width, height    what follows is of frames like these
    L  bytes, "feature label"                           a label; counted from 0 after each H
    F  position, count, then for each object its box    a frame; positions grow
         (x0, y0, x1, y1 in 1/65535 of the frame), score in 1/255, label, track key, track id or 0

Numbers are big-endian. Whatever is not so ends the file: what is behind it was never written.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from uuid import UUID

from media.store import CameraFolder, Hour, RecordingStore
from media.types import TICKS_PER_SECOND, Box, Detection, DetectionFrame, Followed, RunClock

log = logging.getLogger(__name__)

_HEAD, _LABEL, _FRAME = struct.Struct(">c16sqqHH"), struct.Struct(">cB"), struct.Struct(">cqB")
_OBJECT = struct.Struct(">4HBBII")
_MOST = 255
"""Objects in a frame, labels, and bytes of a label: more are left out."""
_SIDE, _SURE = 65_535, 255
_LATEST_US = 1 << 62
_H, _L, _F = b"HLF"


@dataclass(slots=True)
class FrameLog:
    """Writes one camera's frames; used by one thread at a time.

    A disk that fails costs the boxes of those frames, and is told once for each run and hour.
    """

    store: RecordingStore
    camera: CameraFolder
    _place: tuple[UUID, Hour] | None = None
    _size: tuple[int, int] | None = None
    _labels: dict[tuple[str, str], int] = field(default_factory=dict)
    _failed: bool = False
    _path: Path = field(default_factory=Path)

    def add(self, frame: DetectionFrame) -> None:
        """Frames that are in no file are left out."""
        if not frame.recorded:
            return
        place = frame.clock.run_id, self.store.hour_of(frame.at_us)
        if place != self._place:
            self._place, self._size, self._failed = place, None, False
        try:
            self._append(frame, *place)
        except OSError as fault:
            if not self._failed:
                log.warning("camera %s: boxes are lost: %s", self.camera.name, fault)
            self._failed, self._size = True, None

    def _append(self, frame: DetectionFrame, run_id: UUID, hour: Hour) -> None:
        """All of it or nothing, as far as the disk lets. The file is held open for nobody."""
        if self._size is None:
            folder = self.store.make_hour(self.camera, hour)
            self._path = folder / self.store.frames_name(run_id)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o644)
        try:
            size_bytes = os.fstat(file).st_size
            if size_bytes == 0:
                self._size = None
            records = self._encoded(frame)
            if os.write(file, records) != len(records):
                os.ftruncate(file, size_bytes)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)

    def _encoded(self, frame: DetectionFrame) -> bytes:
        records = []
        size = frame.width_px, frame.height_px
        if size != self._size:
            self._size, self._labels = size, {}
            clock = frame.clock
            records.append(
                _HEAD.pack(b"H", clock.run_id.bytes, clock.anchor_us, clock.start_position, *size)
            )
        objects = []
        for each in frame.objects[:_MOST]:
            name = each.detection.feature, each.detection.label
            if name not in self._labels:
                text = " ".join(name).encode()
                if len(self._labels) >= _MOST or len(text) > _MOST:
                    continue
                self._labels[name] = len(self._labels)
                records.append(_LABEL.pack(b"L", len(text)) + text)
            objects.append(_packed(each, self._labels[name]))
        return b"".join([*records, _FRAME.pack(b"F", frame.position, len(objects)), *objects])


def _packed(each: Followed, label: int) -> bytes:
    box = each.detection.box
    corners = (round(min(max(c, 0.0), 1.0) * _SIDE) for c in (box.x0, box.y0, box.x1, box.y1))
    score = round(min(max(each.detection.score, 0.0), 1.0) * _SURE)
    return _OBJECT.pack(*corners, score, label, each.key, each.track_id or 0)


def read_frames(
    content: bytes, from_us: int = 0, to_us: int = _LATEST_US
) -> Iterator[DetectionFrame]:
    """A file's frames in [from_us, to_us), up to where it is whole; others are stepped over."""
    frames = _read(content, from_us)
    with suppress(struct.error, IndexError, ValueError):
        yield from takewhile(lambda frame: frame.at_us < to_us, frames)


def _read(content: bytes, from_us: int) -> Iterator[DetectionFrame]:
    """Raises struct.error, IndexError or ValueError where the file is not whole."""
    at, last, wanted = 0, -1, 0
    clock, size, labels = None, (0, 0), list[tuple[str, str]]()
    while at < len(content):
        kind = content[at]
        if kind == _F and clock is not None:
            _, position, count = _FRAME.unpack_from(content, at)
            at += _FRAME.size
            end = at + count * _OBJECT.size
            if position <= last or end > len(content):
                return
            if position >= wanted and clock.at_us(position) >= from_us:
                rows = _OBJECT.iter_unpack(content[at:end])
                objects = tuple(_unpacked(labels[row[5]], *row) for row in rows)
                yield DetectionFrame(clock, position, True, size[0], size[1], objects)
            at, last = end, position
        elif kind == _H:
            _, run, anchor_us, start, *pixels = _HEAD.unpack_from(content, at)
            clock, size, labels = RunClock(UUID(bytes=run), anchor_us, start), tuple(pixels), []
            wanted = start + (from_us - anchor_us) * TICKS_PER_SECOND // 1_000_000 - 1
            at += _HEAD.size
        elif kind == _L:
            _, length = _LABEL.unpack_from(content, at)
            at += _LABEL.size
            feature, label = content[at : at + length].decode().split(" ", 1)
            labels.append((feature, label))
            at += length
        else:
            return


def _unpacked(name: tuple[str, str], *row: int) -> Followed:
    x0, y0, x1, y1, score, _, key, track_id = row
    box = Box(x0 / _SIDE, y0 / _SIDE, x1 / _SIDE, y1 / _SIDE)
    return Followed(Detection(name[1], name[0], score / _SURE, box), key, track_id or None)
