"""Taking footage away: nothing that is listed is ever missing, at any moment and after a crash."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from uuid import UUID

import pytest

from media import playlist
from media.playlist import Removed, Segment, render
from media.retention import clear_hour, clear_snapshots, is_closed, thin_hour
from media.segments import Recording, SegmentWriter
from media.store import Hour, RecordingNotFound, RecordingStore
from media.types import RunClock
from tests.media.disk import CAMERA, GOP, HOUR, KEY, NEXT_HOUR, NOW_US, RUN, START_US, Disk
from tests.media.fragments import INIT, gop

OTHER_RUN = UUID(int=2)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(RecordingStore(tmp_path))


def files(disk: Disk, hour: Hour = HOUR) -> set[str]:
    return {name for name in os.listdir(disk.folder(hour)) if name.endswith(".m4s")}


def named(disk: Disk, hour: Hour = HOUR) -> list[str]:
    return [segment.name for segment in disk.listed(hour).segments]


def fill(disk: Disk, gops: int = 6) -> tuple[Segment, ...]:
    """An hour of whole segments of a second each."""
    disk.record(gops)
    disk.repair()
    return disk.listed().segments


def first(count: int, of: tuple[Segment, ...]) -> set[str]:
    return {segment.name for segment in of[:count]}


def thin(disk: Disk, gone: set[str], *, closed: bool = True) -> None:
    thin_hour(disk.store, CAMERA, HOUR, lambda one: one.name not in gone, closed=closed)


def test_a_cleared_hour_is_gone_with_its_folders(disk: Disk) -> None:
    fill(disk)
    disk.store.note_open_hours(CAMERA, [])
    clear_hour(disk.store, CAMERA, HOUR)
    with pytest.raises(RecordingNotFound):
        disk.listed()
    assert not disk.folder().exists()
    assert disk.store.dates(CAMERA) == []
    clear_hour(disk.store, CAMERA, HOUR)


def test_snapshots_outlive_the_footage_of_their_hour(disk: Disk) -> None:
    fill(disk)
    disk.store.note_open_hours(CAMERA, [])
    shot = disk.store.save_snapshot(CAMERA, START_US, b"jpeg")
    clear_hour(disk.store, CAMERA, HOUR)
    assert os.listdir(disk.folder()) == [shot.name]
    clear_snapshots(disk.store, CAMERA, HOUR.date)
    assert disk.store.dates(CAMERA) == []


def test_snapshots_go_and_footage_stays(disk: Disk) -> None:
    fill(disk)
    shot = disk.store.save_snapshot(CAMERA, START_US, b"jpeg")
    before = disk.state()
    clear_snapshots(disk.store, CAMERA, HOUR.date)
    gone = set(before) - set(disk.state())
    assert {Path(name).name for name in gone} == {shot.name}


def test_an_hour_whose_clearing_was_cut_short_is_cleared_again(disk: Disk) -> None:
    fill(disk)
    disk.store.note_open_hours(CAMERA, [])
    (disk.folder() / "index.m3u8").unlink()
    next(disk.folder().glob("*.m4s")).unlink()
    clear_hour(disk.store, CAMERA, HOUR)
    assert not disk.folder().exists()


def test_segments_go_from_the_front_and_players_can_count(disk: Disk) -> None:
    segments = fill(disk)
    thin(disk, first(2, segments))
    assert disk.listed().segments == segments[2:]
    assert disk.listed().removed == Removed(2, 0)
    assert files(disk) == set(named(disk))
    thin(disk, first(3, segments))
    assert disk.listed().removed == Removed(3, 0)


def test_marks_of_discontinuity_are_counted_as_they_go(disk: Disk) -> None:
    disk.record(2)
    disk.repair()
    disk.record(2, start=2 * GOP, run_id=OTHER_RUN, at_us=START_US + 10_000_000)
    disk.repair()
    segments = disk.listed().segments
    assert [one.discontinuity for one in segments] == [False, False, True, False]
    thin(disk, first(1, segments))
    assert disk.listed().removed == Removed(1, 0)
    thin(disk, first(2, segments))
    assert disk.listed().removed == Removed(2, 1)
    assert not disk.listed().segments[0].discontinuity


def test_a_hole_in_the_middle_is_a_discontinuity(disk: Disk) -> None:
    segments = fill(disk)
    thin(disk, {segments[2].name, segments[3].name})
    assert named(disk) == [one.name for one in (*segments[:2], *segments[4:])]
    assert [one.discontinuity for one in disk.listed().segments] == [False, False, True, False]
    assert disk.listed().removed == Removed(0, 0)


def test_what_is_served_of_a_thinned_hour_says_where_it_begins(disk: Disk) -> None:
    segments = fill(disk)
    thin(disk, first(2, segments))
    found = disk.listed()
    live = render(found.segments, str, ended=False, removed=found.removed)
    assert "#EXT-X-MEDIA-SEQUENCE:2\n" in live
    assert "PLAYLIST-TYPE" not in live
    over = render(found.segments, str, ended=True, removed=found.removed)
    assert "#EXT-X-PLAYLIST-TYPE:VOD\n" in over


def test_a_thinned_playlist_is_read_as_it_was_written(disk: Disk) -> None:
    segments = fill(disk)
    thin(disk, first(2, segments))
    text = (disk.folder() / "index.m3u8").read_text()
    assert playlist.dump(playlist.parse(text)) == text


def test_repair_leaves_a_thinned_hour_as_it_is(disk: Disk) -> None:
    segments = fill(disk)
    thin(disk, first(2, segments), closed=False)
    before = disk.state()
    disk.repair()
    assert disk.state() == before


def test_of_an_hour_that_is_being_written_the_last_segment_stays(disk: Disk) -> None:
    segments = fill(disk)
    thin(disk, {one.name for one in segments}, closed=False)
    assert named(disk) == [segments[-1].name]


def test_of_a_closed_hour_nothing_need_stay(disk: Disk) -> None:
    segments = fill(disk)
    thin(disk, {one.name for one in segments})
    assert named(disk) == []
    assert files(disk) == set()


def test_thinning_that_was_cut_short_is_finished_the_next_time(disk: Disk) -> None:
    segments = fill(disk)
    whole = (disk.folder() / segments[0].name).read_bytes()
    thin(disk, first(2, segments))
    (disk.folder() / segments[0].name).write_bytes(whole)  # it was unlisted, and then came the end
    thin(disk, first(2, segments))
    assert files(disk) == set(named(disk))


def test_an_hour_without_footage_cannot_be_thinned(disk: Disk) -> None:
    with pytest.raises(RecordingNotFound):
        thin(disk, set())


def test_recording_goes_on_behind_what_was_removed(disk: Disk) -> None:
    """The writer knows its last segment; what it lists next must fit what is left on disk."""
    writer = SegmentWriter(Recording(disk.store, CAMERA, KEY, 1.0), disk.tell)
    writer.set_clock(RunClock(RUN, START_US, 0), settled=True)
    for number in range(4):
        writer.append(INIT, *gop(number * GOP))
    thin(disk, set(named(disk)), closed=False)
    for number in range(4, 7):
        writer.append(INIT, *gop(number * GOP))
    writer.close()
    positions = [one.position // GOP for one in disk.listed().segments]
    assert positions == [2, 3, 4, 5, 6]
    assert files(disk) == set(named(disk))


def test_no_line_is_lost_between_a_writer_and_a_thinner(disk: Disk) -> None:
    """Both change one playlist at the same time, a hundred times; readers see no missing file."""
    gone, missing, over = set[str](), list[str](), threading.Event()

    def thin_again_and_again() -> None:
        while not over.is_set():
            try:
                segments = disk.listed().segments
            except RecordingNotFound:
                continue
            gone.update(one.name for one in segments[:-1])
            thin(disk, gone, closed=False)
            missing.extend(one for one in named(disk) if one not in files(disk))

    thinner = threading.Thread(target=thin_again_and_again)
    thinner.start()
    disk.record(100)
    over.set()
    thinner.join()
    assert missing == []
    listed = {one.position // GOP for one in disk.listed().segments}
    told = {one.start_position // GOP for one in disk.told if one.name in gone}
    assert listed | told == set(range(99))


def test_an_hour_is_closed_once_its_last_segment_must_be_there(disk: Disk) -> None:
    end_us = disk.store.hour_bounds(HOUR)[1]
    assert not is_closed(disk.store, HOUR, NOW_US)
    assert not is_closed(disk.store, HOUR, end_us + 120_000_000)
    assert is_closed(disk.store, HOUR, end_us + 150_000_000)
    assert not is_closed(disk.store, NEXT_HOUR, end_us + 150_000_000)


def boxes(disk: Disk, *runs: UUID) -> list[Path]:
    paths = [disk.folder() / disk.store.frames_name(run) for run in runs]
    for each in paths:
        each.write_bytes(b"boxes")
    return paths


def test_boxes_go_with_their_hour(disk: Disk) -> None:
    fill(disk)
    disk.store.note_open_hours(CAMERA, [])
    boxes(disk, RUN, OTHER_RUN)
    clear_hour(disk.store, CAMERA, HOUR)
    assert not disk.folder().exists()


def test_boxes_stay_as_long_as_there_is_footage_of_their_run(disk: Disk) -> None:
    listed = fill(disk)
    own, others = boxes(disk, RUN, OTHER_RUN)
    thin(disk, first(2, listed), closed=False)
    assert own.exists()
    assert others.exists()  # its first segment may be being written
    thin(disk, first(3, listed))
    assert own.exists()
    assert not others.exists()


def test_boxes_of_which_no_footage_came_go_with_the_snapshots(disk: Disk) -> None:
    fill(disk)
    (own,) = boxes(disk, RUN)
    alone = disk.store.make_hour(CAMERA, NEXT_HOUR) / disk.store.frames_name(OTHER_RUN)
    alone.write_bytes(b"boxes")
    clear_snapshots(disk.store, CAMERA, HOUR.date)
    assert own.exists()
    assert not alone.parent.exists()
