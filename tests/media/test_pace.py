"""How fast a camera can be looked at while the models have more to do than they can."""

from __future__ import annotations

import threading

import av

from media.clock import SystemClock
from media.pace import SLOWEST, Pace
from media.types import TICKS_PER_SECOND, Detection
from tests.clips import frame_coded
from tests.media.restamped import restamped
from tests.media.test_analysis import ANCHOR_US, CLIP, Timeline, rig, run_clock

PERIOD_US = 200_000


def test_a_camera_whose_frames_are_all_looked_at_is_not_slowed() -> None:
    pace = Pace(fps=5.0)
    for _ in range(1000):
        pace.note(0)
    assert pace.slowed == 1.0


def test_it_slows_down_while_frames_are_replaced_and_comes_back_when_none_is() -> None:
    pace = Pace(fps=5.0)
    for _ in range(8):
        pace.note(PERIOD_US)
    assert 4.0 < pace.slowed < 5.0
    for _ in range(200):
        pace.note(0)
    assert pace.slowed == 1.0


def test_it_is_never_slower_than_can_be_made_up_for() -> None:
    pace = Pace(fps=5.0)
    for _ in range(100):
        pace.note(PERIOD_US)
    assert pace.slowed == SLOWEST


def test_frames_that_the_network_brought_at_once_slow_nothing() -> None:
    pace = Pace(fps=5.0)
    for _ in range(100):
        pace.note(PERIOD_US // 4)
    assert pace.slowed == 1.0


def test_it_settles_where_one_frame_of_twenty_is_replaced() -> None:
    """Models that can look at two of the five frames a second that are due."""
    pace, replaced, came, looked_at = Pace(fps=5.0), 0, 0, 0.0
    owed, at = 0.0, 0.0
    for _ in range(5000):
        at += 0.2
        owed += 1 / pace.slowed
        if owed < 1:
            continue
        owed -= 1
        came += 1
        is_free = at - looked_at >= 0.5
        looked_at = at if is_free else looked_at
        replaced += not is_free
        pace.note(0 if is_free else PERIOD_US)
    assert 0.01 < replaced / came < 0.1
    assert 2.4 < 5000 / came < 3.1


class FrameClock(SystemClock):
    """Says the time of the frame that is being shown."""

    position = 0

    def now_us(self) -> int:
        return ANCHOR_US + self.position * 1_000_000 // TICKS_PER_SECOND


def test_frames_that_the_models_cannot_look_at_are_not_even_asked_for() -> None:
    busy, clock = threading.Event(), FrameClock()

    def waits(frame: av.VideoFrame) -> list[Detection]:
        busy.wait(30)
        return []

    clip = restamped(frame_coded(200, CLIP))
    with rig(waits, fps=25, clock=clock) as camera, clip as (stream, packets):
        camera.analysis.begin_run(stream, Timeline(run_clock()))
        for packet in packets:
            clock.position = packet.pts or 0
            camera.analysis.packet(packet)
        counts = camera.analysis.counts
        busy.set()

    assert counts.lane.offered + counts.left_out == 200
    assert counts.lane.dropped == counts.lane.offered - 2, "one is looked at, one waits"
    assert counts.lane.dropped < 40 < counts.left_out
