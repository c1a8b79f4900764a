"""What a change costs on its way through the spool, against a file that is synced for each.

Run as `python -m tests.benchmarks.spool`. In good order: each change is put, taken and done with.
An event is written before `put` returns, a figure is not. The yardstick appends the same line to a
file and syncs it.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from app.spool import Spool
from app.spool_files import Owned, encode
from media.types import SegmentClosed
from tests.world import beginning

COUNT, SYNCED = 5000, 200
AT = 1_780_000_000_000_000
KEY = UUID(int=1)


def event(number: int) -> Owned:
    return Owned("default", "cam-a", beginning(KEY, AT + number))


def figure(number: int) -> Owned:
    times = (AT + number, AT + number + 1, number, number + 1)
    return Owned(
        "default", "cam-a", SegmentClosed(KEY, KEY, "2026-05-29", "12", "0.m4s", *times, 9)
    )


def through(folder: Path, make: Callable[[int], Owned]) -> float:
    """Microseconds a change."""
    many = [make(number) for number in range(COUNT)]
    spool = Spool(folder)
    began = time.perf_counter()
    for each in many:
        spool.put(each)
        spool.done(spool.take())
    took = time.perf_counter() - began
    spool.close()
    return took / COUNT * 1e6


def synced(folder: Path) -> float:
    """Microseconds a change."""
    line = encode(event(1))
    file = os.open(folder / "synced", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began = time.perf_counter()
    for _ in range(SYNCED):
        os.write(file, line)
        os.fdatasync(file)
    took = time.perf_counter() - began
    os.close(file)
    return took / SYNCED * 1e6


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yardstick = synced(folder)
        print(f"synced for each   {yardstick:8.1f} µs")
        for what, make in (("event", event), ("figure", figure)):
            took = through(folder / what, make)
            print(f"{what:17} {took:8.1f} µs   {took / yardstick:.3f} of that")


if __name__ == "__main__":
    main()
