"""Detection on the caller's thread: every frame is looked at, at once, in the stream's order."""

from __future__ import annotations

import logging

import av

from media.detect.model_set import Eyes, ModelSet, Scalers, Sessions
from media.detect.pool import LaneCounts, Look, Receive
from media.types import MediaError

logger = logging.getLogger(__name__)


class InlinePool:
    """In the place of a `DetectorPool`, where the same frames must always give the same answers.

    No thread, and so no frame that is replaced by a newer one; used by one thread alone.
    """

    def __init__(self, models: ModelSet) -> None:
        self.models = models
        self._sessions = models.session()

    def lane(self, receive: Receive) -> InlineLane:
        return InlineLane(self._sessions, receive)


class InlineLane:
    """A camera's place: it has nothing waiting when `offer` returns."""

    idle = True

    def __init__(self, sessions: Sessions, receive: Receive) -> None:
        self._eyes, self._receive = Eyes(sessions, Scalers()), receive
        self._looked = self._failed = 0

    @property
    def counts(self) -> LaneCounts:
        offered = self._looked + self._failed
        return LaneCounts(offered, self._looked, 0, self._failed)

    def offer(self, look: Look) -> None:
        """Look at a frame and hand over what it shows; one that fails costs that frame, as live."""
        try:
            found = self._eyes.detect(look.frame, look.features)
        except (MediaError, av.FFmpegError) as error:
            self._failed += 1
            logger.warning("detection fails on a frame: %s", error)
            return
        self._looked += 1
        self._receive(look, found, self._eyes)

    def settle(self, timeout_s: float) -> bool:
        return True

    def close(self, timeout_s: float = 0.0) -> None:
        """There is nothing to give up."""
