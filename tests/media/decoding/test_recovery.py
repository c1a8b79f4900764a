"""When a decoder is started again."""

from __future__ import annotations

import itertools

from media.decoding.recovery import Recovery
from tests.media.decoding.rig import LeapingClock


class StandingClock(LeapingClock):
    def monotonic_us(self) -> int:
        return self.ahead_us


def test_waits_grow_to_a_minute() -> None:
    clock = StandingClock()
    recovery = Recovery(clock)
    waits, resting = [], []
    for _ in range(9):
        recovery.begin()
        waits.append(recovery.lose())
        clock.ahead_us += round(waits[-1] * 1_000_000) - 1
        resting.append(recovery.is_over)
        clock.ahead_us += 1
        resting.append(recovery.is_over)

    assert resting == [False, True] * 9
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_decoder_that_lived_for_a_minute_was_well() -> None:
    clock = StandingClock()
    recovery = Recovery(clock)
    for lived_us, wait_s in itertools.product([0], [1, 2, 4]):
        recovery.begin()
        clock.ahead_us += lived_us
        assert recovery.lose() == wait_s
    recovery.begin()
    clock.ahead_us += 60_000_000

    assert recovery.lose() == 1
