"""Looking at frames on the caller's thread: all of them, in order."""

import threading
import uuid
from collections.abc import Sequence

import av

from media.detect.inline import InlinePool
from media.detect.model_set import Eyes, ModelSet
from media.detect.pool import LaneCounts, Look
from media.types import Detection, ModelShapeError, RunClock
from tests.media.detect.scripted import ScriptedModel
from tests.media.detect.tiny import grey

CLOCK = RunClock(uuid.UUID(int=1), 0, 0)
FEATURES = frozenset({"person"})


def test_every_frame_is_looked_at_at_once_and_one_that_fails_costs_itself_alone() -> None:
    received: list[tuple[int, int]] = []

    def see(frame: av.VideoFrame) -> Sequence[Detection]:
        if frame.pts == 2:
            raise ModelShapeError("model tiny: odd")
        return ()

    def receive(look: Look, detections: Sequence[Detection], _: Eyes) -> None:
        received.append((look.position, threading.get_ident()))

    lane = InlinePool(ModelSet.of(ScriptedModel(see))).lane(receive)
    for position in range(4):
        frame = grey(position)
        frame.pts = position
        lane.offer(Look(frame, position, CLOCK, recorded=True, features=FEATURES))
        assert lane.idle

    assert received == [(position, threading.get_ident()) for position in (0, 1, 3)]
    assert lane.counts == LaneCounts(offered=4, looked=3, dropped=0, failed=1)
    assert lane.settle(0)
