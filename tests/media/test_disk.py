from __future__ import annotations

import errno
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from media.disk import check_not_halted, halt, halted, is_full, resume, room_of
from media.segments import Recording, SegmentWriter
from media.store import RecordingStore
from media.types import RunClock
from tests.media.disk import CAMERA, GOP, HOUR, KEY, START_US
from tests.media.fragments import INIT, gop


def test_room_is_what_the_file_system_says(tmp_path: Path) -> None:
    room, usage = room_of(tmp_path), shutil.disk_usage(tmp_path)
    assert room.total_bytes == usage.total
    assert 0 < room.free_bytes < usage.total


def test_recording_that_is_halted_says_why_until_it_may_go_on(tmp_path: Path) -> None:
    assert halted(tmp_path) is None
    halt(tmp_path, "evidence everywhere")
    assert halted(tmp_path) == "evidence everywhere"
    with pytest.raises(OSError, match="evidence everywhere") as caught:
        check_not_halted(tmp_path)
    assert is_full(caught.value)
    for _ in range(2):
        resume(tmp_path)
    check_not_halted(tmp_path)


def test_other_faults_are_no_full_disk() -> None:
    assert not is_full(OSError(errno.EIO, "input/output error"))


def test_a_halted_recorder_ends_its_segment_and_begins_none(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    writer = SegmentWriter(Recording(store, CAMERA, KEY, 1.0), lambda _: None)
    writer.set_clock(RunClock(UUID(int=1), START_US, 0), settled=True)
    writer.append(INIT, *gop(0))
    halt(tmp_path, "no room")
    with pytest.raises(OSError, match="no room"):
        writer.append(INIT, *gop(GOP))
    writer.close()
    folder = store.hour_path(CAMERA, HOUR)
    assert [path.name for path in folder.glob("*.m4s*")] == ["000000_000.m4s"]
    assert len(store.playlist(CAMERA, HOUR).segments) == 1
