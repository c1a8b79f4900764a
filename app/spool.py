"""Changes on their way into the database: none that matters is lost while it is away.

`{root}/{process}/events/` has events and the beginnings and ends of runs, which nothing else
tells: they are on disk before `put` returns, and stay until the database has them. `figures/` has
segments, which playlists list too, and cameras' states, which are soon stale: they are written
only while the database is away or behind. What the tables refuse for good, and lines that cannot
be read, are kept in `{root}/refused`.

What a process left when it ended, however it ended, is taken over by the next one on this root.
A change may be given out again after that: writing it twice must do nothing the second time.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from app.spool_files import Owned, SpoolFolder, encode
from app.spool_queue import QueueLimits, SpoolQueue, Taken
from media.types import EventChange, MediaChange, RunBegan, RunEnded

log = logging.getLogger(__name__)

REFUSED = "refused"
REFUSED_BYTES = 64 * 1024 * 1024
EVENTS, FIGURES = "events", "figures"
LIMITS = QueueLimits()


class Spool:
    """`put` may be called from any thread, all the rest by one task.

    Order holds among events and among figures; the two do not touch each other in the tables.
    """

    def __init__(self, root: Path, limits: QueueLimits = LIMITS) -> None:
        """Its folder is made when something is to be written: a full disk stops nobody's start."""
        self.root = root
        self._lock = threading.Lock()
        self._folder: SpoolFolder | None = None
        events, figures = partial(self._home, EVENTS), partial(self._home, FIGURES)
        self._events = SpoolQueue(EVENTS, events, limits, durable=True)
        self._figures = SpoolQueue(FIGURES, figures, limits, durable=False)
        self._queues = (self._events, self._figures)
        self._adopted: list[SpoolFolder] = []
        self.adopt()

    @property
    def depth(self) -> int:
        """Changes in memory that are not done."""
        return sum(queue.depth for queue in self._queues)

    @property
    def size_bytes(self) -> int:
        """What its files take."""
        return sum(queue.size_bytes for queue in self._queues)

    def put(self, owned: Owned) -> bool:
        """From any thread: it will be taken. False after `close`: nobody takes it any more."""
        return self._queue_of(owned.change).put(owned)

    def take(self, most: int = 500) -> list[Taken]:
        """The oldest changes, events first. Each must be given to `done` or `refuse`."""
        found: list[Taken] = []
        for queue in self._queues:
            some, unread = queue.take(most - len(found))
            found += some
            for each in unread:
                self._keep_aside(each.line, each.why)
        return found

    def done(self, found: Sequence[Taken]) -> None:
        """They are in the database."""
        for queue in self._queues:
            queue.done([each for each in found if self._queue_of(each.owned.change) is queue])

    def refuse(self, taken: Taken, why: str) -> None:
        """The tables will never take it: it is kept aside and holds up nothing."""
        self._keep_aside(encode(taken.owned), why)
        self.done([taken])

    def hold(self) -> None:
        """The database is away: what waits is written, and what comes, until `release`."""
        for queue in self._queues:
            queue.hold()

    def release(self) -> None:
        """The database is back."""
        for queue in self._queues:
            queue.release()

    def tend(self) -> None:
        """Makes what was written outlast a power cut, and keeps to the limits. It may take long."""
        for queue in self._queues:
            queue.tend()

    def adopt(self) -> None:
        """Takes over what processes left that are no more. Raises OSError."""
        for folder in [each for each in self._adopted if not any(each.path.glob("*/*"))]:
            self._adopted.remove(folder)
            folder.give_up()
        found = list(SpoolFolder.left_behind(self.root))
        self._adopted += found
        for name, queue in self._named():
            files = [file for folder in found for file in folder.files(name)]
            queue.adopt(files)
            if size := sum(file.size_bytes for file in files):
                log.warning("%d bytes of %s were left behind in %s", size, name, self.root)

    def close(self) -> None:
        """What is not done stays on disk for the next process; else nothing stays."""
        lost = sum(queue.close() for queue in self._queues)
        if lost:
            log.error("%d changes are lost: they could be written nowhere", lost)
        for folder in (*self._adopted, *([self._folder] if self._folder else [])):
            for name, _ in self._named():
                for file in folder.files(name):
                    if not file.size_bytes:
                        file.path.unlink()
            folder.give_up()

    def _home(self, queue: str) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = SpoolFolder.made(self.root)
            return self._folder.of(queue)

    def _named(self) -> tuple[tuple[str, SpoolQueue], ...]:
        return ((EVENTS, self._events), (FIGURES, self._figures))

    def _queue_of(self, change: MediaChange) -> SpoolQueue:
        precious = isinstance(change, EventChange | RunBegan | RunEnded)
        return self._events if precious else self._figures

    def _keep_aside(self, line: bytes, why: str) -> None:
        log.error("refused, and kept in %s: %s", self.root / REFUSED, why)
        entry = {"why": why, "line": line.decode(errors="backslashreplace").rstrip("\n")}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            file = os.open(self.root / REFUSED, flags, 0o600)
            try:
                if os.fstat(file).st_size < REFUSED_BYTES:
                    os.write(file, msgspec.json.encode(entry) + b"\n")
            finally:
                os.close(file)
        except OSError:
            log.exception("could not be kept: %s", line)
