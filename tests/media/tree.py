"""A camera's folder with a little in it, for tests that need no real footage."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from media.playlist import Playlist, Segment, dump
from media.store import CameraFolder, Hour, RecordingStore

CAMERA = CameraFolder("acme", "cam-front-01.0123abcd")
HOUR = Hour("2026-05-29", "23")
FILE = "235959_999.m4s"
TICKS = 90_000
DAY_US = 86_400_000_000
START_US = 1_780_012_800_000_000
"""2026-05-29T00:00:00Z."""


def lay_down(store: RecordingStore, hour: Hour, *segments: Segment, ended: bool = False) -> Path:
    folder = store.make_hour(CAMERA, hour)
    (folder / FILE).write_bytes(b"footage")
    (folder / "index.m3u8").write_text(dump(Playlist(segments, ended)))
    return folder


def segment(start_us: int, position: int, seconds: float = 4.0) -> Segment:
    end = position + round(seconds * TICKS)
    return Segment(UUID(int=1), FILE, "init-0123456789.mp4", start_us, position, end, 7)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
