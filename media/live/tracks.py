"""What one viewer is sent: pictures and sound, never more than is a second old."""

from __future__ import annotations

import asyncio
from collections import deque

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet
from av.stream import Stream

from media.clock import Clock
from media.live.feed import Unit

_OLDEST_US = 1_000_000
_BURST_STEP = 90
"""The GOP that a viewer begins with is to be shown at once, not at its own pace, or the viewer
would stay behind by its length: its pictures are stamped a millisecond apart."""
_BURST_BYTES_PER_SECOND = 12_500_000
"""100 Mbit/s: more at once than routers and sockets take is lost."""
_MOST_SOUNDS = 50


class _Queue:
    """Packets to be sent, oldest first; on the event loop alone."""

    def __init__(self) -> None:
        self.units: deque[tuple[int, Packet[Stream]]] = deque()
        self.arrived = asyncio.Event()

    def put(self, now_us: int, packet: Packet[Stream]) -> None:
        self.units.append((now_us, packet))
        self.arrived.set()

    async def next(self) -> Packet[Stream] | None:
        """None when there may be nothing more: look whether the track has ended."""
        if not self.units:
            self.arrived.clear()
            await self.arrived.wait()
        return self.units.popleft()[1] if self.units else None


class PictureTrack(MediaStreamTrack):
    """H.264 as the camera sent it. A viewer who does not keep up goes on at the next keyframe."""

    kind = "video"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._queue = _Queue()
        self._burst = 0
        self._needs_keyframe = True
        self.dropped = 0

    def begin(self, gop: list[Unit]) -> None:
        """The present GOP, first of all."""
        now_us = self._clock.monotonic_us()
        if gop:
            self._needs_keyframe = False
            last = gop[-1].packet.pts or 0
            for place, unit in enumerate(gop, start=1 - len(gop)):
                unit.packet.pts = unit.packet.dts = last + place * _BURST_STEP
                self._queue.put(now_us, unit.packet)
        self._burst = len(gop)

    def take(self, unit: Unit) -> None:
        now_us = self._clock.monotonic_us()
        waiting = self._queue.units
        if waiting and now_us - waiting[0][0] > _OLDEST_US:
            self.skip()
        if self._needs_keyframe and not unit.is_keyframe:
            self.dropped += 1
            return
        self._needs_keyframe = False
        self._queue.put(now_us, unit.packet)

    def skip(self) -> None:
        """What waits is left out, and all that comes until a keyframe."""
        self.dropped += len(self._queue.units)
        self._queue.units.clear()
        self._burst = 0
        self._needs_keyframe = True

    async def recv(self) -> Packet[Stream]:
        while self.readyState == "live":
            packet = await self._queue.next()
            if packet is None:
                continue
            if self._burst > 0:
                self._burst -= 1
                await asyncio.sleep(packet.size / _BURST_BYTES_PER_SECOND)
            return packet
        raise MediaStreamError

    def stop(self) -> None:
        super().stop()
        self._queue.arrived.set()


class SoundTrack(MediaStreamTrack):
    """G.711 or Opus as the camera sent it; of what a slow viewer has not got, the oldest goes."""

    kind = "audio"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._queue = _Queue()

    def take(self, unit: Unit) -> None:
        while len(self._queue.units) >= _MOST_SOUNDS:
            self._queue.units.popleft()
        self._queue.put(self._clock.monotonic_us(), unit.packet)

    async def recv(self) -> Packet[Stream]:
        while self.readyState == "live":
            packet = await self._queue.next()
            if packet is not None:
                return packet
        raise MediaStreamError

    def stop(self) -> None:
        super().stop()
        self._queue.arrived.set()
