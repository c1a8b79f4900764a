"""How fast a camera can be looked at while the models have more to do than they can."""

from __future__ import annotations

from media.pace import SLOWEST, Pace

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
