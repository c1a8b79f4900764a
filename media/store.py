"""Where recordings lie on disk: every path is made, checked, listed, opened and removed here."""

from __future__ import annotations

import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import BinaryIO

from media.custody import Custody, custody_of
from media.parsed import ParsedPlaylists
from media.playlist import PLAYLIST_NAME, Playlist
from media.types import MediaError, Snapshot

_DAY_SECONDS = 86_400
_TRASH = ".trash"
_OPEN_HOURS = "open-hours"
_STORE_ID = ".store-id"
_FIRST_HOUR = "00"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_CAMERA_FOLDER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.[0-9a-f]{8}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR = re.compile(r"[0-9]{2,5}")
_FILE = re.compile(
    r"init-[0-9a-f]{10}\.mp4|[0-9]{6}_[0-9]{3}(?:-[0-9]{1,4})?\.m4s|snap-[0-9]{1,8}\.jpg"
)


class RecordingNotFound(MediaError):
    """No such recording, or a name that no recording can have; the two are not told apart."""


@dataclass(frozen=True, slots=True)
class CameraFolder:
    """A camera's place in the store. `name` is `{slug}.{first 8 hex digits of the key}`."""

    tenant_id: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Hour:
    """A folder of a camera: `{date}/{hour}`, in UTC."""

    date: str
    hour: str

    def __str__(self) -> str:
        return f"{self.date}/{self.hour}"


class RecordingStore:
    """The tree `{root}/{tenant}/{camera folder}/{YYYY-MM-DD}/{HH}/`.

    Invariants: no path that comes out of here leaves the root; what is read is opened without
    following a symbolic link below the root. The root itself may be one.
    """

    def __init__(self, root: Path, hour_seconds: int = 3600) -> None:
        """`hour_seconds`: length of an "hour", other than 3600 in tests alone; divides a day.

        Raises:
            ValueError: it does not.
        """
        if hour_seconds < 1 or _DAY_SECONDS % hour_seconds:
            raise ValueError(f"a day is not a multiple of {hour_seconds} s")
        self.root = root
        self.hour_seconds = hour_seconds
        self._parsed = ParsedPlaylists()

    @cached_property
    def store_id(self) -> uuid.UUID:
        """Names this tree among others: who reads the same id here sees the same footage.

        Made once, by whoever asks first.

        Raises:
            MediaError: the file that holds it is damaged.
            OSError: the disk's.
        """
        path = self.root / _STORE_ID
        if not path.exists():
            _make_folders(self.root)
            write_once(path, f"{uuid.uuid4()}\n".encode("ascii"))
        try:
            return uuid.UUID(path.read_text("ascii", "replace").strip())
        except ValueError as fault:
            raise MediaError(f"{path} is damaged: want the id of the recordings there") from fault

    def hour_of(self, at_us: int) -> Hour:
        """The hour that a moment (µs since the epoch) belongs to."""
        day, second = divmod(at_us // 1_000_000, _DAY_SECONDS)
        return Hour(_date_text(day), f"{second // self.hour_seconds:02d}")

    def hour_bounds(self, hour: Hour) -> tuple[int, int]:
        """[start, end) in µs since the epoch.

        Raises:
            RecordingNotFound: there can be no such hour.
        """
        day = _day_number(hour.date)
        index = int(_checked(_HOUR, hour.hour, "hour"))
        if f"{index:02d}" != hour.hour or index * self.hour_seconds >= _DAY_SECONDS:
            raise RecordingNotFound("no such hour")
        start_us = (day * _DAY_SECONDS + index * self.hour_seconds) * 1_000_000
        return start_us, start_us + self.hour_seconds * 1_000_000

    def is_hour(self, hour: Hour) -> bool:
        """Whether there can be such an hour."""
        try:
            self.hour_bounds(hour)
        except RecordingNotFound:
            return False
        return True

    def next_hour(self, hour: Hour) -> Hour:
        return self.hour_of(self.hour_bounds(hour)[1])

    def previous_hour(self, hour: Hour) -> Hour:
        return self.hour_of(self.hour_bounds(hour)[0] - 1)

    def camera_path(self, camera: CameraFolder) -> Path:
        """The camera's folder, which need not exist.

        Raises:
            RecordingNotFound: a component is not of the form that this store makes.
        """
        tenant = _checked(_TENANT, camera.tenant_id, "tenant")
        return self.root / tenant / _checked(_CAMERA_FOLDER, camera.name, "camera")

    def hour_path(self, camera: CameraFolder, hour: Hour) -> Path:
        """The folder of one hour, which need not exist. Raises like `camera_path`."""
        self.hour_bounds(hour)
        return self.camera_path(camera) / hour.date / hour.hour

    def make_hour(self, camera: CameraFolder, hour: Hour) -> Path:
        """The folder of one hour, made where it is missing. Raises OSError, the disk's."""
        folder = self.hour_path(camera, hour)
        _make_folders(folder)
        return folder

    @contextmanager
    def writing(self, camera: CameraFolder, token: int = 0) -> Iterator[Custody]:
        """Keeps every other recorder away from the camera's folder: see `custody_of`.

        `token` is that of the lease, 0 where there are no leases.
        """
        path = self.camera_path(camera)
        _make_folders(path)
        with custody_of(path, token) as custody:
            yield custody

    def dates(self, camera: CameraFolder) -> list[str]:
        """Days with a folder, oldest first; none for an unknown camera."""
        names = self._names(self.camera_path(camera))
        return [name for name in names if self.is_hour(Hour(name, _FIRST_HOUR))]

    def hours(self, camera: CameraFolder, date_text: str) -> list[Hour]:
        """Hours of a day (YYYY-MM-DD) that have a playlist, in order.

        Raises:
            RecordingNotFound: no such date; a date without footage has no hours.
        """
        _day_number(date_text)
        day = self.camera_path(camera) / date_text
        hours = [Hour(date_text, name) for name in self._names(day)]
        return sorted(
            (
                hour
                for hour in hours
                if self.is_hour(hour) and os.path.lexists(day / hour.hour / PLAYLIST_NAME)
            ),
            key=self.hour_bounds,
        )

    def playlist(self, camera: CameraFolder, hour: Hour) -> Playlist:
        """What is recorded in an hour.

        Raises:
            RecordingNotFound: nothing is.
        """
        with self._open(camera, hour, PLAYLIST_NAME) as file:
            return self._parsed.read(file)

    def playlist_stamp(self, camera: CameraFolder, hour: Hour) -> tuple[int, int, int] | None:
        """Is another one after each change of the hour's playlist; None while there is none."""
        try:
            found = (self.hour_path(camera, hour) / PLAYLIST_NAME).lstat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def open_file(self, camera: CameraFolder, hour: Hour, name: str) -> BinaryIO:
        """An init segment, media segment or snapshot, open for reading; its `name` is its path.

        Raises:
            RecordingNotFound: no such file, or not the name of one; also a symbolic link.
        """
        return self._open(camera, hour, _checked(_FILE, name, "file"))

    def open_files(
        self, camera: CameraFolder, hour: Hour, names: Iterable[str]
    ) -> Iterator[tuple[str, BinaryIO]]:
        """`open_file` of each that can be opened, with its name; closed when the next is taken."""
        path = self.hour_path(camera, hour)
        left_out = suppress(OSError, RecordingNotFound)
        with suppress(OSError), _descended(self.root, path.relative_to(self.root).parts) as folder:
            for name in names:
                with left_out, _opened(folder, path / _checked(_FILE, name, "file")) as file:
                    yield name, file

    @staticmethod
    def frames_name(run_id: uuid.UUID) -> str:
        """The file beside the segments of what was followed in a run: `media/stored_frames.py`."""
        return f"boxes-{run_id.hex}.bin"

    def frames(self, camera: CameraFolder, hour: Hour, run_id: uuid.UUID) -> bytes:
        """That file's content as it is just now. Raises RecordingNotFound."""
        with self._open(camera, hour, self.frames_name(run_id)) as file:
            return file.read()

    def save_snapshot(self, camera: CameraFolder, at_us: int, jpeg: bytes) -> Snapshot:
        """Writes a picture so that it is there whole or not at all; the same frame's replaces it.

        Raises:
            OSError: the disk's.
        """
        hour = self.hour_of(at_us)
        start_us, _ = self.hour_bounds(hour)
        snapshot = Snapshot(hour.date, hour.hour, f"snap-{(at_us - start_us) // 1000}.jpg")
        folder = self.make_hour(camera, hour)
        replace_file(folder / snapshot.name, jpeg)
        return snapshot

    def open_hours(self, camera: CameraFolder) -> list[Hour] | None:
        """Hours a recorder noted: those still open, and the last one. Only these need repair.

        None when there is no note.
        """
        try:
            text = (self.camera_path(camera) / _OPEN_HOURS).read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        hours = [Hour(*line.split("/")) for line in text.splitlines() if line.count("/") == 1]
        return [hour for hour in hours if self.is_hour(hour)]

    def note_open_hours(self, camera: CameraFolder, hours: Iterable[Hour]) -> None:
        """Replaces the note; the camera's folder must exist. Raises OSError, the disk's."""
        lines = "".join(f"{hour}\n" for hour in hours)
        replace_file(self.camera_path(camera) / _OPEN_HOURS, lines.encode("ascii"))

    def delete_camera(self, camera: CameraFolder) -> bool:
        """Removes all of a camera's footage; it is out of reach at once. False if there is none."""
        trash = self.root / _TRASH
        trash.mkdir(parents=True, exist_ok=True)
        doomed = trash / uuid.uuid4().hex
        try:
            self.camera_path(camera).rename(doomed)
        except FileNotFoundError:
            return False
        shutil.rmtree(doomed)
        return True

    def empty_trash(self) -> None:
        """Finishes removals that a crash cut short."""
        for name in self._names(self.root / _TRASH):
            shutil.rmtree(self.root / _TRASH / name, ignore_errors=True)

    def _names(self, folder: Path) -> list[str]:
        """What is in a folder, sorted; nothing when it is not there or behind a symbolic link."""
        try:
            with _descended(self.root, folder.relative_to(self.root).parts) as descriptor:
                return sorted(os.listdir(descriptor))
        except OSError:
            return []

    def _open(self, camera: CameraFolder, hour: Hour, name: str) -> BinaryIO:
        path = self.hour_path(camera, hour)
        try:
            with _descended(self.root, path.relative_to(self.root).parts) as folder:
                return _opened(folder, path / name)
        except OSError as fault:
            raise RecordingNotFound("no such recording") from fault


def _opened(folder: int, path: Path) -> BinaryIO:
    """A plain file of a folder, a descriptor; its `name` is `path`.

    Raises:
        RecordingNotFound: it is something else, as a folder or a link.
        OSError: the disk's.
    """

    def beneath(_: str, __: int) -> int:
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(path.name, flags, dir_fd=folder)

    file = open(path, "rb", opener=beneath)  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise RecordingNotFound("no such recording")
    return file


def _make_folders(path: Path) -> None:
    """The folder and those above it, each made where it is missing, its name synced."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that after a crash the old or the new content is there, never a mixture."""
    with _draft(path, content) as draft:
        draft.replace(path)
    sync_folder(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all; one that is there already stays."""
    with _draft(path, content) as draft, suppress(FileExistsError):
        os.link(draft, path)
    sync_folder(path.parent)


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` with the content on disk; gone afterwards unless it was renamed."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _descended(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of the folder below `root`, reached without following a symbolic link."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def _checked(form: re.Pattern[str], text: str, what: str) -> str:
    if not form.fullmatch(text):
        raise RecordingNotFound(f"no such {what}")
    return text


@lru_cache(maxsize=64)
def _date_text(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _day_number(text: str) -> int:
    try:
        moment = datetime.strptime(_checked(_DATE, text, "date"), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as fault:
        raise RecordingNotFound("no such date") from fault
    return (moment.date() - date(1970, 1, 1)).days
