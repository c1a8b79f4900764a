"""A fragment's decode time is its position; what is shown when stays as it was."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.boxes import BoxError, Fragment, read_fragment
from media.retiming import Reordering
from tests.media.fragments import FRAME, Sample, gop, moof, sound, traf, trun

DELAY = 2 * FRAME
DEEP = Reordering(DELAY)
# Decoded I P B B, shown I B B P; decode times are two frames ahead.
SHIFTS = [2 * FRAME, 4 * FRAME, FRAME, FRAME]
POSITION = 90_000


def reordered(shifts: Sequence[int]) -> bytes:
    """What the muxer makes of a GOP at POSITION whose packets are late."""
    samples = [Sample(shift=shift, is_key=number == 0) for number, shift in enumerate(shifts)]
    return moof(traf(DEEP.late(POSITION - DELAY), trun(samples, shifted=True)))


def decode_time(content: bytes) -> int:
    at = content.index(b"tfdt")
    (found,) = struct.unpack_from(">q", content, at + 8)
    return int(found)


def test_decode_and_presentation_times_begin_at_the_position() -> None:
    after = DEEP.settled(reordered(SHIFTS))

    assert decode_time(after) == POSITION
    assert len(after) == len(reordered(SHIFTS))
    assert read_fragment(after) == Fragment(
        POSITION, POSITION + 4 * FRAME, starts_with_keyframe=True
    )


def test_without_reordering_nothing_changes() -> None:
    plain = Reordering()

    assert plain.late(POSITION) == POSITION
    for content in (gop(7200)[0][0], sound(5)[0][0], moof(), moof(traf(9, trun([])))):
        assert plain.settled(content) is content


def test_an_open_gop_begins_with_its_leading_pictures() -> None:
    # The keyframe is decoded first and shown third.
    content = DEEP.settled(reordered([4 * FRAME, FRAME, FRAME, FRAME]))

    found = read_fragment(content)
    assert found is not None
    assert decode_time(content) == found.position == POSITION


def test_sound_beside_the_video_is_left_alone() -> None:
    beside = traf(48_000, trun([Sample(is_key=True)]), track=2)
    video = traf(DELAY, trun([Sample(shift=DELAY, is_key=True)], shifted=True))

    after = DEEP.settled(moof(video, beside))

    assert after.endswith(beside)
    assert DEEP.settled(sound(5)[0][0]) == sound(5)[0][0]


@given(st.data())
def test_a_damaged_index_is_an_error_and_nothing_worse(data: st.DataObject) -> None:
    head = bytearray(reordered(SHIFTS))
    for _ in range(data.draw(st.integers(1, 6))):
        head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))

    try:
        DEEP.settled(bytes(head))
    except BoxError:
        return


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_a_torn_index_is_an_error_or_nothing(cut: int) -> None:
    content = reordered(SHIFTS)[:-cut]

    try:
        assert DEEP.settled(content) == content
    except BoxError:
        return
