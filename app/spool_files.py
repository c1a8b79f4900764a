"""What a spool is on disk: locked folders, and files with a change to a line."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from uuid import uuid4

import msgspec

from media.types import MediaChange

LOCK = "lock"
READ_BYTES = 256 * 1024

_KINDS = {kind.__name__: kind for kind in get_args(MediaChange)}


@dataclass(frozen=True, slots=True)
class Owned:
    """A change, with the tenant and the public id of its camera as they were when it happened."""

    tenant_id: str
    camera_slug: str
    change: MediaChange


class Unreadable(Exception):
    """A line that is whole and makes no sense; the text says why."""


class _Line(msgspec.Struct, frozen=True):
    kind: str
    tenant: str
    camera: str
    change: msgspec.Raw


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


def encode(owned: Owned) -> bytes:
    """`{crc32} {json}` and a line break, which JSON has none of: a torn line spoils no other."""
    kind = type(owned.change).__name__
    try:
        change = _encoder.encode(owned.change)
    except UnicodeEncodeError:  # a reason may quote what a camera sent
        change = _encoder.encode(_mended(msgspec.to_builtins(owned.change)))
    text = _encoder.encode(_Line(kind, owned.tenant_id, owned.camera_slug, msgspec.Raw(change)))
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _mended(value: object) -> object:
    """The same with nothing in its texts that UTF-8 has no room for."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {name: _mended(each) for name, each in value.items()}
    return value


def decode(line: bytes) -> Owned:
    """Raises Unreadable: the line is damaged, or of another version of this code."""
    try:
        text = line[9:].removesuffix(b"\n")
        if line[:9] != b"%08x " % zlib.crc32(text):
            raise Unreadable("its checksum is another")
        found = _decoder.decode(text)
        change: MediaChange = msgspec.json.decode(found.change, type=_KINDS[found.kind])
    except (ValueError, KeyError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return Owned(found.tenant, found.camera, change)


@dataclass(slots=True, eq=False)
class SpoolFile:
    """One file, oldest line first.

    `size_bytes` is what whole lines take. `read_bytes` is how far they were read, or need not be
    as memory has them. `undone` counts the lines before it that are not in the database yet.
    """

    path: Path
    size_bytes: int = 0
    read_bytes: int = 0
    undone: int = 0
    _synced_bytes: int = 0

    @property
    def is_read(self) -> bool:
        return self.read_bytes >= self.size_bytes

    def read(self, at_most_bytes: int = READ_BYTES) -> list[bytes]:
        """The next whole lines that were not read, some of them, and moves on behind them.

        A last line that was never finished is left out: whoever wrote it was killed before it
        counted.

        Raises:
            OSError: the disk's.
        """
        with self.path.open("rb") as file:
            file.seek(self.read_bytes)
            wanted = min(at_most_bytes, self.size_bytes - self.read_bytes)
            found = file.read(wanted)
            if not found.endswith(b"\n"):
                found += file.readline()
        self.read_bytes += len(found) or wanted
        lines = found.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        self.undone += len(lines)
        return lines

    def sync(self) -> None:
        """Makes what was written, and the file's name, outlast a power cut. Raises OSError."""
        size = self.size_bytes
        if size == self._synced_bytes:
            return
        for path in (self.path, self.path.parent):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._synced_bytes = size


@dataclass(frozen=True, slots=True)
class _Current:
    file: SpoolFile
    descriptor: int


class SpoolTail:
    """Writes the files of one folder, each up to a size; nothing is there before the first line.

    `folder` gives the folder, made if need be, or raises OSError.
    """

    def __init__(self, folder: Callable[[], Path], file_bytes: int) -> None:
        self._folder, self._file_bytes = folder, file_bytes
        self._number = 0
        self._current: _Current | None = None

    @property
    def file(self) -> SpoolFile | None:
        """The file that is written to."""
        return None if self._current is None else self._current.file

    def append(self, line: bytes) -> SpoolFile:
        """Hands a line to the kernel and returns the file it is in: a new one now and then.

        What could not be written whole is written over by the next line.

        Raises:
            OSError: the disk's, as when it is full: the line is not there.
        """
        current = self._current
        if current is None or current.file.size_bytes >= self._file_bytes:
            current = self._next()
        file = current.file
        written = os.pwrite(current.descriptor, line, file.size_bytes)
        if written < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file.path))
        file.size_bytes += written
        return file

    def _next(self) -> _Current:
        path = self._folder() / f"{self._number + 1:08d}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        self.close()
        self._number += 1
        self._current = _Current(SpoolFile(path), descriptor)
        return self._current

    def empty(self) -> None:
        """Everything in the current file is done with. Raises OSError."""
        if self._current is not None and self._current.file.size_bytes:
            os.ftruncate(self._current.descriptor, 0)
            self._current.file.size_bytes = self._current.file.read_bytes = 0

    def close(self) -> None:
        """Nothing can be appended to the current file any more."""
        if self._current is not None:
            os.close(self._current.descriptor)
            self._current = None


class SpoolFolder:
    """The folder of one process, locked as long as that lives.

    The kernel lets go of the lock when the process ends, whatever ended it. So a folder whose lock
    is free was left by a process that is no more, and any other may take it.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock

    @staticmethod
    def made(root: Path) -> SpoolFolder:
        """A new one. It gets its name, by which others find it, when it is locked already.

        Raises:
            OSError: the disk's; or files cannot be locked there.
        """
        root.mkdir(parents=True, exist_ok=True)
        before = [int(path.name[:8]) for path in root.glob("[0-9]*-*/")]
        name = f"{max(before, default=0) + 1:08d}-{uuid4().hex[:12]}"
        hidden = root / f".{name}"
        hidden.mkdir()
        lock = os.open(hidden / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return SpoolFolder(hidden.rename(root / name), lock)

    @staticmethod
    def left_behind(root: Path) -> Iterator[SpoolFolder]:
        """Those of processes that are no more, oldest first; they are ours now."""
        for path in sorted(root.glob("[0-9]*-*/")):
            # Another may be quicker, and be done with it: then it is locked, or gone.
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                lock = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    (path / LOCK).stat()
                except OSError:
                    os.close(lock)
                    raise
                yield SpoolFolder(path, lock)

    def of(self, queue: str) -> Path:
        """The folder of one of its queues, made if need be. Raises OSError."""
        path = self.path / queue
        path.mkdir(exist_ok=True)
        return path

    def files(self, queue: str) -> list[SpoolFile]:
        """The files of one of its queues, oldest first."""
        found = sorted((self.path / queue).glob("[0-9]*"))
        return [SpoolFile(path, path.stat().st_size) for path in found]

    def give_up(self) -> None:
        """Lets go of it. It is removed when nothing is left in it, else the next process has it."""
        for path in self.path.glob("*/"):
            with contextlib.suppress(OSError):
                path.rmdir()
        if not any(self.path.glob("*/")):
            (self.path / LOCK).unlink()
            self.path.rmdir()
        os.close(self._lock)
