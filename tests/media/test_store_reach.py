"""Nothing outside of the tree of recordings is reached, whatever name is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from media.store import Hour, RecordingNotFound, RecordingStore
from tests.media.tree import CAMERA, FILE, HOUR, START_US, lay_down, open_descriptors, segment

BAD_TENANTS = [
    "",
    ".",
    "..",
    "../acme",
    "/etc",
    "a/b",
    "a\0",
    "a\n",
    ".trash",
    "-x",
    "é",
    "a" * 129,
]
BAD_CAMERAS = [
    "",
    "..",
    "cam-front-01",
    "cam-front-01.0123abc",
    "cam-front-01.0123ABCD",
    "Cam.0123abcd",
    "../acme/cam.0123abcd",
    "/cam.0123abcd",
    "cam/../x.0123abcd",
    "cam.0123abcd\n",
    "cam.0123abcd\0",
    "-cam.0123abcd",
    "c" * 64 + ".0123abcd",
]
BAD_HOURS = [
    Hour("2026-05-29", "24"),
    Hour("2026-05-29", "7"),
    Hour("2026-05-29", "007"),
    Hour("2026-05-29", "-1"),
    Hour("2026-05-29", "+7"),
    Hour("2026-05-29", " 7"),
    Hour("2026-05-29", "\u0660\u0667"),
    Hour("2026-05-29", ".."),
    Hour("2026-05-29", "07/../08"),
    Hour("2026-05-29", "/07"),
    Hour("2026-05-29", "07\0"),
    Hour("2026-05-29", "07\n"),
    Hour("2026-05-29", ""),
    Hour("2026-02-30", "07"),
    Hour("2026-13-01", "07"),
    Hour("0000-01-01", "07"),
    Hour("2026-5-29", "07"),
    Hour("26-05-29", "07"),
    Hour("2026-05-29 ", "07"),
    Hour("2026-05-29\n", "07"),
    Hour("..", "07"),
    Hour("../2026-05-29", "07"),
    Hour("/", "07"),
    Hour("", "07"),
]
BAD_FILES = [
    "",
    ".",
    "..",
    "index.m3u8",
    "../23/" + FILE,
    "/etc/passwd",
    FILE + "\0",
    FILE + "\n",
    FILE + ".part",
    "235959_999",
    "init-0123456789.mp4.tmp",
    "init-../../../x.mp4",
    "snap-.jpg",
    "snap-123456789.jpg",
    "snap-1.jpeg",
    "٢٣٥٩٥٩_999.m4s",
    ".index.m3u8.0123abcd.tmp",
]


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    return RecordingStore(tmp_path / "recordings")


@pytest.mark.parametrize("tenant", BAD_TENANTS)
def test_a_tenant_of_another_form_has_no_folder(store: RecordingStore, tenant: str) -> None:
    with pytest.raises(RecordingNotFound):
        store.camera_path(replace(CAMERA, tenant_id=tenant))


@pytest.mark.parametrize("name", BAD_CAMERAS)
def test_a_camera_folder_of_another_form_is_not_found(store: RecordingStore, name: str) -> None:
    for reach in (store.camera_path, store.delete_camera, store.dates, store.open_hours):
        with pytest.raises(RecordingNotFound):
            reach(replace(CAMERA, name=name))


@pytest.mark.parametrize("hour", BAD_HOURS, ids=repr)
def test_there_is_no_odd_hour(store: RecordingStore, hour: Hour) -> None:
    assert not store.is_hour(hour)
    for reach in (store.hour_path, store.make_hour, store.playlist):
        with pytest.raises(RecordingNotFound):
            reach(CAMERA, hour)
    assert not store.root.exists()


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_of_another_form_is_not_opened(store: RecordingStore, name: str) -> None:
    folder = lay_down(store, HOUR)
    (folder / (FILE + ".part")).write_bytes(b"unfinished")

    with pytest.raises(RecordingNotFound):
        store.open_file(CAMERA, HOUR, name)


@pytest.mark.parametrize("name", [FILE, "init-0123456789.mp4", "snap-86399999.jpg"])
def test_a_file_is_opened_for_reading(store: RecordingStore, name: str) -> None:
    (lay_down(store, HOUR) / name).write_bytes(b"content")

    with store.open_file(CAMERA, HOUR, name) as file:
        assert file.read() == b"content"
        assert not file.writable()


@pytest.mark.parametrize("level", ["acme", CAMERA.name, "2026-05-29", "23", FILE, "index.m3u8"])
def test_a_symbolic_link_is_not_followed(store: RecordingStore, tmp_path: Path, level: str) -> None:
    folder = lay_down(store, HOUR, segment(START_US, 0))
    path = next(
        one
        for one in (folder / FILE, folder / "index.m3u8", *folder.parents, folder)
        if one.name == level
    )
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)

    if level != "index.m3u8":
        with pytest.raises(RecordingNotFound):
            store.open_file(CAMERA, HOUR, FILE)
    if level != FILE:
        with pytest.raises(RecordingNotFound):
            store.playlist(CAMERA, HOUR)


def test_the_root_itself_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "recordings").symlink_to(tmp_path / "disk")
    store = RecordingStore(tmp_path / "recordings")
    lay_down(store, HOUR)

    with store.open_file(CAMERA, HOUR, FILE) as file:
        assert file.read() == b"footage"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
@pytest.mark.parametrize("name", [FILE, "index.m3u8"])
def test_what_is_no_plain_file_is_not_found_and_leaves_nothing_open(
    store: RecordingStore, make: Callable[[Path], None], name: str
) -> None:
    path = lay_down(store, HOUR) / name
    path.unlink()
    make(path)
    before = open_descriptors()

    with pytest.raises(RecordingNotFound):
        _ = store.open_file(CAMERA, HOUR, FILE) if name == FILE else store.playlist(CAMERA, HOUR)

    assert open_descriptors() == before


def test_another_camera_has_nothing(store: RecordingStore) -> None:
    lay_down(store, HOUR, segment(START_US, 0))
    stranger = replace(CAMERA, tenant_id="other")

    assert store.dates(stranger) == []
    assert store.hours(stranger, "2026-05-29") == []
    assert store.open_hours(stranger) is None
    assert not store.delete_camera(stranger)
    with pytest.raises(RecordingNotFound):
        store.open_file(stranger, HOUR, FILE)
