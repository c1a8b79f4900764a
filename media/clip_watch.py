"""Watches what clips of one camera show: embeddings of frames in, steps of events out.

The newest frames are a clip; it is classified each time half of it is new. An action counts once
two clips in a row are sure enough, as a single one may be a hug, and lasts until none of the last
seconds showed it: breaks in a fight make no second event.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from media.detect.actions import Embedding
from media.detect.description import ClipDescription, Thresholds
from media.detect.model_set import Eyes, ModelSet
from media.detect.pool import Look
from media.eventing import Began, Ended, EventIds, Step
from media.tracker import Track
from media.types import TICKS_PER_SECOND, Box, Detection

logger = logging.getLogger(__name__)

LONGEST = 4.0
"""A clip that took more than so many times its seconds, as frames were slow to come, is none."""
CALM_S = 10.0
"""An action that no clip has shown for this long is over, and may then begin another event."""
IN_A_ROW = 2

WHOLE_FRAME = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(slots=True)
class _Open:
    """An event that lasts: when a clip showed it last."""

    ids: EventIds
    shown_at: int


class ClipWatch:
    """One feature's clips; positions grow from call to call within a run.

    Its events' tracks have keys below 0, which no object has. `lags`: something moves, but frames
    come too slowly to make a clip.
    """

    def __init__(
        self,
        feature: str,
        clip: ClipDescription,
        thresholds: Thresholds,
        new_ids: Callable[[], EventIds],
    ) -> None:
        self.feature = feature
        self._thresholds, self._new_ids = thresholds, new_ids
        self._frames: deque[tuple[int, Embedding]] = deque(maxlen=clip.frames)
        self._longest = round(LONGEST * clip.seconds * TICKS_PER_SECOND)
        self._step = max(1, clip.frames // 2)
        self._new = self._sure = self._count = 0
        self._open: _Open | None = None
        self.lags = False

    def take(self, frame: Embedding, position: int) -> list[Embedding] | None:
        """One more frame; the clip, where it is time to classify it."""
        self._frames.append((position, frame))
        self._new += 1
        is_full = len(self._frames) == self._frames.maxlen
        if not is_full or self._new < self._step:
            return None
        if position - self._frames[0][0] > self._longest:
            self.lags = self._moves()
            return None
        self._new, self.lags = 0, False
        return [each for _, each in self._frames]

    def _moves(self) -> bool:
        """Whether frames come as they do where something moves, though slowly; not one a second."""
        places = [position for position, _ in self._frames]
        return all(b - a < TICKS_PER_SECOND for a, b in itertools.pairwise(places))

    def judge(self, score: float, position: int) -> list[Step]:
        """What the clip that ends at `position` begins: `score` is how sure the model is of it."""
        self._sure = self._sure + 1 if score >= self._thresholds.begin else 0
        if self._open is not None:
            if score >= self._thresholds.track:
                self._open.shown_at = position
            return []
        if self._sure < IN_A_ROW:
            return []
        self._count += 1
        self._open = _Open(self._new_ids(), position)
        seen = Detection(self.feature, self.feature, score, WHOLE_FRAME)
        track = Track(-self._count, seen, position, position, self._sure, False, score)
        return [Began(self._open.ids, track)]

    def calm(self, position: int) -> list[Step]:
        """What is over at `position`."""
        last = self._open
        if last is None or position - last.shown_at < round(CALM_S * TICKS_PER_SECOND):
            return []
        return [*self.end()]

    def end(self) -> list[Ended]:
        """What lasts ends, as the run is over. The watch starts anew."""
        last, self._open = self._open, None
        self._frames.clear()
        self._new = self._sure = 0
        return [] if last is None else [Ended(last.ids, last.shown_at)]


class ClipWatches:
    """Those of the features of one camera that clips show.

    `look` is called on a thread of the pool, one frame at a time; `end` on the camera's thread.
    """

    def __init__(
        self,
        camera_key: UUID,
        models: ModelSet,
        features: frozenset[str],
        new_ids: Callable[[], EventIds],
    ) -> None:
        self._camera_key = camera_key
        self._lagging: set[str] = set()
        found = {name: each for name, each in models.classified.items() if name in features}
        self._lock = threading.Lock()
        self._watches = [
            ClipWatch(name, each.clip, each.description.thresholds, new_ids)
            for name, each in found.items()
        ]
        self.features = frozenset(found)
        self.fps = max((each.clip.frames / each.clip.seconds for each in found.values()), default=0)

    def look(self, look: Look, eyes: Eyes) -> list[Step]:
        """What ends and begins with a frame; raises as `Eyes` does."""
        steps: list[Step] = []
        for watch in self._watches:
            if watch.feature not in look.features:
                continue
            frame = eyes.encode(watch.feature, look.frame)
            with self._lock:
                steps += watch.calm(look.position)
                clip = watch.take(frame, look.position)
                self._say(watch)
            if clip is not None:
                score = eyes.classify(watch.feature, clip)
                with self._lock:
                    steps += watch.judge(score, look.position)
        return steps

    def _say(self, watch: ClipWatch) -> None:
        """What is switched on and sees nothing says so, once until it sees again."""
        if watch.lags and watch.feature not in self._lagging:
            logger.warning(
                "camera %s: %s: frames come too slowly to judge what they show: "
                "the camera sends few, or this worker has more to do than it can",
                self._camera_key,
                watch.feature,
            )
        (self._lagging.add if watch.lags else self._lagging.discard)(watch.feature)

    def end(self) -> list[Ended]:
        with self._lock:
            return [step for watch in self._watches for step in watch.end()]
