"""Live view in numbers."""

from __future__ import annotations

import asyncio

from app import metrics
from media.live.sessions import LiveCounts, LiveSessions


class LiveMeter:
    """Reads the sessions of a process when Prometheus asks."""

    def __init__(self, live: LiveSessions) -> None:
        self._live = live
        self._told = LiveCounts(0, 0, 0, 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Reads at each exposition, until `stop`, and a last time then."""
        with metrics.reading(self.read):
            await stop.wait()
        self.read()

    def read(self) -> None:
        """On any thread. Counts that are read while they change may fall back for a moment."""
        now, told = self._live.counts, self._told
        metrics.live_viewers.set(now.viewers)
        metrics.live_sessions.inc(max(0, now.begun - told.begun))
        metrics.live_frames_left_out.inc(max(0, now.left_out - told.left_out))
        metrics.live_pictures.inc(max(0, now.pictures - told.pictures))
        self._told = LiveCounts(
            now.viewers,
            max(now.begun, told.begun),
            max(now.left_out, told.left_out),
            max(now.pictures, told.pictures),
        )
