"""Decode times follow from the times at which pictures are shown."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from av.packet import Packet
from av.stream import Stream

from media.decode_times import (
    DecodeTimes,
    rebuild_decode_times,
    rebuild_shown_times,
    reordering_depth,
)

PLAIN = [0, 1, 2, 3, 4, 5]
TWO_BETWEEN = [0, 3, 1, 2, 6, 4, 5]
PYRAMID = [0, 4, 2, 1, 3, 8, 6, 5, 7]


def packets(shown: Sequence[int | None], decoded: int | None = None) -> list[Packet[Stream]]:
    """`decoded`: FFmpeg's dts of the last."""
    made = []
    for pts in shown:
        packet: Packet[Stream] = Packet()
        packet.pts = pts
        made.append(packet)
    made[-1].dts = decoded
    return made


@pytest.mark.parametrize(
    ("shown", "depth"), [(PLAIN, 0), (TWO_BETWEEN, 1), (PYRAMID, 2)], ids=["plain", "two", "deep"]
)
def test_as_many_wait_as_are_decoded_before_one_shown_earlier(shown: list[int], depth: int) -> None:
    assert reordering_depth(packets(shown)) == depth
    times = DecodeTimes(depth)
    decoded = [times.of(pts) for pts in shown]
    assert decoded == [None] * depth + PLAIN[:1] + list(range(1, len(shown) - depth))
    assert all(at is None or at <= pts for at, pts in zip(decoded, shown, strict=True))


def test_the_stream_s_parameters_may_tell_of_more_than_is_seen() -> None:
    assert reordering_depth(packets(PLAIN, decoded=2)) == 3
    assert reordering_depth(packets(TWO_BETWEEN, decoded=5)) == 1


def test_no_more_are_decoded_before_than_were_looked_at() -> None:
    """Of a few frames a second; FFmpeg's dts may be that of a picture before them."""
    assert reordering_depth(packets([5, 6], decoded=2)) == 1


def test_a_first_picture_without_time_does_not_count() -> None:
    assert reordering_depth(packets([None, 3, 1, 2])) == 1


def test_a_time_that_steps_back_is_followed() -> None:
    times = DecodeTimes(1)
    assert [times.of(pts) for pts in [10, 11, 12, 2, 3]] == [None, 10, 11, 2, 3]


def test_missing_times_are_a_frame_from_the_others() -> None:
    held = packets([None, 9, 3, 6, 18, 12, None])
    rebuild_shown_times(held)
    assert [one.pts for one in held] == [0, 9, 3, 6, 18, 12, 15]


@pytest.mark.parametrize("right", [0, 3])
def test_decode_times_before_the_first_known_go_back_from_it(right: int) -> None:
    held = packets([0, 9, 3, 6])
    held[2].dts = right
    rebuild_decode_times(held, 2)
    assert [one.dts for one in held[:3]] == [right - 6, right - 3, right]


def test_none_is_decoded_after_it_is_shown() -> None:
    held = packets([0, 3, 6])
    held[2].dts = 9
    rebuild_decode_times(held, 2)
    assert [one.dts for one in held] == [0, 3, 9]
