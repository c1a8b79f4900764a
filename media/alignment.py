"""Where a picture of a camera's substream lies among the recorded frames of its main stream."""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass

from av.packet import Packet
from av.stream import Stream

from media.camera_time import camera_us
from media.timeline import RunTimeline
from media.types import TICKS_PER_SECOND, RunClock

_KEPT = 512
"""Positions of frames that are remembered: of 17 s at 30 frames a second."""
_LARGEST_LAG_US = 2_000_000
"""The streams of one camera don't come further apart: then their reports are of two clocks."""


@dataclass(frozen=True, slots=True)
class CameraMoment:
    """A frame's position in its run, and what the camera's clock said when it was taken."""

    position: int
    camera_us: int

    def ahead_us(self, clock: RunClock) -> int:
        """How far the camera's clock is ahead of the run's; the stream's lag is in it."""
        return self.camera_us - clock.at_us(self.position)


def camera_moment(packet: Packet[Stream]) -> CameraMoment | None:
    """Of a stamped packet; None where the camera does not tell."""
    at_us = camera_us(packet)
    return None if at_us is None or packet.pts is None else CameraMoment(packet.pts, at_us)


class MainRun:
    """A run of the main stream, as the thread of the substream may see it.

    `add` is for the thread of the main stream, the rest for any.
    """

    def __init__(self, timeline: RunTimeline) -> None:
        self.timeline = timeline
        self._lock = threading.Lock()
        self._frames: list[int] = []
        self._decoded_until = -1
        self._moment: CameraMoment | None = None

    def add(self, packet: Packet[Stream]) -> None:
        """A frame of the run; pts and dts are positions."""
        moment = camera_moment(packet) if packet.is_keyframe else None
        with self._lock:
            bisect.insort(self._frames, packet.pts or 0)
            if len(self._frames) > _KEPT:
                del self._frames[: _KEPT // 2]
            self._decoded_until = packet.dts or 0
            self._moment = moment or self._moment

    def nearest(self, at_us: int) -> int | None:
        """The frame that was shown at a wall time, or nearest to it.

        None as long as the clock has not settled, or frames up to there have not come: no frame is
        shown before it is decoded, so those up to a decode time are known.
        """
        clock = self.timeline.clock
        if clock is None:
            return None
        ticks = (at_us - clock.anchor_us) * TICKS_PER_SECOND // 1_000_000
        position = clock.start_position + ticks
        with self._lock:
            if self._decoded_until < position:
                return None
            after = bisect.bisect_left(self._frames, position)
            around = self._frames[max(0, after - 1) : after + 1]
        return min(around, key=lambda frame: abs(frame - position))

    def lag_us(self, clock: RunClock, moment: CameraMoment | None) -> int:
        """How much later than this stream another one comes, by the camera's own clock.

        `clock` and `moment` are the other's. 0 where the camera does not tell of both, or tells
        what can't be: then both are taken to come equally late.
        """
        with self._lock:
            own = self._moment
        settled = self.timeline.clock
        if own is None or moment is None or settled is None:
            return 0
        lag_us = own.ahead_us(settled) - moment.ahead_us(clock)
        return lag_us if abs(lag_us) <= _LARGEST_LAG_US else 0
