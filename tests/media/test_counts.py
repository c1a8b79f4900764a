"""What a camera has come to, told by its changes."""

from __future__ import annotations

from uuid import UUID

from media.counts import CameraCounts, Tally
from media.types import RunBegan, RunEnded, SegmentClosed

KEY, RUN = UUID(int=1), UUID(int=2)
SECOND = 1_000_000


def segment(start_us: int, end_us: int, size_bytes: int) -> SegmentClosed:
    return SegmentClosed(
        KEY, RUN, "2026-01-01", "00", "a.m4s", start_us, end_us, 0, 90_000, size_bytes
    )


def test_footage_is_summed_up_and_its_end_remembered() -> None:
    tally = Tally()
    tally.note(segment(10 * SECOND, 14 * SECOND, 700))
    tally.note(segment(2 * SECOND, 5 * SECOND, 300))  # found by repair
    assert tally.counts == CameraCounts(
        segments=2, recorded_bytes=1000, recorded_us=7 * SECOND, recorded_until_us=14 * SECOND
    )


def test_a_gap_lies_between_the_end_of_a_run_and_the_beginning_of_the_next() -> None:
    tally = Tally()
    tally.note(RunBegan(KEY, RUN, 1 * SECOND))
    tally.note(RunEnded(KEY, RUN, 5 * SECOND, "the camera hung up"))
    assert tally.counts.gap_us == 0
    tally.note(RunBegan(KEY, RUN, 8 * SECOND))
    tally.note(RunBegan(KEY, RUN, 20 * SECOND))
    assert tally.counts.gap_us == 3 * SECOND


def test_a_run_that_begins_before_the_last_one_ended_leaves_no_gap() -> None:
    tally = Tally()
    tally.note(RunEnded(KEY, RUN, 5 * SECOND, "the clock was set back"))
    tally.note(RunBegan(KEY, RUN, 4 * SECOND))
    assert tally.counts.gap_us == 0


def test_counts_that_were_handed_out_do_not_change() -> None:
    tally = Tally()
    tally.lose("stalled")
    before = tally.counts
    tally.lose("stalled")
    tally.lose("ended")
    assert before.lost == {"stalled": 1}
    assert tally.counts.lost == {"stalled": 2, "ended": 1}
