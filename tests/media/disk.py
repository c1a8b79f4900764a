"""A camera's footage on disk, recorded for real and left as a crash leaves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from media.playlist import Playlist
from media.repair import Repaired, repair
from media.segments import Recording, SegmentWriter
from media.store import CameraFolder, Hour, RecordingStore
from media.types import MediaChange, RunClock, SegmentClosed
from tests.media.fragments import FRAME, INIT, gop

CAMERA, KEY = CameraFolder("acme", "cam-front-01.0123abcd"), UUID(int=7)
RUN, NEXT_RUN = UUID(int=1), UUID(int=2)
START_US = 1_780_012_800_000_000
"""2026-05-29T00:00:00Z."""
HOUR, NEXT_HOUR = Hour("2026-05-29", "00"), Hour("2026-05-29", "01")
NOW_US = START_US + 60_000_000
GOP = 25 * FRAME


@dataclass
class Disk:
    """A camera's footage, recorded for real."""

    store: RecordingStore
    told: list[SegmentClosed] = field(default_factory=list)

    def record(self, gops: int, start: int = 0, run_id: UUID = RUN, at_us: int = START_US) -> None:
        """A run of one-second segments; the last stays a `.part`, as after a crash."""
        recording = Recording(self.store, CAMERA, KEY, segment_seconds=1.0)
        writer = SegmentWriter(recording, self.tell)
        writer.set_clock(RunClock(run_id, at_us, start), settled=True)
        for number in range(gops):
            writer.append(INIT, *gop(start + number * GOP))
        writer.abandon()

    def tell(self, change: MediaChange) -> None:
        assert isinstance(change, SegmentClosed)
        self.told.append(change)

    def folder(self, hour: Hour = HOUR) -> Path:
        return self.store.hour_path(CAMERA, hour)

    @property
    def part(self) -> Path:
        (found,) = self.folder().glob("*.part")
        return found

    def listed(self, hour: Hour = HOUR) -> Playlist:
        return self.store.playlist(CAMERA, hour)

    def repair(self, now_us: int = NOW_US) -> Repaired:
        return repair(self.store, CAMERA, KEY, now_us)

    def state(self) -> dict[str, bytes]:
        root = self.store.root
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }
