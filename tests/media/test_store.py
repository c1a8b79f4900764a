"""The tree of recordings: hours, snapshots, deletion, and which hour shows a frame."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.custody import RecordingBusy
from media.store import (
    Hour,
    RecordingNotFound,
    RecordingStore,
    replace_file,
    write_once,
)
from media.types import MediaError
from tests.media.tree import (
    CAMERA,
    DAY_US,
    HOUR,
    START_US,
    lay_down,
    open_descriptors,
)


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    return RecordingStore(tmp_path / "recordings")


@pytest.mark.parametrize(
    ("at_us", "hour"),
    [
        (START_US, Hour("2026-05-29", "00")),
        (START_US - 1, Hour("2026-05-28", "23")),
        (START_US + 3_599_999_999, Hour("2026-05-29", "00")),
        (START_US + 3_600_000_000, Hour("2026-05-29", "01")),
        (START_US + DAY_US - 1, Hour("2026-05-29", "23")),
        (0, Hour("1970-01-01", "00")),
    ],
)
def test_a_moment_belongs_to_its_hour(store: RecordingStore, at_us: int, hour: Hour) -> None:
    start_us, end_us = store.hour_bounds(hour)

    assert store.hour_of(at_us) == hour
    assert start_us <= at_us < end_us
    assert end_us - start_us == 3_600_000_000


def test_midnight_turns_the_date(store: RecordingStore) -> None:
    assert store.next_hour(Hour("2026-02-28", "23")) == Hour("2026-03-01", "00")
    assert store.previous_hour(Hour("2026-01-01", "00")) == Hour("2025-12-31", "23")


@given(
    st.sampled_from([1, 2, 10, 60, 3600, 43_200, 86_400]),
    st.integers(0, 4_000_000_000_000_000),
)
def test_hours_of_any_length_follow_each_other(hour_seconds: int, at_us: int) -> None:
    store = RecordingStore(Path("unused"), hour_seconds)

    hour = store.hour_of(at_us)

    start_us, end_us = store.hour_bounds(hour)
    assert start_us <= at_us < end_us == start_us + hour_seconds * 1_000_000
    assert store.hour_of(end_us) == store.next_hour(hour)
    assert store.hour_of(start_us - 1) == store.previous_hour(hour)
    assert store.is_hour(hour)


@pytest.mark.parametrize("hour_seconds", [0, -1, 7, 86_401])
def test_an_hour_divides_a_day(hour_seconds: int) -> None:
    with pytest.raises(ValueError, match="a day is not a multiple"):
        RecordingStore(Path("unused"), hour_seconds)


def test_hours_with_a_playlist_are_listed_in_order(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path, hour_seconds=10)
    hours = [Hour("2026-05-29", number) for number in ("09", "10", "100", "1000", "8639")]
    for hour in reversed(hours):
        lay_down(store, hour)
    store.make_hour(CAMERA, Hour("2026-05-29", "11"))  # no playlist yet

    assert store.hours(CAMERA, "2026-05-29") == hours


def test_what_can_be_no_day_or_hour_is_not_listed(store: RecordingStore) -> None:
    day = lay_down(store, HOUR).parent
    for name in ("24", "007", "7", "old", "00001"):
        (day / name).mkdir()
        (day / name / "index.m3u8").touch()
    for name in ("2026-02-30", "2026-99-99", "0000-01-01", "today"):
        (day.parent / name).mkdir()

    assert store.dates(CAMERA) == ["2026-05-29"]
    assert store.hours(CAMERA, "2026-05-29") == [HOUR]


@pytest.mark.parametrize("date", ["2026-02-30", "today", "", "../2026-05-29", "2026-05-29/23"])
def test_there_are_no_hours_of_no_date(store: RecordingStore, date: str) -> None:
    with pytest.raises(RecordingNotFound):
        store.hours(CAMERA, date)


def test_of_many_files_those_that_can_be_opened_are_open_in_turn(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    hour = Hour("2026-05-29", "12")
    folder = store.make_hour(CAMERA, hour)
    for name in ("120000_000.m4s", "120004_000.m4s", "owner.1"):
        (folder / name).write_text(name)
    (folder / "120008_000.m4s").symlink_to(folder / "120000_000.m4s")
    (folder / "120012_000.m4s").mkdir()
    names = ["120004_000.m4s", "owner.1", "../12/120000_000.m4s", "120008_000.m4s"]
    names += ["120012_000.m4s", "120016_000.m4s", "120000_000.m4s"]
    seen = [
        (name, file.name, file.read(), file) for name, file in store.open_files(CAMERA, hour, names)
    ]
    assert [(name, path, read) for name, path, read, _ in seen] == [
        (name, str(folder / name), name.encode()) for name in ("120004_000.m4s", "120000_000.m4s")
    ]
    assert all(file.closed for *_, file in seen)
    assert list(store.open_files(CAMERA, Hour("2026-05-29", "13"), names)) == []


def test_a_snapshot_is_named_by_its_time_in_the_hour(store: RecordingStore) -> None:
    saved = store.save_snapshot(CAMERA, START_US + DAY_US - 1, b"picture")

    assert (saved.date, saved.hour, saved.name) == ("2026-05-29", "23", "snap-3599999.jpg")
    with store.open_file(CAMERA, HOUR, saved.name) as file:
        assert file.read() == b"picture"


def test_the_same_frame_s_snapshot_replaces_the_other(store: RecordingStore) -> None:
    first = store.save_snapshot(CAMERA, START_US, b"one")
    second = store.save_snapshot(CAMERA, START_US + 999, b"two")

    assert first == second
    folder = store.hour_path(CAMERA, Hour("2026-05-29", "00"))
    assert [path.name for path in folder.iterdir()] == ["snap-0.jpg"]
    assert (folder / "snap-0.jpg").read_bytes() == b"two"


def test_a_replacement_that_fails_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "snap-1.jpg"
    replace_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_every_new_name_is_synced(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = set()
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        synced.add(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    with store.writing(CAMERA):
        folder = store.make_hour(CAMERA, HOUR)

    missing = {path.parent for path in (folder, *folder.parents[:4])} - synced
    assert missing == set()


def test_one_recorder_writes_at_a_time(store: RecordingStore) -> None:
    with store.writing(CAMERA):
        with pytest.raises(RecordingBusy), store.writing(CAMERA):
            pass
        with store.writing(replace(CAMERA, tenant_id="other")):
            pass
    with store.writing(CAMERA):
        pass


def test_the_lock_is_let_go_when_recording_fails(store: RecordingStore) -> None:
    before = open_descriptors()
    with pytest.raises(RuntimeError), store.writing(CAMERA):
        raise RuntimeError
    with store.writing(CAMERA):
        pass

    assert open_descriptors() == before


def test_a_deleted_camera_is_gone_and_its_neighbour_stays(store: RecordingStore) -> None:
    neighbour = replace(CAMERA, name="cam-front-02.0123abcd")
    lay_down(store, HOUR)
    store.make_hour(neighbour, HOUR)

    assert store.delete_camera(CAMERA)

    assert not store.delete_camera(CAMERA)
    assert store.dates(CAMERA) == []
    assert store.dates(neighbour) == ["2026-05-29"]
    assert list((store.root / ".trash").iterdir()) == []


def test_a_deletion_that_a_crash_cut_short_is_finished(
    store: RecordingStore, tmp_path: Path
) -> None:
    lay_down(store, HOUR)
    (store.root / ".trash").mkdir()
    store.camera_path(CAMERA).rename(store.root / ".trash" / "doomed")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (store.root / ".trash" / "link").symlink_to(tmp_path / "kept")

    store.empty_trash()

    assert not (store.root / ".trash" / "doomed").exists()
    assert (tmp_path / "kept" / "file").exists()


def test_without_trash_there_is_nothing_to_empty(store: RecordingStore) -> None:
    store.empty_trash()

    assert not store.root.exists()


def test_open_hours_are_noted_and_read_again(store: RecordingStore) -> None:
    hours = [HOUR, Hour("2026-05-30", "00")]
    store.make_hour(CAMERA, HOUR)
    assert store.open_hours(CAMERA) is None

    store.note_open_hours(CAMERA, hours)

    assert store.open_hours(CAMERA) == hours


def test_a_damaged_note_names_no_odd_hours(store: RecordingStore) -> None:
    store.make_hour(CAMERA, HOUR)
    note = store.camera_path(CAMERA) / "open-hours"
    note.write_bytes(b"2026-05-29/23\n../..\n/etc\n2026-05-29/24\n\xff\0/07\n2026-05-3")

    assert store.open_hours(CAMERA) == [HOUR]


def test_a_store_names_itself_once_for_all_who_open_it(tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(lambda _: RecordingStore(root).store_id, range(32)))

    assert len(ids) == 1
    assert ids != {RecordingStore(tmp_path / "elsewhere").store_id}
    assert [path.name for path in root.iterdir()] == [".store-id"]


def test_a_damaged_name_of_a_store_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / ".store-id").write_text("half a")

    with pytest.raises(MediaError, match="is damaged"):
        _ = RecordingStore(tmp_path).store_id

    assert (tmp_path / ".store-id").read_text() == "half a"


def test_what_is_written_once_stays(tmp_path: Path) -> None:
    write_once(tmp_path / "one", b"first")
    write_once(tmp_path / "one", b"second")

    assert (tmp_path / "one").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1
