"""Who may write a camera's footage: the highest token that has a file in the camera's folder.

A lock that goes with its process is not enough: a process that is paused holds it, and goes on
writing when it wakes. So a new owner of the camera brings a higher token, puts its own file there
and removes all lower ones. Whoever is about to publish looks whether its file is still there.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from media.types import MediaError

_OWNER = re.compile(r"owner\.([0-9]{1,19})", re.ASCII)


class RecordingBusy(MediaError):
    """Another recorder of the same owner writes this camera's footage."""


class CustodyLost(MediaError):
    """A later owner has the camera's footage. `token` is the highest one seen, None if unknown."""

    def __init__(self, token: int | None = None) -> None:
        super().__init__("another worker records this camera now")
        self.token = token


@dataclass(frozen=True, slots=True)
class Custody:
    """The right to write to a camera's folder, for as long as `check` says so.

    `is_new`: another owner was there before, who may still be asleep with files open.
    """

    token: int
    is_new: bool
    _file: Path
    _descriptor: int

    def check(self) -> None:
        """To be called right before whatever others can see; takes some microseconds.

        Raises:
            CustodyLost: somebody with a higher token has replaced the file, or removed the folder.
        """
        try:
            # Opened, not just looked up: that is what a network file system asks its server for.
            there = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as fault:
            raise CustodyLost(max(_tokens(self._file.parent), default=None)) from fault
        try:
            same = os.path.sameopenfile(there, self._descriptor)
        finally:
            os.close(there)
        if not same:
            raise CustodyLost


@contextmanager
def custody_of(folder: Path, token: int) -> Iterator[Custody]:
    """Takes a camera's folder, which must exist, from whoever has a lower token.

    The file stays behind: its name is the highest token that ever wrote here.

    Raises:
        CustodyLost: an owner with a higher token is or was there.
        RecordingBusy: a recorder with the same token still writes; a thread that was told to stop
            may take as long as its read time-out.
        OSError: the disk's.
    """
    _refuse_older(folder, token)
    file = folder / f"owner.{token}"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise RecordingBusy("another recorder still writes its footage") from fault
        # Again, now that later owners see this file: of two at a time one sees the other.
        _refuse_older(folder, token)
        earlier = [each for each in _tokens(folder) if each < token]
        for each in earlier:
            with suppress(FileNotFoundError):
                (folder / f"owner.{each}").unlink()
        yield Custody(token, bool(earlier), file, descriptor)
    finally:
        os.close(descriptor)


def _refuse_older(folder: Path, token: int) -> None:
    highest = max(_tokens(folder), default=token)
    if highest > token:
        (folder / f"owner.{token}").unlink(missing_ok=True)
        raise CustodyLost(highest)


def highest_token(folder: Path) -> int:
    """Under which a camera's folder was written last; 0 where it never was under a lease."""
    return max(_tokens(folder), default=0)


def _tokens(folder: Path) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [int(found[1]) for name in names if (found := _OWNER.fullmatch(name))]
