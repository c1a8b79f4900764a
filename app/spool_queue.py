"""A queue that lives in memory while it is short and its values are quickly done, else on disk."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from app import metrics
from app.spool_files import Owned, SpoolFile, SpoolTail, Unreadable, decode, encode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """`in_memory` counts changes. Above `total_bytes` on disk the oldest file goes."""

    in_memory: int = 2000
    file_bytes: int = 4 * 1024 * 1024
    total_bytes: int = 512 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Taken:
    """A change on its way into the database; `file` has it too, and stays until this is done."""

    owned: Owned
    file: SpoolFile | None = None
    on_disk: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A line of a file that cannot be understood."""

    line: bytes
    why: str


class SpoolQueue:
    """First in, first out. `put` may be called from any thread; all the rest by one task.

    In order of age: what is taken and not done, `_front`, what is unread in `_files`, `_rear`.
    Only while the queue is *behind* is anything unread, and then what is put goes to the last
    file; what cannot be written there, as the disk is full, to `_rear`. A queue that is `durable`
    has everything on disk before `put` returns, if the disk takes it; others only while held.
    """

    def __init__(
        self, name: str, folder: Callable[[], Path], limits: QueueLimits, *, durable: bool
    ) -> None:
        """`folder` gives the folder of its files, made if need be, or raises OSError."""
        self._name, self._limits, self._durable = name, limits, durable
        self._lock = threading.Lock()
        self._taken: set[Taken] = set()
        self._front: deque[Taken] = deque()
        self._files: deque[SpoolFile] = deque()
        self._rear: deque[Owned] = deque()
        self._tail = SpoolTail(folder, limits.file_bytes)
        self._behind = self._held = self._closed = self._disk_fails = False
        self._lost = 0

    @property
    def depth(self) -> int:
        """Changes in memory that are not done."""
        return len(self._taken) + len(self._front) + len(self._rear)

    @property
    def size_bytes(self) -> int:
        """What its files take."""
        with self._lock:
            return sum(file.size_bytes for file in self._files)

    def adopt(self, files: Iterable[SpoolFile]) -> None:
        """They come before what is unread here."""
        with self._lock:
            before = len(self._files)
            self._files.extendleft(reversed(list(files)))
            self._behind |= len(self._files) > before

    def put(self, owned: Owned) -> bool:
        """From any thread: it will be taken, after what this thread put before.

        False after `close`: nobody takes it any more.
        """
        with self._lock:
            if self._closed:
                return False
            self._behind |= len(self._front) >= self._limits.in_memory
            if not self._behind:
                taken = Taken(owned)
                if self._durable or self._held:
                    self._write_too(taken)
                self._front.append(taken)
            elif self._rear or self._written(owned) is None:
                self._rear.append(owned)
                if len(self._rear) > self._limits.in_memory:
                    self._rear.popleft()
                    self._lose(1, "the disk takes nothing and memory is full")
            return True

    def take(self, most: int) -> tuple[list[Taken], list[Unread]]:
        """The oldest changes, for `done` later, and lines that are past help."""
        unread: list[Unread] = []
        with self._lock:
            while self._behind and not self._front:
                unread += self._refill()
            found = [self._front.popleft() for _ in range(min(most, len(self._front)))]
            self._taken.update(found)
        return found, unread

    def done(self, found: Iterable[Taken]) -> None:
        """They are in the database, or will never be."""
        with self._lock:
            for each in found:
                self._taken.discard(each)
                if each.file is not None:
                    each.file.undone -= 1
            self._discard_done()

    def hold(self) -> None:
        """Writes all that waits, and from now on everything that comes, until `release`."""
        with self._lock:
            self._held = True
            for each in (*self._taken, *self._front):
                if not each.on_disk:
                    self._write_too(each)

    def release(self) -> None:
        self._held = False

    def tend(self) -> None:
        """Makes what was written outlast a power cut, and keeps to the limit. It may take long."""
        with self._lock:
            self._write_rear()
            files = list(self._files)
            excess = sum(file.size_bytes for file in files) - self._limits.total_bytes
            for file in files:
                if excess > 0 and not file.is_read and file is not self._tail.file:
                    excess -= file.size_bytes
                    self._lose_rest_of(file)
        for file in files:
            try:
                file.sync()
            except OSError as error:
                self._say_disk_fails(error)

    def close(self) -> int:
        """Puts on disk what is not done; how many changes could not be brought there."""
        self.hold()
        with self._lock:
            self._closed = True
            self._write_rear()
            self._discard_done()
            self._tail.close()
            waiting = (*self._taken, *self._front)
            return len(self._rear) + sum(not each.on_disk for each in waiting)

    def _write_too(self, taken: Taken) -> None:
        """Beside memory. While something is unread this will be read, too: it does no harm."""
        file = self._written(taken.owned)
        taken.on_disk = file is not None
        if file is not None and not self._behind:
            file.read_bytes = file.size_bytes
            file.undone += 1
            taken.file = file

    def _written(self, owned: Owned) -> SpoolFile | None:
        """The file it was written to; None when that was not possible."""
        try:
            file = self._tail.append(encode(owned))
        except OSError as error:
            self._say_disk_fails(error)
            return None
        if not self._files or self._files[-1] is not file:
            self._files.append(file)
        self._disk_fails = False
        return file

    def _write_rear(self) -> None:
        while self._rear and self._written(self._rear[0]) is not None:
            self._rear.popleft()

    def _refill(self) -> list[Unread]:
        """Some unread changes into memory; at the end of the files the queue is behind no more."""
        file = next((file for file in self._files if not file.is_read), None)
        if file is None:
            self._behind = False
            self._discard_done()
            for owned in self._rear:
                taken = Taken(owned)
                self._write_too(taken)
                self._front.append(taken)
            self._rear.clear()
            return []
        try:
            lines = file.read()
        except OSError:
            log.exception("%s cannot be read: it is left where it is", file.path)
            self._files.remove(file)
            return []
        unread = []
        for line in lines:
            try:
                self._front.append(Taken(decode(line), file, on_disk=True))
            except Unreadable as error:
                file.undone -= 1
                unread.append(Unread(line, str(error)))
        return unread

    def _discard_done(self) -> None:
        """Removes files of which everything is done; the one that is written to is emptied."""
        for file in list(self._files):
            if file.undone or not file.is_read:
                continue
            try:
                if file is self._tail.file:
                    self._tail.empty()
                else:
                    file.path.unlink(missing_ok=True)
                    self._files.remove(file)
            except OSError as error:
                self._say_disk_fails(error)

    def _lose_rest_of(self, file: SpoolFile) -> None:
        try:
            count = len(file.read(file.size_bytes))
        except OSError as error:
            self._say_disk_fails(error)
            return
        file.undone -= count
        self._lose(count, "its limit on disk is reached")
        self._discard_done()

    def _lose(self, count: int, why: str) -> None:
        """Said at the first and whenever the number has doubled."""
        metrics.changes_lost.inc(count)
        before, self._lost = self._lost, self._lost + count
        if before.bit_length() < self._lost.bit_length():
            log.error("%d oldest %s are lost: %s", self._lost, self._name, why)

    def _say_disk_fails(self, error: OSError) -> None:
        """Once, until something was written again."""
        if not self._disk_fails:
            self._disk_fails = True
            log.error("%s wait in memory, the disk does not take them: %s", self._name, error)
