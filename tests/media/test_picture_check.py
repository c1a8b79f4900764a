"""A stream counts once a whole picture comes of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import cast

import av
import pytest
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from media.codecs import VideoSetup
from media.picture_check import PictureCheck
from tests.clips import Encoding, frame_coded


def packets_of(container: InputContainer) -> list[Packet[Stream]]:
    demuxed = cast("Iterator[Packet[Stream]]", container.demux(container.streams.video[0]))
    return [packet for packet in demuxed if packet.size]


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_good_stream_passes_within_some_frames(bframes: int) -> None:
    with av.open(str(frame_coded(50, Encoding(gop=25, bframes=bframes)))) as container:
        check = PictureCheck(VideoSetup.of(container.streams.video[0]))
        passed = [check.passes(packet) for packet in packets_of(container)]

    assert True in passed[: bframes + 2]


def test_nothing_passes_before_a_keyframe() -> None:
    with av.open(str(frame_coded(50, Encoding(gop=25)))) as container:
        check = PictureCheck(VideoSetup.of(container.streams.video[0]))
        packets = packets_of(container)

    assert not any(check.passes(packet) for packet in packets[1:25])
    assert any(check.passes(packet) for packet in packets[25:28])


def test_random_bytes_never_pass() -> None:
    noise = random.Random(7)
    with av.open(str(frame_coded(50, Encoding(gop=25)))) as container:
        check = PictureCheck(VideoSetup.of(container.streams.video[0]))
    for number in range(300):
        packet: Packet[Stream] = Packet(b"\x00\x00\x00\x01\x65" + noise.randbytes(2000))
        packet.is_keyframe = number % 10 == 0

        assert not check.passes(packet)
