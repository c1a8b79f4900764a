"""The inference pool: the latest frame of each camera, in turn."""

import logging
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import av
import pytest

from media.detect.model_set import Eyes, ModelSet
from media.detect.pool import DetectorPool, LaneCounts, Look
from media.types import Detection, ModelShapeError, RunClock
from tests.media.detect.scripted import ScriptedModel
from tests.media.detect.tiny import grey

CLOCK = RunClock(uuid.UUID(int=1), 0, 0)
FEATURES = frozenset({"person"})


def look(position: int) -> Look:
    return Look(grey(position % 256), position, CLOCK, recorded=True, features=FEATURES)


def nothing(frame: av.VideoFrame) -> Sequence[Detection]:
    return ()


@contextmanager
def pool_of(model: ScriptedModel) -> Iterator[DetectorPool]:
    pool = DetectorPool(ModelSet.of(model))
    try:
        yield pool
    finally:
        model.gate.set()
        pool.close()


class Seen:
    """What a camera's lane delivered, by position."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.threads: set[str] = set()

    def __call__(self, look: Look, detections: Sequence[Detection], _: Eyes) -> None:
        self.positions.append(look.position)
        self.threads.add(threading.current_thread().name)


@dataclass
class Named:
    """Notes down whose frame was looked at."""

    name: str
    order: list[str]

    def __call__(self, look: Look, detections: Sequence[Detection], _: Eyes) -> None:
        self.order.append(self.name)


def test_every_frame_is_looked_at_when_there_is_time() -> None:
    seen = Seen()
    with pool_of(ScriptedModel(nothing)) as pool:
        lane = pool.lane(seen)
        for position in range(5):
            lane.offer(look(position))
            assert lane.settle(10)
        counts = lane.counts

    assert seen.positions == [0, 1, 2, 3, 4]
    assert counts == LaneCounts(offered=5, looked=5)
    assert all(name.startswith("detect-") for name in seen.threads)


def test_a_newer_frame_replaces_one_that_nobody_began_to_look_at() -> None:
    seen = Seen()
    model = ScriptedModel(nothing)
    with pool_of(model) as pool:
        lane = pool.lane(seen)
        model.gate.clear()
        lane.offer(look(0))
        assert model.waiting.acquire(timeout=10)
        for position in (1, 2, 3):
            lane.offer(look(position))
        model.gate.set()
        assert lane.settle(10)
        counts = lane.counts

    assert seen.positions == [0, 3]
    assert counts == LaneCounts(offered=4, looked=2, dropped=2)


def test_one_camera_has_at_most_one_frame_in_flight() -> None:
    seen = Seen()
    model = ScriptedModel(nothing, parallel=3)
    with pool_of(model) as pool:
        lane = pool.lane(seen)
        model.gate.clear()
        lane.offer(look(0))
        assert model.waiting.acquire(timeout=10)
        lane.offer(look(1))
        assert not model.waiting.acquire(timeout=0.05)
        model.gate.set()
        assert lane.settle(10)

    assert seen.positions == [0, 1]


def test_a_camera_that_offers_more_is_not_served_more() -> None:
    order: list[str] = []
    model = ScriptedModel(nothing)
    with pool_of(model) as pool:
        lanes = {name: pool.lane(Named(name, order)) for name in "abc"}
        for turn in range(3):
            model.gate.clear()
            lanes["a"].offer(look(turn))
            assert model.waiting.acquire(timeout=10)
            for name in "abc":
                for position in range(5 if name == "a" else 1):
                    lanes[name].offer(look(position))
            model.gate.set()
            assert all(lane.settle(10) for lane in lanes.values())
            while model.waiting.acquire(blocking=False):
                pass

    assert [order.count(name) for name in "abc"] == [6, 3, 3]
    assert sorted(order[:4]) == ["a", "a", "b", "c"], "two are looked at at once"


def test_a_model_that_fails_is_said_once_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(frame: av.VideoFrame) -> Sequence[Detection]:
        if frame.pts == 0:
            raise ModelShapeError("model tiny (ssd): want another shape")
        return ()

    seen = Seen()
    with caplog.at_level(logging.ERROR), pool_of(ScriptedModel(fail)) as pool:
        lane = pool.lane(seen)
        for position in range(4):
            offered = look(position)
            offered.frame.pts = min(position // 3, 1)
            lane.offer(offered)
            assert lane.settle(10)
        counts = lane.counts

    assert seen.positions == [3]
    assert counts == LaneCounts(offered=4, looked=1, failed=3)
    assert caplog.text.count("model tiny (ssd)") == 1


def test_a_fault_in_the_receiver_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()

    def receive(look: Look, detections: Sequence[Detection], eyes: Eyes) -> None:
        seen(look, detections, eyes)
        raise KeyError("a bug")

    with pool_of(ScriptedModel(nothing)) as pool:
        lane = pool.lane(receive)
        for position in range(2):
            lane.offer(look(position))
            assert lane.settle(10)

    assert seen.positions == [0, 1]
    assert "a bug" in caplog.text


def test_a_closed_lane_forgets_its_frame_and_takes_no_more() -> None:
    seen = Seen()
    model = ScriptedModel(nothing)
    with pool_of(model) as pool:
        lane, other = pool.lane(seen), pool.lane(Seen())
        model.gate.clear()
        other.offer(look(0))
        assert model.waiting.acquire(timeout=10)
        lane.offer(look(0))
        lane.close()
        model.gate.set()
        lane.offer(look(1))
        assert lane.settle(10)
        assert other.settle(10)

    assert seen.positions == []


def test_closing_waits_for_the_frame_in_flight() -> None:
    seen = Seen()
    model = ScriptedModel(nothing)
    with pool_of(model) as pool:
        lane = pool.lane(seen)
        model.gate.clear()
        lane.offer(look(0))
        assert model.waiting.acquire(timeout=10)
        threading.Timer(0.05, model.gate.set).start()
        lane.close()

        assert seen.positions == [0]


def test_a_closed_pool_has_no_threads_left() -> None:
    before = threading.active_count()
    with pool_of(ScriptedModel(nothing, parallel=3)) as pool:
        pool.lane(Seen())
        assert threading.active_count() == before + 4

    assert threading.active_count() == before
    assert pool.lane(Seen()).closed
