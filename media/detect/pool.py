"""One inference pool for all cameras: the latest frame of each, in turn."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import av

from media.complaint import Complaint
from media.detect.model_set import Eyes, ModelSet, Scalers, Sessions
from media.types import Detection, MediaError, RunClock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """A frame to look at, kept whole until that is done.

    Attributes:
        position: on the camera's media timeline, in ticks.
        clock: of the frame's run; settled.
        recorded: whether that position is in a file.
        features: what is looked for in it.
        pixel_aspect: width of a pixel by its height; None where the stream does not say.
        sampled_us: wall time at which it was put here.
    """

    frame: av.VideoFrame
    position: int
    clock: RunClock
    recorded: bool
    features: frozenset[str]
    pixel_aspect: Fraction | None = None
    sampled_us: int = 0


Receive = Callable[[Look, Sequence[Detection], Eyes], None]
"""Is given a frame, what it shows, and what it can be looked at with further, for now alone."""


@dataclass(frozen=True, slots=True)
class LaneCounts:
    """Frames since the lane was opened: offered, looked at, replaced unread, and failed on."""

    offered: int = 0
    looked: int = 0
    dropped: int = 0
    failed: int = 0


class Place(Protocol):
    """Where one camera offers its frames: a `Lane`, or what looks at them in another way."""

    @property
    def idle(self) -> bool: ...

    @property
    def counts(self) -> LaneCounts: ...

    def offer(self, look: Look) -> Look | None: ...

    def settle(self, timeout_s: float) -> bool: ...

    def close(self) -> None: ...


class Places(Protocol):
    """Looks at frames with these models, and hands what they show to each place's `receive`."""

    models: ModelSet

    def lane(self, receive: Receive) -> Place: ...


class Lane:
    """A camera's place in the pool: a slot of one frame, and at most one frame being looked at.

    The camera's thread calls `offer`, `settle` and `close`; a thread of the pool calls `receive`,
    one call at a time, in the order of the frames.
    """

    def __init__(self, changed: threading.Condition, receive: Receive) -> None:
        self._changed = changed
        self._receive = receive
        self._scalers = Scalers()
        self._waiting: Look | None = None
        self._busy = False
        self._offered = self._looked = self._dropped = self._failed = 0
        self.closed = False

    def offer(self, look: Look) -> Look | None:
        """Put a frame into the slot; it replaces one, returned, that nobody has begun to look at.

        What was to be looked for in that one is looked for in this one.
        """
        with self._changed:
            if self.closed:
                return None
            self._offered += 1
            replaced = self._waiting
            if replaced is not None:
                self._dropped += 1
                look = replace(look, features=look.features | replaced.features)
            self._waiting = look
            self._changed.notify_all()
            return replaced

    @property
    def counts(self) -> LaneCounts:
        with self._changed:
            return LaneCounts(self._offered, self._looked, self._dropped, self._failed)

    @property
    def idle(self) -> bool:
        """Whether every frame offered has been dealt with."""
        return self._waiting is None and not self._busy

    def settle(self, timeout_s: float) -> bool:
        """Wait until every frame offered has been dealt with; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self.idle, timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Take no more frames and forget the waiting one.

        No result comes after this, unless one frame is looked at for longer than `timeout_s`.
        """
        with self._changed:
            self.closed, self._waiting = True, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy, timeout_s)

    def take(self) -> Look | None:
        """Begin to look at the waiting frame, if there is one and none is being looked at.

        The caller holds the pool's condition.
        """
        if self._busy or self._waiting is None:
            return None
        taken, self._waiting, self._busy = self._waiting, None, True
        return taken

    def work(self, sessions: Sessions, look: Look) -> None:
        """See what a taken frame shows and hand it over; on a thread of the pool."""
        done = False
        eyes = Eyes(sessions, self._scalers)
        try:
            self._receive(look, eyes.detect(look.frame, look.features), eyes)
            done = True
        finally:
            with self._changed:
                self._busy = False
                self._looked += done
                self._failed += not done
                self._changed.notify_all()


class DetectorPool:
    """Threads of which each takes the next camera in turn.

    They are one more than the device likes requests at once: while one scales, tracks and tells,
    the device is busy with the others (73 looks a second instead of 70 on two cores).
    """

    def __init__(self, models: ModelSet) -> None:
        self.models = models
        self._changed = threading.Condition()
        self._lanes: list[Lane] = []
        self._closed = False
        self._complaint = Complaint(logger, "detection fails: %s")
        self._threads = [
            threading.Thread(target=self._run, args=(models.session(),), name=f"detect-{number}")
            for number in range(models.parallel + 1)
        ]
        for thread in self._threads:
            thread.daemon = True  # a device that hangs must not keep the process from ending
            thread.start()

    def lane(self, receive: Receive) -> Lane:
        """A place for one more camera; the caller closes it."""
        lane = Lane(self._changed, receive)
        with self._changed:
            lane.closed = self._closed
            self._lanes.append(lane)
        return lane

    def close(self, timeout_s: float = 5.0) -> None:
        """Close every lane and end the threads."""
        with self._changed:
            lanes = list(self._lanes)
            self._closed = True
        for lane in lanes:
            lane.close(timeout_s)
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self, sessions: Sessions) -> None:
        """A thread of the pool: nothing that one frame does may end it."""
        while (taken := self._next()) is not None:
            lane, look = taken
            try:
                lane.work(sessions, look)
            except (MediaError, av.FFmpegError) as error:
                self._complaint.say(error)
            except Exception:
                logger.exception("detection failed on a frame")

    def _next(self) -> tuple[Lane, Look] | None:
        """The next camera's frame, once there is one; None when the pool closes."""
        with self._changed:
            while not self._closed:
                self._lanes = [lane for lane in self._lanes if not lane.closed]
                for lane in self._lanes:
                    look = lane.take()
                    if look is not None:
                        self._lanes.remove(lane)
                        self._lanes.append(lane)
                        return lane, look
                self._changed.wait()
            return None
