"""What is followed in a camera's picture, frame by frame, as it is looked at.

It is told while somebody asks and kept nowhere here: who is slow loses frames.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Hashable

import msgspec

from media.types import DetectionFrame
from resolvers.access import Scope
from resolvers.broadcast import Broadcast, detections_of
from resolvers.cameras import camera_for
from resolvers.context import Context
from resolvers.fanout import Start
from resolvers.tail import Page, Step

log = logging.getLogger(__name__)

KEPT_FRAMES = 8
"""For who comes late to a frame that others have been given."""


class FollowedObject(msgspec.Struct, frozen=True, array_like=True):
    """Its box in 0..1 of the frame, origin top left. `track_id` is its events', None without."""

    x: float
    y: float
    w: float
    h: float
    label: str
    feature: str
    score: float
    track_id: int | None


class ShownFrame(msgspec.Struct, frozen=True, array_like=True):
    """A frame that was looked at; without objects where nothing is followed in it."""

    at_us: int
    width_px: int
    height_px: int
    objects: list[FollowedObject]


def shown(frame: DetectionFrame) -> ShownFrame:
    objects = [
        FollowedObject(
            x=round(box.x0, 4),
            y=round(box.y0, 4),
            w=round(box.x1 - box.x0, 4),
            h=round(box.y1 - box.y0, 4),
            label=each.detection.label,
            feature=each.detection.feature,
            score=round(each.detection.score, 3),
            track_id=each.track_id,
        )
        for each in frame.objects
        for box in [each.detection.box]
    ]
    return ShownFrame(frame.at_us, frame.width_px, frame.height_px, objects)


def words_of(frame: DetectionFrame) -> bytes:
    """As workers send it."""
    return msgspec.json.encode(shown(frame))


class LatestFrames:
    """The latest frames of one camera, heard once for all who follow it in a process.

    Places are moments of the monotonic clock, so that they grow also over its own ends.
    """

    def __init__(self, broadcast: Broadcast, topic: str) -> None:
        self._broadcast, self._topic = broadcast, topic
        self._frames: deque[Step[ShownFrame]] = deque(maxlen=KEPT_FRAMES)
        self._news = asyncio.Event()
        self._last = 0
        self._failure: BaseException | None = None

    async def run(self) -> None:
        async with self._broadcast.listen(self._topic) as listener:
            while True:
                for words in await listener.take():
                    self._keep(words)
                self._tell()

    def end(self, error: BaseException) -> None:
        self._failure = error
        self._tell()

    def _keep(self, words: bytes) -> None:
        try:
            frame = msgspec.json.decode(words, type=ShownFrame)
        except msgspec.DecodeError as error:  # a worker of another version
            log.warning("a frame of %s is left out: %s", self._topic, error)
            return
        self._last = max(self._last + 1, moment())
        self._frames.append(Step(self._last, frame))

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def behind(self, seen: int) -> Page[ShownFrame]:
        """Those of the latest frames that are behind a place, once there are some.

        Raises:
            Exception: what ended `run`.
        """
        while self._failure is None:
            if self._last > seen:
                steps = [step for step in self._frames if step.place > seen]
                return Page(steps, self._last, self._last)
            await self._news.wait()
        raise self._failure


class DetectionFeed:
    """A camera's frames for a caller who may see it live."""

    def __init__(self, ctx: Context, camera_id: str) -> None:
        self._ctx, self._camera_id = ctx, camera_id

    @property
    def key(self) -> Hashable:
        return "detections", self._camera_id

    async def start(self) -> Start[ShownFrame]:
        """From now on.

        Raises:
            ScopeMissing: without `live:read`.
            NotFound: no such camera in this tenant.
        """
        await camera_for(self._ctx, self._camera_id, Scope.LIVE_READ)
        return Start(moment(), live=True)

    async def pages(self, seen: int) -> AsyncGenerator[Page[ShownFrame], None]:
        """Frames behind a place, for ever; the latest alone for who takes them slowly."""
        world = self._ctx.world
        topic = detections_of(self._ctx.actor.tenant_id, self._camera_id)
        frames = world.following.frames
        async with frames.hold(topic, lambda: LatestFrames(world.broadcast, topic)) as latest:
            while True:
                page = await latest.behind(seen)
                yield page
                seen = page.reach


def moment() -> int:
    """A place that is behind all earlier ones of this process; microseconds."""
    return round(asyncio.get_running_loop().time() * 1_000_000)
