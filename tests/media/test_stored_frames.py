"""Boxes beside the segments: compact, only ever added to, and worth nothing but themselves."""

from __future__ import annotations

import errno
import os
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.store import Hour, RecordingNotFound, RecordingStore
from media.stored_frames import FrameLog, read_frames
from media.types import Box, Detection, DetectionFrame, Followed, RunClock
from tests.media.disk import CAMERA, HOUR, NEXT_HOUR, NEXT_RUN, RUN, START_US, Disk

CLOCK = RunClock(RUN, START_US, 900_000)
SECOND = 90_000
CAR = Followed(Detection("truck", "vehicle", 1.0, Box(0.0, 0.0, 1.0, 1.0)), key=1, track_id=77)
MAN = Followed(Detection("person", "person", 0.4, Box(0.2, 0.4, 0.6, 0.8)), key=2, track_id=None)


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    return RecordingStore(tmp_path)


def frame(second: int, *objects: Followed, clock: RunClock = CLOCK) -> DetectionFrame:
    position = clock.start_position + second * SECOND
    return DetectionFrame(clock, position, True, 1920, 1080, objects)


def kept(store: RecordingStore, hour: Hour = HOUR, run_id: uuid.UUID = RUN) -> list[DetectionFrame]:
    return list(read_frames(store.frames(CAMERA, hour, run_id)))


def write(store: RecordingStore, *frames: DetectionFrame) -> None:
    log = FrameLog(store, CAMERA)
    for each in frames:
        log.add(each)


def test_frames_are_read_as_they_were_written_but_for_rounding(store: RecordingStore) -> None:
    write(store, frame(0), frame(1, CAR, MAN), frame(2, MAN))

    empty, both, one = kept(store)

    assert (empty, empty.at_us) == (frame(0), START_US)
    assert (both.clock, both.position, both.width_px, both.height_px) == (
        *(CLOCK, 990_000, 1920, 1080),
    )
    assert both.objects[0].detection == CAR.detection
    assert [(each.key, each.track_id) for each in both.objects] == [(1, 77), (2, None)]
    (man,) = one.objects
    assert (man.detection.label, man.detection.feature) == ("person", "person")
    assert man.detection.score == pytest.approx(0.4, abs=1 / 510)
    assert man.detection.box.x0 == pytest.approx(0.2, abs=1 / 131_070)
    assert man.detection.box.y1 == pytest.approx(0.8, abs=1 / 131_070)


def test_each_run_and_hour_has_a_file_of_its_own(store: RecordingStore) -> None:
    other = RunClock(NEXT_RUN, START_US + 2_000_000, 0)
    write(store, frame(0, MAN), frame(3600, CAR), frame(0, clock=other))

    assert kept(store) == [*read_frames(store.frames(CAMERA, HOUR, RUN))]
    assert [each.position for each in kept(store)] == [900_000]
    assert [each.position for each in kept(store, NEXT_HOUR)] == [900_000 + 3600 * SECOND]
    assert [each.position for each in kept(store, run_id=NEXT_RUN)] == [0]
    with pytest.raises(RecordingNotFound):
        store.frames(CAMERA, NEXT_HOUR, NEXT_RUN)


def test_who_goes_on_with_a_run_adds_to_its_file(store: RecordingStore) -> None:
    """As when what a camera looks for is changed."""
    write(store, frame(0, MAN))
    write(store, frame(1, CAR), frame(2, MAN))

    assert [each.objects[0].detection.feature for each in kept(store)] == [
        *("person", "vehicle", "person"),
    ]


def test_frames_that_are_not_recorded_are_not_kept(store: RecordingStore) -> None:
    unrecorded = DetectionFrame(CLOCK, 0, False, 320, 240, (CAR,))

    write(store, unrecorded)

    assert list(store.root.rglob("*.bin")) == []


def test_a_torn_end_costs_the_frame_it_is_of(store: RecordingStore) -> None:
    write(store, *(frame(second, CAR, MAN) for second in range(3)))
    content = store.frames(CAMERA, HOUR, RUN)
    found = [len(list(read_frames(content[:size]))) for size in range(len(content) + 1)]

    assert found == sorted(found)
    assert (found[0], found[-2], found[-1]) == (0, 2, 3)
    assert len(list(read_frames(content + bytes(500)))) == 3


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_a_fault(content: bytes) -> None:
    list(read_frames(content))


@given(st.integers(0, 400), st.binary(min_size=1, max_size=20))
def test_damage_never_ends_the_reading_with_a_fault(place: int, noise: bytes) -> None:
    head = b"H" + RUN.bytes + (0).to_bytes(8, "big") * 2 + b"\0\2\0\2" + b"L\x0dperson person"
    one = b"F%b\1" + bytes(8) + b"\xff\0" + bytes(8)
    whole = head + b"".join(one % n.to_bytes(8, "big") for n in range(9))
    assert len(list(read_frames(whole))) == 9

    list(read_frames(whole[:place] + noise + whole[place + len(noise) :]))


def test_a_full_disk_costs_boxes_and_says_so_once(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = FrameLog(store, CAMERA)
    log.add(frame(0, MAN))
    write_all = os.write

    def write_half(file: int, content: bytes) -> int:
        return write_all(file, content[: len(content) // 2])

    with monkeypatch.context() as full:
        full.setattr(os, "write", write_half)
        for second in (1, 2):
            log.add(frame(second, MAN))
    log.add(frame(3, MAN))

    assert [each.position for each in kept(store)] == [900_000, 900_000 + 3 * SECOND]
    assert caplog.text.count(os.strerror(errno.ENOSPC)) == 1


def test_frames_of_a_stretch_of_time_are_read_alone(store: RecordingStore) -> None:
    write(store, *(frame(second, MAN) for second in range(9)))
    content = store.frames(CAMERA, HOUR, RUN)

    def seconds(from_us: int, to_us: int) -> list[int]:
        found = read_frames(content, START_US + from_us, START_US + to_us)
        return [(each.at_us - START_US) // 1_000_000 for each in found]

    assert seconds(2_000_000, 4_000_000) == [2, 3]
    assert seconds(2_000_001, 4_000_001) == [3, 4]
    assert seconds(-5_000_000, 1) == [0]
    assert seconds(8_000_001, 90_000_000) == []


def test_repair_leaves_boxes_alone(store: RecordingStore) -> None:
    disk = Disk(store)
    disk.record(6)
    write(store, frame(0, MAN))
    assert disk.repair().changes
    before = disk.state()

    assert disk.repair().changes == ()
    assert disk.state() == before
    assert [each.position for each in kept(store)] == [900_000]


def test_a_file_that_was_removed_is_begun_anew(store: RecordingStore) -> None:
    log = FrameLog(store, CAMERA)
    log.add(frame(0, MAN))
    (store.hour_path(CAMERA, HOUR) / store.frames_name(RUN)).unlink()
    log.add(frame(1, MAN))

    assert [each.position for each in kept(store)] == [990_000]


def test_an_hour_of_two_walkers_at_five_looks_a_second_is_less_than_a_megabyte(
    store: RecordingStore,
) -> None:
    log = FrameLog(store, CAMERA)
    for number in range(1000):
        log.add(DetectionFrame(CLOCK, 900_000 + number * 18_000, True, 1920, 1080, (CAR, MAN)))

    assert len(store.frames(CAMERA, HOUR, RUN)) * 18 < 1_000_000
