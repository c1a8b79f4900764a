"""One at a time changes an hour's playlist: who adds to it, repairs it, or takes footage away."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 1.0
_LOOK_AGAIN_S = 0.005


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Waits until nobody else has the hour's folder; milliseconds, as a rule.

    After a second it goes on all the same: recording must not wait for a process that was paused
    in its turn. Nobody does more in it than to replace or extend one playlist.

    Raises:
        OSError: there is no such folder, or the disk's.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        ends_at = time.monotonic() + PATIENCE_S
        while not _taken(descriptor) and time.monotonic() < ends_at:
            time.sleep(_LOOK_AGAIN_S)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def alone(file: Path) -> Iterator[bool]:
    """Whether nobody else has the file, which is made where it is missing. Does not wait."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield _taken(descriptor)
    finally:
        os.close(descriptor)
