"""Changes with an owner, always the same, for tests of the spool."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.spool_files import Owned
from media.types import CameraState, SegmentClosed, StatusChanged, StreamInfo
from tests.world import beginning

KEY, RUN = UUID(int=1), UUID(int=2)
AT = 1_780_000_000_000_000


def event(number: int) -> Owned:
    change = beginning(KEY, AT + number, event_id=f"evt-{number}")
    return Owned("default", "cam-a", replace(change, trace_id=UUID(int=number)))


def segment(number: int) -> Owned:
    times = (AT + number, AT + number + 1, number, number + 1)
    change = SegmentClosed(KEY, RUN, "2026-05-29", "12", f"{number}.m4s", *times, 1000)
    return Owned("default", "cam-a", change)


def state(reason: str | None) -> Owned:
    stream = StreamInfo("h264", 1920, 1080, 25.0, None)
    return Owned("acme", "cam-b", StatusChanged(KEY, CameraState.ERROR, reason, AT, stream))
