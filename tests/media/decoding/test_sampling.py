"""What a decoder makes of packets is what the worker would; what becomes of it is not."""

from __future__ import annotations

import logging
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media.codecs import CodecUnknown, VideoSetup
from media.decoders import IN_PROCESS, Decoders, Sampled, SamplingCounts
from media.decoding.decoder import Why
from media.decoding.isolated import Decoding, Loss
from media.decoding.sampling import PAUSED
from tests.clips import Encoding, frame_coded
from tests.media.decoding.rig import (
    GATE,
    PATIENCE_S,
    RIGGED,
    YARD,
    LeapingClock,
    decoders_of,
    decoding,
    until,
    watching,
    worded,
)
from tests.media.decoding.rigged_nursery import CRASH, HANG, SWELL
from tests.media.restamped import restamped
from tests.media.test_codecs import START, keyframe

CLIP = Encoding(fps=25, gop=10)
A_MINUTE_US = 61_000_000


def sampled(decoders: Decoders, clip: Path, fps: float) -> tuple[list[Sampled], SamplingCounts]:
    with restamped(clip) as (stream, packets):
        found: list[Sampled] = []
        sampling = decoders.sampling(VideoSetup.of(stream), fps, found.append)
        for packet in packets:
            sampling.take(packet)
            assert sampling.settle(PATIENCE_S)
        counts = sampling.counts
        sampling.close()
    return found, counts


@pytest.mark.parametrize("fps", [2.5, 5, 25])
@pytest.mark.parametrize(
    "encoding",
    [
        CLIP,
        replace(CLIP, gop=25, bframes=3),
        replace(CLIP, codec="hevc", size=(426, 240)),
    ],
    ids=["plain", "bframes", "hevc"],
)
def test_the_same_frames_come_as_without_a_process(encoding: Encoding, fps: float) -> None:
    clip = frame_coded(100, encoding)
    with decoding() as decoders:
        apart, counts = sampled(decoders.of(GATE), clip, fps)
    here, expected = sampled(IN_PROCESS, clip, fps)

    assert counts == expected
    assert len(apart) == len(here)
    for one, other in zip(apart, here, strict=True):
        assert (one.frame.pts, one.pixel_aspect) == (other.frame.pts, other.pixel_aspect)
        assert (one.frame.color_range, one.frame.colorspace) == (
            other.frame.color_range,
            other.frame.colorspace,
        )
        assert np.array_equal(one.frame.to_ndarray(), other.frame.to_ndarray())


def test_a_killed_decoder_costs_its_camera_some_pictures(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clip = frame_coded(100, CLIP)
    with (
        decoding() as decoders,
        watching(decoders, clip) as (gate, packets),
        watching(decoders, clip, YARD) as (yard, others),
    ):
        gate.show(packets[:15])
        (victim,) = decoders_of(decoders.nursery.pid)
        yard.show(others[:15])
        os.kill(victim, signal.SIGSEGV)
        gate.show(packets[15:20])
        paused = gate.sampling.fault
        leap(decoders)
        gate.show(packets[20:])
        yard.show(others[15:])
        assert victim not in decoders_of(decoders.nursery.pid)
        assert gate.sampling.fault is None

    assert gate.seen == [*range(15), *range(20, 100)]
    assert yard.seen == [*range(100)]
    assert paused == PAUSED
    assert decoders.losses == {Loss(GATE, "detection", Why.CRASHED): 1}
    said = "camera cam-gate: the decoder for detection crashed (SIGSEGV)"
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == [said]


def leap(decoders: Decoding) -> None:
    """The pause after a loss is over."""
    clock = decoders._clock
    assert isinstance(clock, LeapingClock)
    clock.ahead_us += A_MINUTE_US


@pytest.mark.parametrize(
    ("word", "why", "said"),
    [
        (CRASH, Why.CRASHED, "crashed (SIGSEGV)"),
        (SWELL, Why.CRASHED, "ran out of memory"),
        (HANG, Why.HUNG, "hung and was ended"),
    ],
    ids=["null", "memory", "loop"],
)
def test_a_codec_that_fails_badly_costs_a_group_of_pictures(
    word: bytes, why: Why, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        decoding(RIGGED, limit_s=2.0) as decoders,
        watching(decoders, frame_coded(100, CLIP)) as (gate, packets),
    ):
        gate.show([*packets[:15], worded(word, packets[15])])
        leap(decoders)
        gate.show(packets[16:])
        assert len(decoders_of(decoders.nursery.pid)) == 1

    assert gate.seen == [*range(15), *range(20, 100)]
    assert decoders.losses == {Loss(GATE, "detection", why): 1}
    assert said in caplog.text


def test_a_stream_that_crashes_each_decoder_is_left_alone_for_ever_longer() -> None:
    with (
        decoding(RIGGED) as decoders,
        watching(decoders, frame_coded(10, CLIP)) as (gate, packets),
    ):
        poison = worded(CRASH, packets[0])
        for _ in range(200):
            gate.show([poison])
        in_vain = sum(decoders.losses.values())
        clock = decoders._clock
        assert isinstance(clock, LeapingClock)
        for _ in range(20):
            clock.ahead_us += 10_000_000
            gate.show([poison])

    assert in_vain < 5
    assert sum(decoders.losses.values()) - in_vain < 8  # in 200 s


def test_a_decoder_that_lags_goes_on_at_the_next_keyframe() -> None:
    with (
        decoding(RIGGED) as decoders,
        watching(decoders, frame_coded(300, CLIP)) as (gate, packets),
    ):
        gate.show(packets[:5])
        (pid,) = decoders_of(decoders.nursery.pid)
        os.kill(pid, signal.SIGSTOP)
        for packet in packets[5:160]:
            gate.sampling.take(packet)
        os.kill(pid, signal.SIGCONT)
        assert gate.sampling.settle(PATIENCE_S)
        gate.show(packets[160:])

    late = gate.sampling.counts.late
    assert 100 <= late <= 155
    assert gate.seen[:5] == [*range(5)]
    assert gate.seen[-140:] == [*range(160, 300)]
    assert not decoders.losses


def test_a_decoder_that_does_nothing_for_long_is_given_up() -> None:
    with (
        decoding(limit_s=0.2) as decoders,
        watching(decoders, frame_coded(100, CLIP)) as (gate, packets),
    ):
        gate.show(packets[:5])
        (pid,) = decoders_of(decoders.nursery.pid)
        os.kill(pid, signal.SIGSTOP)
        gate.show(packets[5:6])

    assert decoders.losses == {Loss(GATE, "detection", Why.HUNG): 1}


def test_a_decoder_that_has_to_wait_for_its_turn_is_not() -> None:
    with (
        decoding(limit_s=0.4) as decoders,
        watching(decoders, frame_coded(100, CLIP)) as (gate, packets),
    ):
        gate.show(packets[:5])
        (pid,) = decoders_of(decoders.nursery.pid)
        os.kill(pid, signal.SIGSTOP)
        gate.sampling.take(packets[5])
        assert not gate.sampling.settle(1.5)
        os.kill(pid, signal.SIGCONT)
        gate.show(packets[6:])

    assert gate.seen == [*range(100)]
    assert not decoders.losses


def test_an_order_to_close_ends_a_decoder_that_hangs() -> None:
    with decoding(RIGGED, limit_s=60) as decoders:
        with watching(decoders, frame_coded(20, CLIP)) as (gate, packets):
            gate.sampling.take(worded(HANG, packets[0]))
            until(lambda: len(decoders_of(decoders.nursery.pid)) == 1)
        assert decoders_of(decoders.nursery.pid) == []
        assert not decoders.losses


def test_what_fails_in_looking_at_a_frame_is_told_to_who_shows_them() -> None:
    def consider(_: Sampled) -> None:
        raise RuntimeError("a bug in detection")

    with decoding() as decoders, restamped(frame_coded(20, CLIP)) as (stream, packets):
        sampling = decoders.of(GATE).sampling(VideoSetup.of(stream), 25, consider)
        sampling.take(next(packets))
        assert sampling.settle(PATIENCE_S)
        with pytest.raises(RuntimeError, match="a bug in detection"):
            sampling.take(next(packets))
        sampling.close()
        assert decoders_of(decoders.nursery.pid) == []


def test_an_unknown_codec_is_refused() -> None:
    with decoding() as decoders, pytest.raises(CodecUnknown):
        decoders.of(GATE).sampling(VideoSetup("theora2", None, 64, 64), 5, lambda _: None)


def test_a_picture_of_16k_is_left_out_and_costs_no_memory() -> None:
    clip = frame_coded(20, CLIP)
    with decoding() as decoders, watching(decoders, clip) as (gate, packets):
        gate.show([packets[0]])
        (pid,) = decoders_of(decoders.nursery.pid)
        content = bytes(keyframe(16000, 16000)).split(START)[1:]
        sample = b"".join(len(unit).to_bytes(4, "big") + unit for unit in content)
        gate.show([worded(sample, packets[10])])
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        assert decoders_of(decoders.nursery.pid) == [pid]

    assert gate.seen == [0]
    assert peak is not None
    assert int(peak[1]) < 250_000  # a picture would take 384 MB
    assert not decoders.losses


def test_fewer_frames_come_over_while_fewer_are_wanted() -> None:
    clip = frame_coded(100, CLIP)
    with decoding() as decoders, watching(decoders, clip, fps=25) as (watched, packets):
        watched.show(packets[:50])
        watched.sampling.slow(5.0)
        watched.show(packets[50:])
        counts = watched.sampling.counts

    assert watched.seen[:50] == list(range(50))
    assert set(np.diff(watched.seen[50:])) == {5}
    assert counts.left_out == 100 - len(watched.seen) == 40
    assert counts.decoded == 100
