"""Packets to frames at the detection rate."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media.codecs import VideoSetup
from media.sampler import Effort, Sampler
from media.types import TICKS_PER_SECOND
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.restamped import restamped

PLAIN = Encoding(fps=25, gop=25)


def sample(clip: Path, fps: float, start: int = 0) -> tuple[list[av.VideoFrame], Sampler]:
    with restamped(clip, start) as (stream, packets):
        sampler = Sampler(VideoSetup.of(stream), fps)
        return [frame for packet in packets for frame in sampler.frames(packet)], sampler


def numbers(frames: list[av.VideoFrame]) -> list[int]:
    return [read_frame_number(frame) for frame in frames]


def test_frames_come_at_the_rate_asked_for() -> None:
    frames, _ = sample(frame_coded(100, PLAIN), fps=5)

    assert numbers(frames) == list(range(0, 100, 5))


def test_the_mean_rate_is_kept_where_the_stream_s_is_no_multiple() -> None:
    frames, _ = sample(frame_coded(100, PLAIN), fps=10)

    shown = numbers(frames)
    assert len(shown) == 40
    assert set(np.diff(shown)) == {2, 3}


@pytest.mark.parametrize("bframes", [0, 3])
def test_a_frame_s_pts_is_its_position(bframes: int) -> None:
    start = 123_456_789
    frames, _ = sample(frame_coded(100, replace(PLAIN, bframes=bframes)), 12.5, start)

    assert len(frames) > 30
    for frame in frames:
        number = read_frame_number(frame)
        assert frame.pts == start + number * TICKS_PER_SECOND // 25


def test_more_than_the_stream_has_is_not_given() -> None:
    frames, _ = sample(frame_coded(50, PLAIN), fps=30)

    assert numbers(frames) == list(range(50))


def test_keyframes_alone_are_decoded_where_they_suffice() -> None:
    frames, sampler = sample(frame_coded(100, replace(PLAIN, gop=10)), fps=2.5)

    assert sampler.effort is Effort.KEYFRAMES
    assert numbers(frames) == list(range(0, 100, 10))


def test_keyframes_with_pictures_between_them_come_at_once() -> None:
    clip = frame_coded(100, replace(PLAIN, gop=20, bframes=3))

    with restamped(clip) as (stream, packets):
        sampler = Sampler(VideoSetup.of(stream), fps=0.5)
        late = [
            packet.pts - frame.pts
            for packet in packets
            for frame in sampler.frames(packet)
            if sampler.effort is Effort.KEYFRAMES and frame.pts is not None and packet.pts
        ]

    assert late == [0]


def test_references_suffice_for_a_low_rate() -> None:
    frames, sampler = sample(frame_coded(100, replace(PLAIN, bframes=3)), fps=5)

    assert sampler.effort is Effort.REFERENCES
    assert 18 <= len(frames) <= 21


def test_everything_is_decoded_where_references_are_too_few() -> None:
    frames, sampler = sample(frame_coded(200, replace(PLAIN, bframes=3)), fps=25)

    assert sampler.effort is Effort.EVERYTHING
    shown = numbers(frames)
    assert set(range(50, 190)) <= set(shown)


def test_nothing_is_shown_before_a_keyframe() -> None:
    with restamped(frame_coded(100, PLAIN)) as (stream, packets):
        sampler = Sampler(VideoSetup.of(stream), fps=25)
        frames = [
            frame
            for number, packet in enumerate(packets)
            if number >= 10
            for frame in sampler.frames(packet)
        ]

    assert numbers(frames)[0] == 25


def test_a_broken_packet_costs_no_more_than_its_group_of_pictures() -> None:
    with restamped(frame_coded(100, PLAIN)) as (stream, packets):
        sampler = Sampler(VideoSetup.of(stream), fps=25)
        shown = []
        for number, packet in enumerate(packets):
            given = packet
            if number == 30:
                given = av.Packet(b"\xff" * 40)
                given.pts, given.dts = packet.pts, packet.dts
                given.time_base = Fraction(1, TICKS_PER_SECOND)
            shown += [frame.pts for frame in sampler.frames(given)]

    numbers_shown = {round(pts * 25 / TICKS_PER_SECOND) for pts in shown if pts is not None}
    assert set(range(25)) | set(range(50, 100)) <= numbers_shown
    assert not set(range(30, 50)) & numbers_shown
    assert sampler.errors == 1


@pytest.mark.parametrize(("slowed", "apart"), [(1.0, {5}), (2.0, {10}), (2.5, {10, 15})])
def test_of_due_frames_only_some_come_where_that_is_wanted(slowed: float, apart: set[int]) -> None:
    with restamped(frame_coded(100, PLAIN)) as (stream, packets):
        sampler = Sampler(VideoSetup.of(stream), 5)
        sampler.slowed = slowed
        frames = [frame for packet in packets for frame in sampler.frames(packet)]

    assert set(np.diff(numbers(frames))) == apart
    assert len(frames) == round(20 / slowed)
    assert sampler.left_out == 20 - len(frames)


def test_keyframes_that_are_not_wanted_are_not_decoded() -> None:
    with restamped(frame_coded(200, replace(PLAIN, gop=10))) as (stream, packets):
        sampler = Sampler(VideoSetup.of(stream), 2.5)
        shown, before = [], 0
        for packet in packets:
            sampler.slowed = 1.0 if (packet.pts or 0) < 4 * TICKS_PER_SECOND else 5.0
            shown += [read_frame_number(frame) for frame in sampler.frames(packet)]
            if packet.pts == 4 * TICKS_PER_SECOND - TICKS_PER_SECOND // 25:
                before = sampler.decoded

    assert sampler.effort is Effort.KEYFRAMES
    assert shown == [*range(0, 100, 10), 140, 190]
    assert (sampler.decoded - before, sampler.left_out) == (2, 8)
