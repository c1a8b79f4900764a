"""Very much footage of one camera: real names, sizes and playlists, in files that are mostly holes.

A file is as long as it is listed and takes no room. Of a filled one the first bytes are real too:
the run it is of, and a fragment whose first picture can be told.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from uuid import UUID, uuid5

from msgspec.structs import replace

from media.boxes import RUN_BOX_BYTES, RunBox, init_name
from media.playlist import PLAYLIST_NAME, Playlist, Segment, dump, joined
from media.store import CameraFolder, Hour, RecordingStore
from media.types import RunClock
from tests.footage import segment
from tests.media.fragments import INIT as INIT_BYTES
from tests.media.fragments import full_box, moof, traf

INIT = init_name(INIT_BYTES)
HOUR_US, SEGMENT_US = 3_600_000_000, 4_000_000
SEGMENT_TICKS = 360_000
SEGMENTS_AN_HOUR = HOUR_US // SEGMENT_US
SEGMENT_BYTES = 2_000_000
"""Four seconds of 4 Mbit/s."""
_PICTURE_BYTES = 60_000
_RUNS = UUID("b7c0a1de-5f60-4f1c-8d0e-3f9c1a2b4c5d")
_PLACE = 0x0123_4567_89AB_CDEF
_MOOF_BYTES = len(moof(traf(0, full_box(b"trun", 1, 0x701, bytes(20)))))
_ROW = struct.pack(">IiIII", 1, _MOOF_BYTES + 8, SEGMENT_TICKS, _PICTURE_BYTES, 0)
_BEFORE, _AFTER = moof(traf(_PLACE, full_box(b"trun", 1, 0x701, _ROW))).split(
    struct.pack(">Q", _PLACE)
)
_MDAT = struct.pack(">I4s", SEGMENT_BYTES - RUN_BOX_BYTES - _MOOF_BYTES, b"mdat")


def segments_of(number: int, first_us: int, count: int = SEGMENTS_AN_HOUR) -> list[Segment]:
    """Those of an archive's hour; `first_us` is where its hour 0 begins. A run lasts a day."""
    run_id = uuid5(_RUNS, str(number // 24))
    first = number * SEGMENTS_AN_HOUR
    return [
        replace(
            segment(first_us + n * SEGMENT_US, n * SEGMENT_TICKS, run_id=run_id),
            init=INIT,
            size_bytes=SEGMENT_BYTES,
        )
        for n in range(first, first + count)
    ]


def beginning(one: Segment) -> bytes:
    """A segment's first bytes, up to its pictures; with zeros up to its size it is whole."""
    run = RunBox(RunClock(one.run_id, one.start_us, one.position), INIT).encoded()
    return b"".join([run, _BEFORE, struct.pack(">Q", one.position), _AFTER, _MDAT])


def lay_hour(
    store: RecordingStore, camera: CameraFolder, made: Sequence[Segment], *, filled: bool
) -> Hour:
    """Writes an hour's folder, its playlist ended when all of the hour's segments are there."""
    hour = store.hour_of(made[0].start_us)
    folder = store.hour_path(camera, hour)
    folder.mkdir(parents=True)
    (folder / INIT).write_bytes(INIT_BYTES)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for one in made:
            lay_file(one.name, beginning(one) if filled else b"", descriptor)
    finally:
        os.close(descriptor)
    ended = len(made) == SEGMENTS_AN_HOUR
    (folder / PLAYLIST_NAME).write_text(dump(Playlist(joined(made), ended)))
    return hour


def lay_file(name: str, first: bytes, folder: int, size_bytes: int = SEGMENT_BYTES) -> None:
    """A file that begins with these bytes, then a hole; `folder` is a descriptor."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
    try:
        if first:
            os.write(file, first)
        os.ftruncate(file, size_bytes)
    finally:
        os.close(file)
