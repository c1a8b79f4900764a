"""A run is tied to wall time by the frames that came at once; drift shows in all frames."""

from __future__ import annotations

import pytest

from media.anchor import DRIFT_US, DRIFT_WINDOW_US, SETTLE_US, Anchor, Drift

WALL_US = 1_780_000_000_000_000
FRAME = 3600
FRAME_US = 40_000


class HandClock:
    """A clock that goes when told, and whose wall time can be set."""

    def __init__(self) -> None:
        self.wall_us = WALL_US
        self.passed_us = 5_000_000

    def now_us(self) -> int:
        return self.wall_us

    def monotonic_us(self) -> int:
        return self.passed_us

    def go(self, us: int) -> None:
        self.wall_us += us
        self.passed_us += us


def test_the_frame_that_waited_least_tells_when_the_run_began() -> None:
    clock = HandClock()
    anchor = Anchor(clock)
    delays_us = [900_000, 500_000, 20_000, 300_000]

    for number, delay_us in enumerate(delays_us):
        anchor.saw(clock.passed_us + number * FRAME_US + delay_us, number * FRAME)

    assert anchor.wall_us() == WALL_US + 20_000


def test_setting_the_machine_s_clock_meanwhile_does_no_harm() -> None:
    clock = HandClock()
    anchor = Anchor(clock)
    anchor.saw(clock.monotonic_us(), 0)
    clock.go(500_000)
    clock.wall_us += 3_600_000_000

    assert anchor.wall_us() == WALL_US + 3_600_000_000


def test_a_second_is_enough() -> None:
    anchor = Anchor(HandClock())

    assert not anchor.saw(7_000_000, 0)
    assert not anchor.saw(7_000_000 + SETTLE_US - 1, 90_000)
    assert anchor.saw(7_000_000 + SETTLE_US, 90_000)


def run(drift: Drift, clock: HandClock, seconds: int, late_us: int) -> None:
    for _ in range(seconds):
        clock.go(1_000_000)
        drift.saw(clock.wall_us - late_us)


def test_frames_in_time_are_no_drift() -> None:
    clock = HandClock()
    drift = Drift(clock)

    run(drift, clock, 60, 100_000)

    assert drift.found_us is None


def test_a_network_that_was_stalled_is_no_drift() -> None:
    clock = HandClock()
    drift = Drift(clock)

    run(drift, clock, 25, 0)
    run(drift, clock, 8, 5_000_000)
    run(drift, clock, 25, 0)

    assert drift.found_us is None


@pytest.mark.parametrize("late_us", [DRIFT_US + 1, 60_000_000])
def test_frames_that_are_all_late_are_drift(late_us: int) -> None:
    clock = HandClock()
    drift = Drift(clock)

    run(drift, clock, 2 * DRIFT_WINDOW_US // 1_000_000 + 1, late_us)

    assert drift.found_us == late_us


def test_frames_from_the_future_are_drift_at_once() -> None:
    clock = HandClock()
    drift = Drift(clock)

    run(drift, clock, 1, -DRIFT_US)
    assert drift.found_us is None
    run(drift, clock, 1, -DRIFT_US - 1)

    assert drift.found_us == -DRIFT_US - 1
