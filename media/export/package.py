"""An export as files of a folder: an MP4, or a zip of several, and the manifest."""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from media.boxes import BoxError
from media.export import manifest
from media.export.layout import Layout
from media.export.manifest import CameraEntry, FileEntry, Head, Missing
from media.export.movie import Told, Write, write_movie
from media.export.names import CONTENT, MANIFEST
from media.export.plan import Opener, Span, alike, plan
from media.playlist import Segment, iso_milliseconds
from media.store import sync_folder

_CLOCK_STARTS = 315_532_800
"""Zip knows no time before 1980."""


@dataclass(frozen=True, slots=True)
class CameraFootage:
    """What of one camera is exported: segments in playing order, and what is known to be missing.

    `opened` opens its files by the names that the segments have.
    """

    camera_id: str
    camera_name: str
    segments: Sequence[Segment]
    missing: Sequence[Missing]
    opened: Opener


@dataclass(frozen=True, slots=True)
class Package:
    """What was written: the name that it is to have elsewhere, and its length."""

    file_name: str
    size_bytes: int


def write_package(
    head: Head, wanted: Span, cameras: Sequence[CameraFootage], folder: Path, told: Told
) -> Package:
    """Writes CONTENT and MANIFEST into a folder, synced.

    Of one camera that was recorded alike all the time it is an MP4, else a zip of one for each
    camera and each part that was. A day of a camera is held in memory as tables of numbers, some
    bytes for each picture; of several cameras one at a time.

    Raises:
        FootageGone: footage was removed meanwhile.
        BoxError: footage is damaged.
        OSError: the disk's.
    """
    parts = [alike(each.segments, each.opened) for each in cameras]
    single = len(cameras) == 1 and len(parts[0]) == 1
    work = _Work(wanted, told)
    with (folder / CONTENT).open("xb") as content:
        if single:
            name = f"{cameras[0].camera_id}_{_stamp(wanted.from_us)}.mp4"
            file = work.movie(*parts[0][0], cameras[0].opened, Entry(name, content.write))
            entries = [work.camera(cameras[0], [file])]
            text = _manifest(head, entries)
        else:
            name = f"export_{_stamp(wanted.from_us)}.zip"
            text = _write_zip(work, content, head, list(zip(cameras, parts, strict=True)))
        content.flush()
        os.fsync(content.fileno())
        size_bytes = content.tell()
    with (folder / MANIFEST).open("xb") as beside:
        beside.write(text)
        beside.flush()
        os.fsync(beside.fileno())
    sync_folder(folder)
    return Package(name, size_bytes)


Parts = list[tuple[Layout, list[Segment]]]


def _write_zip(
    work: _Work, content: BinaryIO, head: Head, cameras: Sequence[tuple[CameraFootage, Parts]]
) -> bytes:
    """Files are stored as they are: footage does not get shorter. Returns the manifest."""
    entries = []
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for camera, parts in cameras:
            files = []
            for number, (layout, segments) in enumerate(parts, start=1):
                suffix = f"_{number}" if len(parts) > 1 else ""
                name = f"{camera.camera_id}_{_stamp(work.wanted.from_us)}{suffix}.mp4"
                with _zipped(archive, name, work.wanted) as write:
                    files.append(work.movie(layout, segments, camera.opened, Entry(name, write)))
            entries.append(work.camera(camera, files))
        text = _manifest(head, entries)
        with _zipped(archive, MANIFEST, work.wanted) as write:
            write(text)
    return text


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to be written: its name, and what takes its bytes."""

    name: str
    write: Write


@dataclass(frozen=True, slots=True)
class _Work:
    wanted: Span
    told: Told

    def movie(
        self, layout: Layout, segments: Sequence[Segment], opened: Opener, entry: Entry
    ) -> FileEntry:
        digest, size_bytes = hashlib.sha256(), 0

        def write(piece: bytes) -> None:
            nonlocal size_bytes
            digest.update(piece)
            size_bytes += len(piece)
            entry.write(piece)

        try:
            movie = plan(layout, segments, self.wanted, opened)
            digests = write_movie(movie, write, opened, self.told)
        except (OverflowError, struct.error) as fault:
            raise BoxError("the times of a segment are beyond all measure") from fault
        return FileEntry(
            entry.name,
            iso_milliseconds(movie.starts_us),
            manifest.seconds_of(movie),
            size_bytes,
            digest.hexdigest(),
            manifest.segment_entries(movie, digests),
        )

    def camera(self, camera: CameraFootage, files: Sequence[FileEntry]) -> CameraEntry:
        gaps = manifest.gaps(self.wanted, camera.segments, camera.missing)
        return CameraEntry(camera.camera_id, camera.camera_name, gaps, files)


@contextmanager
def _zipped(archive: zipfile.ZipFile, name: str, wanted: Span) -> Iterator[Callable[[bytes], int]]:
    seconds = max(_CLOCK_STARTS, wanted.from_us // 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    info = zipfile.ZipInfo(name, moment.timetuple()[:6])
    info.external_attr = 0o644 << 16
    with archive.open(info, "w", force_zip64=True) as file:
        yield file.write


def _manifest(head: Head, cameras: Sequence[CameraEntry]) -> bytes:
    told = {**msgspec.to_builtins(head), "cameras": cameras}
    return msgspec.json.format(msgspec.json.encode(told), indent=1)


def _stamp(at_us: int) -> str:
    """For names of files: `2026-01-31T23-59-59Z`."""
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%dT%H-%M-%SZ}"
