"""Pictures and sound that somebody waits for come from decoders as they would without."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from typing import cast

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from media.codecs import VideoSetup
from media.decoders import IN_PROCESS, OwnSound
from media.decoding.decoder import Why
from media.decoding.isolated import Loss
from media.snapshot import SnapshotError
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.decoding.rig import GATE, decoders_of, decoding
from tests.media.restamped import restamped

CLIP = Encoding(fps=25, gop=10)


def test_a_check_passes_with_a_whole_picture_and_not_with_noise() -> None:
    with decoding() as decoders, restamped(frame_coded(20, CLIP)) as (stream, packets):
        check = decoders.of(GATE).picture_check(VideoSetup.of(stream))
        noise: Packet[Stream] = Packet(b"\x00\x00\x00\x01\x65" + bytes(range(256)) * 8)
        noise.is_keyframe = True
        assert not check.passes(noise)
        assert any(check.passes(packet) for packet in packets)
        check.close()
        assert decoders_of(decoders.nursery.pid) == []


def test_a_stream_that_its_check_does_not_survive_is_recorded() -> None:
    with decoding() as decoders, restamped(frame_coded(20, CLIP)) as (stream, packets):
        check = decoders.of(GATE).picture_check(VideoSetup.of(stream))
        noise: Packet[Stream] = Packet(b"\x00\x00\x00\x01\x65noise")
        noise.is_keyframe = True
        assert not check.passes(noise)
        (pid,) = decoders_of(decoders.nursery.pid)
        os.kill(pid, signal.SIGABRT)
        assert check.passes(next(packets))
        check.close()

    assert decoders.losses == {Loss(GATE, "check", Why.CRASHED): 1}


def test_a_still_is_made_or_it_is_said_why_not() -> None:
    with av.open(str(frame_coded(20, CLIP))) as container:
        found = IN_PROCESS.still
        extradata = container.streams.video[0].codec_context.extradata or b""
        first = next(iter(container.demux(video=0)))
    keyframe = _annex_b(extradata, bytes(first))
    with decoding() as decoders:
        jpeg = decoders.of(GATE).still("h264", keyframe)
        with pytest.raises(SnapshotError):
            decoders.of(GATE).still("h264", b"nothing")
        with pytest.raises(SnapshotError):
            decoders.of(GATE).still("no codec", keyframe)
        assert decoders_of(decoders.nursery.pid) == []

    assert jpeg == found("h264", keyframe)
    with av.open(io.BytesIO(jpeg), "r") as shown:
        assert read_frame_number(next(shown.decode(video=0))) == 0


def _annex_b(avcc: bytes, sample: bytes) -> bytes:
    start = b"\x00\x00\x00\x01"
    size = int.from_bytes(avcc[6:8], "big")
    sets = start + avcc[8 : 8 + size] + start + avcc[8 + size + 3 :]
    units, at = b"", 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + 4], "big")
        units += start + sample[at + 4 : at + 4 + length]
        at += 4 + length
    return sets + units


def test_the_first_picture_is_that_of_a_probe() -> None:
    with decoding() as decoders, restamped(frame_coded(20, CLIP)) as (stream, packets):
        setup, given = VideoSetup.of(stream), list(packets)
        here, apart = IN_PROCESS.first_picture(setup), decoders.of(GATE).first_picture(setup)
        assert apart.take(given[1]) is None  # no keyframe
        expected = next(each for each in map(here.take, given) if each)
        assert next(each for each in map(apart.take, given) if each) == expected
        apart.close()
        assert decoders_of(decoders.nursery.pid) == []


def sound(container: InputContainer) -> Iterator[Packet[Stream]]:
    demuxed = cast("Iterator[Packet[Stream]]", container.demux(container.streams.audio[0]))
    return (each for each in demuxed if each.size)


def test_sound_is_the_same_and_returns_after_a_crash() -> None:
    clip = str(frame_coded(75, Encoding(fps=25, gop=25, audio="opus")))
    with decoding() as decoders, av.open(clip) as one, av.open(clip) as other:
        here = OwnSound(one.streams.audio[0])
        apart = decoders.of(GATE).sound(other.streams.audio[0])
        compared = 0
        for packet, same in zip(sound(one), sound(other), strict=True):
            if compared == 20:
                (pid,) = decoders_of(decoders.nursery.pid)
                os.kill(pid, signal.SIGSEGV)
                assert apart.decode(same) == []
                break
            for expected, frame in zip(here.decode(packet), apart.decode(same), strict=True):
                assert np.array_equal(expected.to_ndarray(), frame.to_ndarray())
                assert (expected.rate, expected.layout.name) == (frame.rate, frame.layout.name)
                compared += 1
        clock = decoders._clock
        clock.ahead_us += 2_000_000  # type: ignore[attr-defined]
        assert sum(len(apart.decode(each)) for each in sound(other)) > 5
        apart.close()
        assert decoders_of(decoders.nursery.pid) == []

    assert decoders.losses == {Loss(GATE, "sound", Why.CRASHED): 1}


def test_simple_sound_takes_no_process() -> None:
    clip = str(frame_coded(25, Encoding(fps=25, gop=25, audio="pcm_alaw")))
    with decoding() as decoders, av.open(clip) as container:
        made = decoders.of(GATE).sound(container.streams.audio[0])
        assert any(made.decode(packet) for packet in sound(container))
        assert decoders.nursery.pid is None
