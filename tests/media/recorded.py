"""Recording simulated cameras in tests, and playing what came of it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av

from media.clock import SystemClock
from media.network import CameraNetworks, CheckedAddresses
from media.pipeline import Backoff, CameraConfig, CameraPipeline, CameraWorld
from media.playlist import Playlist, render
from media.rtsp_url import parse_rtsp_url
from media.run import PacketConsumer
from media.source import Timeouts
from media.store import CameraFolder, Hour, RecordingStore
from media.types import CameraState, MediaChange, RunBegan, SegmentClosed, StatusChanged
from tests.clips import read_frame_number

NETWORKS = CameraNetworks(["127.0.0.0/8"])
CAMERA = CameraFolder("t1", "cam-gate.0123abcd")
KEY = uuid.UUID("0123abcd-0000-4000-8000-000000000000")
QUICK = Timeouts(open_s=1.5, read_s=1.0)
SOON = Backoff(first_s=0.1, longest_s=0.2, rare_first_s=0.2, rare_longest_s=0.2)
PATIENCE_S = 60.0

C = TypeVar("C", bound=MediaChange)


def place(url: str) -> CheckedAddresses:
    return NETWORKS.check(parse_rtsp_url(url))


def world(root: Path, hour_seconds: int = 3600, segment_seconds: float = 0.4) -> CameraWorld:
    store = RecordingStore(root, hour_seconds)
    return CameraWorld(store, NETWORKS, SystemClock(), QUICK, SOON, segment_seconds, 0.2)


class MovableClock(SystemClock):
    """The wall clock of a machine that somebody sets."""

    ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us


class Told:
    """What a pipeline told, in order; filled from its thread."""

    def __init__(self) -> None:
        self._changes: list[MediaChange] = []
        self._news = threading.Condition()

    def __call__(self, change: MediaChange) -> None:
        with self._news:
            self._changes.append(change)
            self._news.notify_all()

    @property
    def all(self) -> list[MediaChange]:
        with self._news:
            return list(self._changes)

    def of(self, kind: type[C]) -> list[C]:
        return [change for change in self.all if isinstance(change, kind)]

    @property
    def statuses(self) -> list[tuple[CameraState, str | None]]:
        """States and reasons, without repeats that only make the stream known better."""
        found: list[tuple[CameraState, str | None]] = []
        for change in self.of(StatusChanged):
            if not found or found[-1] != (change.state, change.reason):
                found.append((change.state, change.reason))
        return found

    def wait(self, holds: Callable[[list[MediaChange]], bool]) -> None:
        """Until the changes are as wanted; fails when that takes too long."""
        with self._news:
            if not self._news.wait_for(lambda: holds(self._changes), PATIENCE_S):
                raise AssertionError(f"in vain: {self._changes}")

    def wait_for_segments(self, count: int) -> None:
        self.wait(lambda all_: sum(isinstance(one, SegmentClosed) for one in all_) >= count)

    def wait_for_runs(self, count: int) -> None:
        self.wait(lambda all_: sum(isinstance(one, RunBegan) for one in all_) >= count)

    def wait_for_state(self, state: CameraState, since: int = 0) -> None:
        self.wait(
            lambda all_: any(
                isinstance(one, StatusChanged) and one.state is state for one in all_[since:]
            )
        )


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to run a camera, where it is not as usual."""

    record: bool = True
    consumer: PacketConsumer | None = None


@contextmanager
def running(
    camera_world: CameraWorld, url: str, told: Told, wishes: Wishes | None = None
) -> Iterator[CameraPipeline]:
    """A camera's pipeline, started, and stopped afterwards."""
    wishes = wishes or Wishes()
    config = CameraConfig(KEY, CAMERA.tenant_id, CAMERA.name, url, record=wishes.record)
    pipeline = CameraPipeline(config, camera_world, told, wishes.consumer)
    pipeline.start()
    try:
        yield pipeline
    finally:
        assert pipeline.stop(PATIENCE_S)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a playlist: ticks from the first one, and the number it carries."""

    ticks: int
    number: int


def hours(store: RecordingStore) -> list[Hour]:
    return [hour for date in store.dates(CAMERA) for hour in store.hours(CAMERA, date)]


def play(store: RecordingStore, hour: Hour) -> tuple[Playlist, list[Shown]]:
    """Decodes all of an hour, as FFmpeg plays its playlist."""
    found = store.playlist(CAMERA, hour)
    path = store.hour_path(CAMERA, hour) / "test.m3u8"
    path.write_text(render(found.segments, str, ended=True))
    with av.open(str(path)) as container:
        frames = [(frame.pts or 0, read_frame_number(frame)) for frame in container.decode(video=0)]
    path.unlink()
    return found, [Shown(pts - frames[0][0], number) for pts, number in frames]


def until(holds: Callable[[], bool]) -> None:
    """Fails when it does not come to hold."""
    ends_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_at, "in vain"
        time.sleep(0.02)
