"""A disk on which any one step of a program may be its last, or fail.

Every call by which Python changes a folder or a file is a step. What has been synced is remembered,
so that a power cut can take away all that was not: names by the last sync of their folder, contents
by the last sync of the file (the reading of POSIX that file systems come closest to).
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

import pytest

STEPS = (
    *("open", "mkdir", "rename", "replace", "link", "unlink"),
    *("write", "writev", "pwrite", "fsync", "truncate", "ftruncate"),
)
WRITES = frozenset({"write", "writev", "pwrite"})


class Died(BaseException):
    """The process was killed here: nothing that it does afterwards reaches the disk."""


class Fault(Enum):
    """What happens at the step: the process dies, its write half done or not; or an error comes."""

    KILL = auto()
    KILL_IN_WRITE = auto()
    FULL_ONCE = auto()
    FULL_FROM_THEN = auto()
    BROKEN_FROM_THEN = auto()

    @property
    def kills(self) -> bool:
        return self in (Fault.KILL, Fault.KILL_IN_WRITE)


@dataclass
class FaultyDisk:
    """Below `root`; `at` is the number of the step, counted from 0, that meets the fault."""

    root: Path
    at: int | None = None
    fault: Fault = Fault.KILL
    steps: int = 0
    is_dead: bool = False
    _contents: dict[int, bytes] = field(default_factory=dict)
    _names: dict[int, dict[str, int]] = field(default_factory=dict)
    _held: dict[int, int] = field(default_factory=dict)
    """Descriptors that keep a number from being given to another file."""
    _real: dict[str, Callable[..., Any]] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[FaultyDisk]:
        with pytest.MonkeyPatch.context() as patch:
            for name in STEPS:
                self._real[name] = getattr(os, name)
                patch.setattr(os, name, self._step(name))
            self._sync_all()
            yield self
        for each in self._held.values():
            os.close(each)

    def _step(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def step(*args: Any, **kwargs: Any) -> Any:
            if self.is_dead:
                raise Died
            if name == "open" and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)
            self.steps += 1
            if self._is_hit():
                self._fail(name, args)
            if name == "fsync":  # nothing is at stake here: the disk need not hear of it
                return self._synced(args[0])
            return real(*args, **kwargs)

        return step

    def _is_hit(self) -> bool:
        if self.at is None:
            return False
        now = self.steps - 1
        lasting = self.fault in (Fault.FULL_FROM_THEN, Fault.BROKEN_FROM_THEN)
        return now >= self.at if lasting else now == self.at

    def _fail(self, name: str, args: tuple[Any, ...]) -> None:
        if name in WRITES and self.fault is not Fault.KILL:
            self._write_half(name, args)
        if self.fault.kills:
            self.is_dead = True
            raise Died
        if self.fault is Fault.BROKEN_FROM_THEN:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if name not in ("unlink", "truncate", "ftruncate", "rename", "fsync"):  # these take no room
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _write_half(self, name: str, args: tuple[Any, ...]) -> None:
        content = b"".join(args[1]) if name == "writev" else bytes(args[1])
        half = content[: len(content) // 2]
        if name == "pwrite":
            self._real["pwrite"](args[0], half, args[2])
        else:
            self._real["write"](args[0], half)

    def _synced(self, descriptor: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if place.is_dir():
            self._sync_folder(place)
        else:
            self._sync_file(place)

    def _sync_file(self, path: Path) -> None:
        self._contents[self._number(path)] = path.read_bytes()

    def _sync_folder(self, path: Path) -> None:
        self._names[self._number(path)] = {each.name: self._number(each) for each in path.iterdir()}

    def _sync_all(self) -> None:
        """What was there before had time to reach the disk."""
        for each in [self.root, *self.root.rglob("*")]:
            self._sync_folder(each) if each.is_dir() else self._sync_file(each)

    def _number(self, path: Path) -> int:
        found = path.stat().st_ino
        if found not in self._held:
            self._held[found] = self._real["open"](path, os.O_RDONLY)
        return found

    def cut_power(self, copy: Path, *, keep_names: bool) -> None:
        """Writes into `copy` what is left of the disk after a power cut.

        With `keep_names` names as they were last, contents as synced: the other half of what file
        systems do.
        """
        if not keep_names:
            self._restore(self.root.stat().st_ino, copy)
            return
        shutil.copytree(self.root, copy)
        for path in self.root.rglob("*"):
            if path.is_file():
                synced = self._contents.get(path.stat().st_ino, b"")
                (copy / path.relative_to(self.root)).write_bytes(synced)

    def _restore(self, number: int, place: Path) -> None:
        if number not in self._names and number in self._contents:
            place.write_bytes(self._contents[number])
            return
        if number not in self._names and not os.path.isdir(f"/proc/self/fd/{self._held[number]}"):
            place.touch()
            return
        place.mkdir()
        for name, below in self._names.get(number, {}).items():
            self._restore(below, place / name)
