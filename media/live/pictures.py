"""Pictures of cameras as they are now: JPEGs of the newest keyframes, made when asked for."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from media.clock import Clock
from media.decoders import IN_PROCESS, Decoders
from media.live.feed import Keyframe, LiveFeed, LiveFeeds
from media.live.signals import LivePicture, LiveRefusal, LiveRefused
from media.snapshot import SnapshotError
from media.store import CameraFolder

log = logging.getLogger(__name__)

_EVERY_US = 1_000_000
_AT_ONCE = max(1, (os.cpu_count() or 1) // 4)
"""Pictures that are being made: recording needs the other cores."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of a keyframe, `since_us` (monotonic); `picture` is None where nothing did."""

    keyframe_us: int
    since_us: int
    picture: LivePicture | None


class LivePictures:
    """Of each camera one is made of a keyframe, and one a second; whoever asks meanwhile shares it.

    On the event loop; decoding takes place beside it.
    """

    def __init__(self, feeds: LiveFeeds, clock: Clock, decoders: Decoders = IN_PROCESS) -> None:
        self._feeds, self._clock, self._decoders = feeds, clock, decoders
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._made: WeakKeyDictionary[LiveFeed, _Made] = WeakKeyDictionary()
        self._making: dict[LiveFeed, asyncio.Task[LivePicture | None]] = {}
        self.count = 0
        """How many were made."""

    async def of(self, camera: CameraFolder) -> LivePicture:
        """Raises LiveRefused where nothing comes from the camera, or nothing that can be seen."""
        feed = self._feeds.find(camera)
        keyframe = None if feed is None else feed.newest_keyframe()
        if feed is None or keyframe is None:
            raise LiveRefused(LiveRefusal.CAMERA_NOT_LIVE, "no picture comes from the camera now")
        picture = await self._shared(feed, keyframe)
        if picture is None:
            raise LiveRefused(
                LiveRefusal.CAMERA_NOT_LIVE, "the camera's present picture can't be decoded"
            )
        return picture

    async def _shared(self, feed: LiveFeed, keyframe: Keyframe) -> LivePicture | None:
        made = self._made.get(feed)
        if made is not None and self._is_fresh(made, keyframe):
            return made.picture
        task = self._making.get(feed)
        if task is None:
            task = asyncio.create_task(self._make(feed, keyframe), name="live picture")
            self._making[feed] = task
            task.add_done_callback(lambda _: self._making.pop(feed))
        return await asyncio.shield(task)  # who asked first may leave: others wait for it too

    def _is_fresh(self, made: _Made, keyframe: Keyframe) -> bool:
        is_same = made.keyframe_us == keyframe.at_us
        return is_same or self._clock.monotonic_us() - made.since_us < _EVERY_US

    async def _make(self, feed: LiveFeed, keyframe: Keyframe) -> LivePicture | None:
        async with self._turn:
            since_us, picture = self._clock.monotonic_us(), None
            try:
                codec, content = keyframe.codec, keyframe.content
                jpeg = await asyncio.to_thread(self._decoders.still, codec, content)
                picture = LivePicture(jpeg, keyframe.at_us)
            except SnapshotError as error:
                log.warning("live picture: %s", error)
            self.count += 1
            self._made[feed] = _Made(keyframe.at_us, since_us, picture)
            return picture
