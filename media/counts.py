"""What a camera has come to, as counts that only grow: for whoever watches over the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from media.types import MediaChange, RunBegan, RunEnded, SegmentClosed


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """Since the camera's thread was made.

    Attributes:
        frames, received_bytes: of video, as they came from the camera.
        segments, recorded_bytes, recorded_us: of footage that is whole on disk.
        gap_us: time between runs, where nothing was recorded; an open gap counts when it closes.
        lost: how often the camera had to be connected to again, or could not be reached, by why.
        recorded_until_us: wall time of the footage's end, None before the first segment.
    """

    frames: int = 0
    received_bytes: int = 0
    segments: int = 0
    recorded_bytes: int = 0
    recorded_us: int = 0
    gap_us: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    recorded_until_us: int | None = None


class Tally:
    """Counts as they grow: written by the camera's thread alone, read by any.

    Each is right by itself; two of them may be a packet apart.
    """

    def __init__(self) -> None:
        self.frames = self.received_bytes = 0
        self._segments = self._recorded_bytes = self._recorded_us = self._gap_us = 0
        self._lost: Mapping[str, int] = {}
        self._recorded_until_us: int | None = None
        self._ended_us: int | None = None

    def note(self, change: MediaChange) -> None:
        """What is told about recording, in order."""
        if isinstance(change, SegmentClosed):
            self._segments += 1
            self._recorded_bytes += change.size_bytes
            self._recorded_us += change.end_us - change.start_us
            self._recorded_until_us = max(change.end_us, self._recorded_until_us or 0)
        elif isinstance(change, RunEnded):
            self._ended_us = change.ended_at_us
        elif isinstance(change, RunBegan) and self._ended_us is not None:
            self._gap_us += max(0, change.started_at_us - self._ended_us)
            self._ended_us = None

    def lose(self, why: str) -> None:
        """A connection was lost, or could not be made."""
        self._lost = {**self._lost, why: self._lost.get(why, 0) + 1}

    @property
    def counts(self) -> CameraCounts:
        return CameraCounts(
            self.frames,
            self.received_bytes,
            self._segments,
            self._recorded_bytes,
            self._recorded_us,
            self._gap_us,
            self._lost,
            self._recorded_until_us,
        )
