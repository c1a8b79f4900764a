"""Takes footage away: first nothing lists it, then it goes, and whatever is cut short is done anew.

Which footage is for others to say. A player that asks for a file that has gone is told that there
is none; one that has it open reads it to the end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from media import playlist
from media.playlist import PLAYLIST_NAME, Playlist, Segment
from media.store import (
    CameraFolder,
    Hour,
    RecordingNotFound,
    RecordingStore,
    replace_file,
    sync_folder,
)
from media.turns import turn

STILL_WRITTEN_US = (playlist.LONGEST_SEGMENT_SECONDS + 30) * 1_000_000
"""So long after its end an hour may still get the segment that began in it."""

_BOXES = ".bin"
_SEGMENTS = (".m4s", ".m4s.part")
_FOOTAGE = (".m4s", ".m4s.part", ".mp4", ".tmp", _BOXES, PLAYLIST_NAME)


def is_closed(store: RecordingStore, hour: Hour, now_us: int) -> bool:
    """Whether no recorder can be writing to the hour any more."""
    return store.hour_bounds(hour)[1] + STILL_WRITTEN_US <= now_us


def clear_hour(store: RecordingStore, camera: CameraFolder, hour: Hour) -> None:
    """Removes the footage of a closed hour, whether listed or not; snapshots stay.

    Raises:
        OSError: the disk's; some of it may have gone, and none of that is listed.
    """
    folder = store.hour_path(camera, hour)
    if not folder.is_dir():
        return
    with turn(folder):
        if (folder / PLAYLIST_NAME).exists():
            (folder / PLAYLIST_NAME).unlink()
            sync_folder(folder)
        _remove(folder, (name for name in os.listdir(folder) if name.endswith(_FOOTAGE)))
    if hour not in (store.open_hours(camera) or ()):
        _remove_empty(folder)


def thin_hour(
    store: RecordingStore,
    camera: CameraFolder,
    hour: Hour,
    keeps: Callable[[Segment], bool],
    *,
    closed: bool,
) -> Playlist:
    """Removes those segments of an hour that `keeps` does not want.

    While the hour is being written its last listed segment always stays: what comes next is listed
    as its successor. In a closed hour what is not listed goes too: it was being removed once.

    Returns:
        What is left, maybe nothing.

    Raises:
        RecordingNotFound: nothing is recorded there.
        OSError: the disk's; what is listed is there.
    """
    folder = store.hour_path(camera, hour)
    try:
        with turn(folder):
            left, gone = _unlist(store, camera, hour, keeps, closed=closed)
    except FileNotFoundError as fault:
        raise RecordingNotFound("no such recording") from fault
    if closed:
        named = {segment.name for segment in left.segments}
        named |= {store.frames_name(segment.run_id) for segment in left.segments}
        whole = (name for name in os.listdir(folder) if name.endswith((".m4s", _BOXES)))
        gone += [name for name in whole if name not in named]
    _remove(folder, gone)
    return left


def _unlist(
    store: RecordingStore,
    camera: CameraFolder,
    hour: Hour,
    keeps: Callable[[Segment], bool],
    *,
    closed: bool,
) -> tuple[Playlist, list[str]]:
    """The playlist without what is not wanted, written; and the files that it no longer names."""
    before = store.playlist(camera, hour)
    last = None if closed or not before.segments else before.segments[-1]
    kept = [segment for segment in before.segments if segment == last or keeps(segment)]
    if len(kept) == len(before.segments):
        return before, []
    after = before.without(kept)
    path = store.hour_path(camera, hour) / PLAYLIST_NAME
    replace_file(path, playlist.dump(after).encode("ascii"))
    named = {segment.name for segment in kept}
    return after, [segment.name for segment in before.segments if segment.name not in named]


def clear_snapshots(store: RecordingStore, camera: CameraFolder, date: str) -> None:
    """Removes a day's snapshots, and its folders where nothing else is in them.

    Boxes of frames that no footage came of go with them.
    """
    day = store.camera_path(camera) / date
    for name in os.listdir(day):
        folder = day / name
        if store.is_hour(Hour(date, name)) and folder.is_dir():
            names = os.listdir(folder)
            gone = ".jpg" if any(each.endswith(_SEGMENTS) for each in names) else (".jpg", _BOXES)
            _remove(folder, (each for each in names if each.endswith(gone)))
            _remove_empty(folder)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in list(names):
        (folder / name).unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    """The hour's folder and its day's, where they are empty."""
    for each in (folder, folder.parent):
        try:
            each.rmdir()
        except OSError:
            return  # it holds something, or somebody was quicker
