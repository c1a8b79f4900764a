"""Whatever ended a recording: every whole GOP is listed afterwards, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace as replaced

from media.boxes import RUN_BOX_BYTES, RunBox, init_name
from media.playlist import Playlist, Segment, dump, parse
from media.repair import Repaired
from media.segments import Recording, SegmentWriter
from media.store import CameraFolder, Hour, RecordingStore
from media.types import RunClock
from tests.media.disk import (
    CAMERA,
    GOP,
    HOUR,
    KEY,
    NEXT_HOUR,
    NEXT_RUN,
    NOW_US,
    RUN,
    START_US,
    Disk,
)
from tests.media.fragments import INIT, gop


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(RecordingStore(tmp_path))


def positions(segments: Sequence[Segment]) -> list[tuple[int, int]]:
    return [(one.position, one.end_position) for one in segments]


def test_without_footage_there_is_nothing_to_do(disk: Disk) -> None:
    assert disk.repair() == Repaired(0, (), ())
    assert disk.state() == {}


def test_an_unfinished_segment_is_listed(disk: Disk) -> None:
    disk.record(gops=2)
    before = disk.listed().segments

    found = disk.repair()

    first, second = disk.listed().segments
    assert (first,) == before
    assert second.name == "000001_000.m4s"
    assert (second.position, second.end_position) == (GOP, 2 * GOP)
    assert second.start_us == START_US + 1_000_000
    assert second.size_bytes == (disk.folder() / second.name).stat().st_size
    assert found.end_position == 2 * GOP
    assert found.recovered == (
        replace(
            disk.told[0],
            name=second.name,
            start_us=START_US + 1_000_000,
            end_us=START_US + 2_000_000,
            start_position=GOP,
            end_position=2 * GOP,
        ),
    )


def test_what_is_recovered_is_what_would_have_been_told(disk: Disk, tmp_path: Path) -> None:
    disk.record(gops=3)
    disk.repair()
    other = Disk(RecordingStore(tmp_path / "other"))
    other.record(gops=4)

    assert disk.listed().segments == other.listed().segments
    assert dump(disk.listed()) == dump(other.listed())


HEAD_BYTES = len(gop(GOP)[0][0])
GOP_BYTES = sum(map(len, gop(GOP)[0]))
PLACES = {
    "nothing": 0,
    "inside the run box": RUN_BOX_BYTES - 1,
    "behind the run box": RUN_BOX_BYTES,
    "inside a box's length": RUN_BOX_BYTES + 3,
    "inside the moof": RUN_BOX_BYTES + HEAD_BYTES - 1,
    "between moof and mdat": RUN_BOX_BYTES + HEAD_BYTES,
    "inside the mdat's header": RUN_BOX_BYTES + HEAD_BYTES + 7,
    "inside the mdat": RUN_BOX_BYTES + GOP_BYTES - 1,
}


def lengthened(part: Path) -> None:
    """A second GOP joins the unfinished segment."""
    with part.open("ab") as file:
        file.write(b"".join(gop(2 * GOP)[0]))


@pytest.mark.parametrize("place", PLACES)
def test_a_part_without_a_whole_gop_goes(disk: Disk, place: str) -> None:
    disk.record(gops=2)
    before = disk.listed()
    os.truncate(disk.part, PLACES[place])

    found = disk.repair()

    assert disk.listed() == before
    assert found.end_position == GOP
    assert not found.recovered
    assert found.done == (f"removed {HOUR}/000001_000.m4s.part: nothing in it is whole",)
    assert list(disk.folder().glob("000001*")) == []


@pytest.mark.parametrize("place", [one for one in PLACES if PLACES[one] >= RUN_BOX_BYTES])
def test_a_part_is_kept_as_far_as_its_gops_are_whole(disk: Disk, place: str) -> None:
    disk.record(gops=2)
    whole_bytes = disk.part.stat().st_size
    lengthened(disk.part)
    os.truncate(disk.part, PLACES[place] + GOP_BYTES)

    found = disk.repair()

    _, second = disk.listed().segments
    assert (second.position, second.end_position) == (GOP, 2 * GOP)
    assert second.size_bytes == whole_bytes == (disk.folder() / second.name).stat().st_size
    assert found.end_position == 2 * GOP


@pytest.mark.parametrize("place", PLACES)
def test_doing_it_again_changes_nothing(disk: Disk, place: str) -> None:
    disk.record(gops=2)
    lengthened(disk.part)
    os.truncate(disk.part, PLACES[place] + GOP_BYTES)
    first = disk.repair()
    before = disk.state()

    second = disk.repair()

    assert second == Repaired(first.end_position, (), ())
    assert disk.state() == before


def test_torn_at_any_byte_of_its_entry_the_playlist_is_whole_again(disk: Disk) -> None:
    disk.record(gops=3)
    path = disk.folder() / "index.m3u8"
    disk.repair()
    whole = path.read_bytes()
    first_entry = len(dump(Playlist(disk.listed().segments[:1], ended=False)))

    for torn_at in range(0, len(whole), 7):
        path.write_bytes(whole[:torn_at])
        found = disk.repair()
        assert path.read_bytes() == whole, torn_at
        assert found.end_position == 3 * GOP
        assert len(found.recovered) >= (3 if torn_at < first_entry else 0)


def test_a_finished_segment_that_was_not_listed_is(disk: Disk) -> None:
    disk.record(gops=2)
    disk.part.rename(disk.part.with_suffix(""))

    found = disk.repair()

    assert positions(disk.listed().segments) == [(0, GOP), (GOP, 2 * GOP)]
    assert [one.name for one in found.recovered] == ["000001_000.m4s"]


def test_a_missing_file_leaves_the_playlist(disk: Disk) -> None:
    disk.record(gops=4)
    (disk.folder() / "000001_000.m4s").unlink()

    found = disk.repair()

    assert positions(disk.listed().segments) == [
        (0, GOP),
        (2 * GOP, 3 * GOP),
        (3 * GOP, 4 * GOP),
    ]
    assert [one.discontinuity for one in disk.listed().segments] == [False, True, False]
    assert f"took what is missing from the playlist of {HOUR}" in found.done
    assert found.end_position == 4 * GOP


def test_a_listed_file_that_was_cut_short_is_listed_as_it_is(disk: Disk) -> None:
    disk.record(gops=3)
    disk.part.unlink()
    second = disk.folder() / "000001_000.m4s"
    lengthened(second)
    first, listed = disk.listed().segments
    longer = replaced(listed, end_position=3 * GOP, size_bytes=second.stat().st_size)
    (disk.folder() / "index.m3u8").write_text(dump(Playlist((first, longer), ended=False)))
    os.truncate(second, longer.size_bytes - 1)

    found = disk.repair()

    assert disk.listed().segments == (first, listed)
    assert found.end_position == 2 * GOP


def test_a_listed_file_with_nothing_whole_leaves_the_playlist(disk: Disk) -> None:
    disk.record(gops=3)
    os.truncate(disk.folder() / "000001_000.m4s", RUN_BOX_BYTES + 5)

    disk.repair()

    assert positions(disk.listed().segments) == [(0, GOP), (2 * GOP, 3 * GOP)]


def test_two_parts_of_two_runs_are_both_listed(disk: Disk) -> None:
    disk.record(gops=2)
    disk.record(gops=1, start=2 * GOP, run_id=NEXT_RUN, at_us=START_US + 10_000_000)
    assert len(list(disk.folder().glob("*.part"))) == 2

    found = disk.repair()

    segments = disk.listed().segments
    assert positions(segments) == [(0, GOP), (GOP, 2 * GOP), (2 * GOP, 3 * GOP)]
    assert [one.discontinuity for one in segments] == [False, False, True]
    assert [one.run_id for one in segments] == [RUN, RUN, NEXT_RUN]
    assert len(found.recovered) == 2


def test_a_part_whose_final_name_is_taken_gets_another(disk: Disk) -> None:
    disk.record(gops=1)
    disk.repair()
    disk.record(gops=1, start=GOP, run_id=NEXT_RUN)
    disk.part.rename(disk.folder() / "000000_000.m4s.part")

    disk.repair()

    segments = disk.listed().segments
    assert [one.name for one in segments] == ["000000_000.m4s", "000000_000-2.m4s"]
    assert positions(segments) == [(0, GOP), (GOP, 2 * GOP)]


def test_a_part_without_its_run_box_goes(disk: Disk) -> None:
    disk.record(gops=1)
    disk.part.write_bytes(b"".join(gop(0)[0]))

    assert disk.repair().end_position == 0
    assert list(disk.folder().glob("*.m4s*")) == []


def test_without_its_init_segment_footage_is_left_but_not_listed(disk: Disk) -> None:
    disk.record(gops=2)
    (disk.folder() / init_name(INIT)).unlink()

    found = disk.repair()

    assert disk.listed().segments == ()
    assert found.recovered == ()
    assert len(list(disk.folder().glob("*.m4s*"))) == 2
    before = disk.state()
    assert disk.repair().end_position == 0
    assert disk.state() == before

    (disk.folder() / init_name(INIT)).write_bytes(INIT)
    assert disk.repair().end_position == 2 * GOP


def test_other_files_are_left_alone_and_drafts_removed(disk: Disk) -> None:
    disk.record(gops=1)
    for name in ("snap-17.jpg", "notes.txt", "foreign.m4s", ".snap-1.jpg.0123abcd.tmp"):
        (disk.folder() / name).write_bytes(b"x")

    found = disk.repair()

    assert f"removed the unfinished {HOUR}/.snap-1.jpg.0123abcd.tmp" in found.done
    left = {path.name for path in disk.folder().iterdir()}
    assert left == {
        *("snap-17.jpg", "notes.txt", "foreign.m4s"),
        *("000000_000.m4s", "index.m3u8", init_name(INIT)),
    }


@pytest.mark.parametrize(("after_us", "ended"), [(9_999_999, False), (10_000_000, True)])
def test_an_hour_that_is_over_is_closed(disk: Disk, after_us: int, ended: bool) -> None:
    disk.record(gops=2)
    hour_end_us = disk.store.hour_bounds(HOUR)[1]

    disk.repair(hour_end_us + after_us)

    assert disk.listed().ended is ended
    before = disk.state()
    assert disk.repair(hour_end_us + after_us).done == ()
    assert disk.state() == before


def test_a_closed_hour_in_which_footage_is_found_opens_again(disk: Disk) -> None:
    disk.record(gops=2)
    path = disk.folder() / "index.m3u8"
    path.write_text(dump(replace(parse(path.read_text()), ended=True)))

    disk.repair()

    assert not disk.listed().ended
    assert len(disk.listed().segments) == 2


def test_positions_go_on_where_the_recorded_footage_ends(disk: Disk) -> None:
    start = 0
    for number in range(3):
        disk.record(gops=2, start=start, run_id=UUID(int=number), at_us=NOW_US + number * 3_000_000)
        start = disk.repair().end_position

    assert start == 6 * GOP
    segments = disk.listed().segments
    ends = [one.end_position for one in segments]
    assert [one.position for one in segments] == [0, *ends[:-1]]


def test_positions_go_on_when_the_last_hour_was_lost(disk: Disk) -> None:
    disk.record(gops=2)
    end_position = disk.repair().end_position
    disk.record(1, end_position, NEXT_RUN, at_us=START_US + 3_600_000_000)
    disk.repair(START_US + 3_700_000_000)
    assert disk.store.open_hours(CAMERA) == [NEXT_HOUR]
    for path in disk.folder(NEXT_HOUR).iterdir():
        path.unlink()
    disk.folder(NEXT_HOUR).rmdir()

    assert disk.repair(START_US + 3_700_000_000).end_position == end_position


def test_a_part_that_moved_to_another_hour_is_found(disk: Disk) -> None:
    recording = Recording(disk.store, CAMERA, KEY, segment_seconds=1.0)
    writer = SegmentWriter(recording, disk.tell)
    writer.set_clock(RunClock(RUN, START_US + 100_000, 0), settled=False)
    writer.append(INIT, *gop(0))
    writer.set_clock(RunClock(RUN, START_US - 100_000, 0), settled=True)
    writer.abandon()

    found = disk.repair()

    (segment,) = disk.listed(Hour("2026-05-28", "23")).segments
    assert segment.start_us == START_US - 100_000
    assert found.end_position == GOP


class CountingStore(RecordingStore):
    """Counts the hours that are looked at."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, hour_seconds=60)
        self.looked_at: list[Hour] = []

    def hour_path(self, camera: CameraFolder, hour: Hour) -> Path:
        self.looked_at.append(hour)
        return super().hour_path(camera, hour)


def test_of_thousands_of_hours_only_open_ones_are_looked_at(tmp_path: Path) -> None:
    disk = Disk(store := CountingStore(tmp_path))
    disk.record(gops=2)
    disk.repair(START_US + 1_000_000)
    text = (disk.folder() / "index.m3u8").read_bytes()
    hour = HOUR
    for _ in range(5000):
        hour = store.previous_hour(hour)
        folder = tmp_path / CAMERA.tenant_id / CAMERA.name / hour.date / hour.hour
        folder.mkdir(parents=True)
        (folder / "index.m3u8").write_bytes(text)
    store.looked_at.clear()

    found = disk.repair(START_US + 1_000_000)

    assert found.end_position == 2 * GOP
    assert store.looked_at == [HOUR]


def test_without_a_note_every_hour_is_looked_at_and_the_last_noted(tmp_path: Path) -> None:
    disk = Disk(store := CountingStore(tmp_path))
    disk.record(gops=125)  # two "hours" and five seconds
    (store.camera_path(CAMERA) / "open-hours").unlink()
    store.looked_at.clear()

    found = disk.repair(START_US + 126_000_000)

    hours = [Hour("2026-05-29", number) for number in ("00", "01", "02")]
    assert store.looked_at == hours
    assert found.end_position == 125 * GOP
    assert store.open_hours(CAMERA) == [hours[-1]]
    assert [store.playlist(CAMERA, hour).ended for hour in hours] == [True, True, False]


def test_a_run_box_that_names_another_hour_keeps_the_folder_it_is_in(disk: Disk) -> None:
    disk.record(gops=1)
    box = RunBox(RunClock(RUN, START_US + 7_200_000_000, 0), init_name(INIT))
    with disk.part.open("r+b") as file:
        file.write(box.encoded())

    (found,) = disk.repair().recovered

    assert (found.date, found.hour) == (HOUR.date, HOUR.hour)
