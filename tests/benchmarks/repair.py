"""How long recording must wait for repair in a folder with half a million segments.

`python -m tests.benchmarks.repair [hours]` lays 556 hours of 900 segments on disk, the last hour
cut off in its middle as by a kill: a segment is being written, and a finished one is not listed.
Repair runs with the note of open hours, and without it, when it must read all; each time twice, as
the second must change nothing. The yardstick is a bare look at each file's size. Goals: 1 s with
the note, 60 s without.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from media.repair import Repaired, repair
from media.store import CameraFolder, RecordingStore
from tests.benchmarks.archive import (
    SEGMENT_BYTES,
    SEGMENTS_AN_HOUR,
    beginning,
    lay_file,
    lay_hour,
    segments_of,
)

HOURS = 556
NOTE = "open-hours"
LISTED = SEGMENTS_AN_HOUR // 2
NOTED_SECONDS, ALL_SECONDS = 1.0, 60.0
FIRST_US = 1_780_056_000_000_000
CAMERA, KEY = CameraFolder("default", "cam-a.00000000"), UUID(int=1)


def lay(store: RecordingStore, hours: int) -> int:
    """The folder as a kill leaves it; the moment of the kill."""
    for number in range(hours - 1):
        lay_hour(store, CAMERA, segments_of(number, FIRST_US), filled=False)
    last = segments_of(hours - 1, FIRST_US, LISTED + 2)
    hour = lay_hour(store, CAMERA, last[:LISTED], filled=True)
    unlisted, unfinished = last[LISTED:]
    folder = os.open(store.hour_path(CAMERA, hour), os.O_RDONLY | os.O_DIRECTORY)
    try:
        lay_file(unlisted.name, beginning(unlisted), folder)
        torn_bytes = SEGMENT_BYTES + 1000
        lay_file(f"{unfinished.name}.part", beginning(unfinished), folder, torn_bytes)
    finally:
        os.close(folder)
    store.note_open_hours(CAMERA, [hour])
    return unfinished.end_us


def files(root: Path) -> Iterator[os.DirEntry[str]]:
    for entry in os.scandir(root):
        if entry.is_dir(follow_symlinks=False):
            yield from files(Path(entry))
        else:
            yield entry


def sizes(root: Path) -> int:
    """The yardstick; bytes in all."""
    return sum(entry.stat().st_size for entry in files(root))


def state(root: Path) -> bytes:
    """Is another one after any change of any file but the note, which repair writes anew."""
    told = hashlib.sha256()
    for entry in sorted(files(root), key=lambda entry: entry.path):
        if entry.name == NOTE:
            continue
        found = entry.stat()
        told.update(f"{entry.path} {found.st_ino} {found.st_size} {found.st_mtime_ns}\n".encode())
    return told.digest()


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder of `count` segments, cut off at `now_us`."""

    store: RecordingStore
    now_us: int
    count: int

    def repair(self, *, noted: bool, recovered: int) -> None:
        """Repairs, which finds so many segments, and again, which must find and change nothing."""
        name, goal = ("with the note", NOTED_SECONDS) if noted else ("without it", ALL_SECONDS)
        first = self._timed(name, goal, noted=noted)
        assert len(first.recovered) == recovered, first
        before = state(self.store.root)
        again = self._timed(f"{name}, again", goal, noted=noted)
        unchanged = again == Repaired(first.end_position, (), ())
        unchanged &= state(self.store.root) == before
        print(f"{name}, again: nothing changed {'holds' if unchanged else 'MISSED'}")

    def _timed(self, name: str, goal_seconds: float, *, noted: bool) -> Repaired:
        if not noted:
            (self.store.camera_path(CAMERA) / NOTE).unlink()
        began = time.perf_counter()
        done = repair(self.store, CAMERA, KEY, self.now_us)
        took = time.perf_counter() - began
        rate = "" if noted else f"{self.count / took:,.0f} files/s "
        verdict = "holds" if took <= goal_seconds else "MISSED"
        print(f"{name:20}{took:8.3f} s {rate}(goal: at most {goal_seconds:.0f} s) {verdict}")
        return done

    def look(self) -> None:
        began = time.perf_counter()
        sizes(self.store.root)
        took = time.perf_counter() - began
        print(f"{'sizes of files':20}{took:8.3f} s {self.count / took:,.0f} files/s, the yardstick")


def main() -> None:
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    count = (hours - 1) * SEGMENTS_AN_HOUR + LISTED + 2
    with tempfile.TemporaryDirectory(prefix="vms-repair-") as folder:
        store = RecordingStore(Path(folder))
        began = time.perf_counter()
        now_us = lay(store, hours)
        print(f"{count:,} segments laid down in {time.perf_counter() - began:.0f} s")
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
        bench = Bench(store, now_us, count)
        bench.repair(noted=True, recovered=2)
        bench.look()
        bench.repair(noted=False, recovered=0)


if __name__ == "__main__":
    main()
