"""Tells whoever listens what is followed in the cameras' pictures, frame by frame."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field

from media.bridge import Bridge
from media.types import DetectionFrame
from models.tasks import end
from resolvers.broadcast import Broadcast
from resolvers.detections import words_of

ASK_SECONDS = 1.0
"""A topic that nobody listens to is tried so often: that is how long boxes may take to begin."""


@dataclass(slots=True)
class DetectionTeller:
    """The latest frame of each camera on its way from detection's threads to Redis.

    A frame that is not sent yet is replaced by the next: what is kept is a frame a camera.
    """

    broadcast: Broadcast
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[str, DetectionFrame] = field(default_factory=dict)
    _quiet_until: dict[str, float] = field(default_factory=dict)
    _bridge: Bridge | None = None

    def tell(self, topic: str, frame: DetectionFrame) -> None:
        """From any thread; returns at once."""
        bridge = self._bridge
        if bridge is None or time.monotonic() < self._quiet_until.get(topic, 0.0):
            return
        with self._lock:
            self._waiting[topic] = frame
        bridge.ring()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        self._bridge = Bridge(asyncio.get_running_loop())
        sending = asyncio.create_task(self._send_all(self._bridge), name="detection-frames")
        try:
            await stop.wait()
        finally:
            self._bridge = None
            await end(sending)

    async def _send_all(self, bridge: Bridge) -> None:
        while True:
            for topic, frame in self._take().items():
                await self._send(topic, frame)
            await bridge.heard(ASK_SECONDS)

    def _take(self) -> dict[str, DetectionFrame]:
        with self._lock:
            taken, self._waiting = self._waiting, {}
        return taken

    async def _send(self, topic: str, frame: DetectionFrame) -> None:
        if await self.broadcast.send(topic, words_of(frame)):
            self._quiet_until.pop(topic, None)
        else:
            self._quiet_until[topic] = time.monotonic() + ASK_SECONDS
