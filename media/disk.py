"""How much room the recordings' disk has, and the sign that recording must wait for some."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HALT = ".no-room"
_SPARE = ".spare-room"
_SPARE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Room:
    """Of a file system, in bytes: what it holds, and what we may still write."""

    total_bytes: int
    free_bytes: int


Look = Callable[[Path], Room]
"""Asks the file system of a path. Raises OSError."""


@dataclass(frozen=True, slots=True)
class DiskMarks:
    """Below `low_bytes` of free space it is said; below `reserve_bytes` footage makes room."""

    low_bytes: int
    reserve_bytes: int


DEFAULT_MARKS = DiskMarks(low_bytes=5 * 1000**3, reserve_bytes=1000**3)


def room_of(path: Path) -> Room:
    """As `df` has it for who is not root. Raises OSError."""
    found = os.statvfs(path)
    return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def keep_spare(root: Path) -> None:
    """Sets a megabyte aside: to remove footage, playlists must be written. Raises OSError."""
    path = root / _SPARE
    if not path.exists():
        path.write_bytes(bytes(_SPARE_BYTES))


def use_spare(root: Path) -> None:
    (root / _SPARE).unlink(missing_ok=True)


def halt(root: Path, reason: str) -> None:
    """No recorder of these recordings begins another segment, for that reason, until `resume`."""
    (root / _HALT).write_text(reason, "utf-8")


def resume(root: Path) -> None:
    (root / _HALT).unlink(missing_ok=True)


def halted(root: Path) -> str | None:
    """Why recording waits; None when it does not."""
    try:
        return (root / _HALT).read_text("utf-8", "replace")
    except FileNotFoundError:
        return None


def check_not_halted(root: Path) -> None:
    """Raises OSError with the reason, as if the disk were full: it would be soon."""
    if (reason := halted(root)) is not None:
        raise OSError(errno.ENOSPC, reason)


def is_full(fault: OSError) -> bool:
    """Whether it is room that is missing: a moment later there may be some."""
    return fault.errno in {errno.ENOSPC, errno.EDQUOT}
