"""Pictures spread over recorded footage: which moments, and what is shown at them."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import pytest

from media.playlist import Segment
from media.recorded_packets import RecordedSegment, between, of_folder
from media.spread import Moment, pictures, spread
from tests.clips import Encoding, read_frame_number
from tests.media.recorded import CAMERA, play, world
from tests.media.test_recorded_packets import recorded

RUN = uuid.UUID(int=7)
SECOND_US, SECOND = 1_000_000, 90_000


def segment(begin_s: int, end_s: int) -> RecordedSegment:
    """Of a camera whose timeline began at 0 s of wall time."""
    name = f"{begin_s}.m4s"
    listed = Segment(RUN, name, "i", begin_s * SECOND_US, begin_s * SECOND, end_s * SECOND, 1)
    return RecordedSegment(listed, lambda _: io.BytesIO())


def positions_s(moments: list[Moment]) -> list[float]:
    return [each.position / SECOND for each in moments]


def test_moments_lie_at_equal_distances_over_what_is_recorded() -> None:
    segments = [segment(0, 4), segment(4, 6), segment(16, 20)]  # a gap of 10 s

    moments = spread(segments, 0, 20 * SECOND_US, 5)

    assert positions_s(moments) == [1, 3, 5, 17, 19]
    assert [each.segment for each in moments] == [segments[i] for i in (0, 0, 1, 2, 2)]


def test_only_what_is_in_the_interval_counts() -> None:
    segments = [segment(0, 4), segment(4, 8)]

    assert positions_s(spread(segments, 3 * SECOND_US, 5 * SECOND_US, 2)) == [3.5, 4.5]
    assert positions_s(spread(segments, 3 * SECOND_US, 90 * SECOND_US, 1)) == [5.5]


@pytest.mark.parametrize("segments", [[], [segment(0, 4)]], ids=["none", "before"])
def test_without_footage_there_are_no_moments(segments: list[RecordedSegment]) -> None:
    assert spread(segments, 4 * SECOND_US, 9 * SECOND_US, 3) == []


@pytest.mark.parametrize("bframes", [0, 2])
def test_each_moment_shows_the_frame_that_a_player_shows_there(
    tmp_path: Path, bframes: int
) -> None:
    folder, listed, hour = recorded(tmp_path, Encoding(fps=25, gop=10, bframes=bframes))
    shown = play(world(tmp_path).store, hour)[1]
    segments = of_folder(folder)
    first, last = listed.segments[0], listed.segments[-1]

    moments = spread(segments, first.start_us, last.end_us, 12)
    found = list(pictures(moments))

    numbers = {first.position + each.ticks: each.number for each in shown}
    for asked, got in zip(moments, found, strict=True):
        assert got.moment.position == max(each for each in numbers if each <= asked.position)
        assert read_frame_number(got.frame) == numbers[got.moment.position]
    again = [each.moment for each in pictures(each.moment for each in found)]
    assert again == [each.moment for each in found]


def test_a_frame_that_is_shown_at_several_moments_comes_once(tmp_path: Path) -> None:
    folder, listed, _ = recorded(tmp_path, Encoding(fps=25, gop=10), segments=2)
    first = listed.segments[0]

    frames = (first.end_position - first.position) * 25 // SECOND

    moments = spread(of_folder(folder), first.start_us, first.end_us, 4 * frames)
    found = list(pictures(moments))

    assert len(found) == len({each.moment.position for each in found}) == frames


def test_what_was_removed_since_is_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, listed, _ = recorded(tmp_path, Encoding(fps=25, gop=10))
    first, last = listed.segments[0], listed.segments[-1]
    store = world(tmp_path).store
    segments = between(store, CAMERA, first.start_us, last.end_us)
    moments = spread(segments, first.start_us, last.end_us, 2 * len(segments))
    gone = moments[0].segment.segment
    (folder / gone.name).unlink()

    found = list(pictures(moments))

    assert gone not in {each.moment.segment.segment for each in found}
    assert len(found) == sum(each.segment.segment != gone for each in moments)
    assert f"pictures are left out: {gone.name} is not there (any more)" in caplog.text
