"""Decoders are opened within limits."""

from __future__ import annotations

from collections.abc import Iterator

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from media.codecs import CodecUnknown, VideoSetup, video_decoder
from tests.clips import Encoding, frame_coded

START = b"\x00\x00\x00\x01"


def sequence_parameters(width_px: int, height_px: int) -> bytes:
    """An SPS of H.264 baseline, level 6.2 (14496-10, 7.3.2.1.1); sides are multiples of 16."""
    bits = "".join(
        [
            *(_golomb(each) for each in (0, 0, 2, 1)),  # id, frame numbers, order, references
            "0",
            *(_golomb(side // 16 - 1) for side in (width_px, height_px)),
            "1100",  # frames alone, direct inference, no cropping, no VUI
            "1",
        ]
    )
    bits += "0" * (-len(bits) % 8)
    return b"\x67\x42\x00\x3e" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _golomb(value: int) -> str:
    coded = f"{value + 1:b}"
    return "0" * (len(coded) - 1) + coded


def keyframe(width_px: int, height_px: int) -> Packet[Stream]:
    """One whose picture is of that size, its slice being another's."""
    with av.open(str(frame_coded(1, Encoding(size=(64, 64), params="cabac=0:8x8dct=0")))) as clip:
        sample = bytes(next(iter(clip.demux(clip.streams.video[0]))))
    (slice_,) = (unit for unit in units(sample) if unit[0] & 0x1F == 5)
    sets = [sequence_parameters(width_px, height_px), b"\x68\xce\x3c\x80"]
    made: Packet[Stream] = av.Packet(b"".join(START + each for each in [*sets, slice_]))
    made.is_keyframe = True
    return made


def units(sample: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + 4], "big")
        yield sample[at + 4 : at + 4 + length]
        at += 4 + length


def pictures_in(packet: Packet[Stream]) -> int:
    decoder = video_decoder(VideoSetup("h264", None, 0, 0))
    return len([*decoder.decode(packet), *decoder.decode(None)])


def test_a_picture_of_8k_is_taken_and_one_of_16k_is_not() -> None:
    assert pictures_in(keyframe(7680, 4320)) == 1
    with pytest.raises(av.FFmpegError):
        pictures_in(keyframe(16000, 16000))


def test_an_unknown_codec_has_no_decoder() -> None:
    setup = VideoSetup("theora2", None, 64, 64)
    with pytest.raises(CodecUnknown):
        setup.demand_decoder()
    with pytest.raises(CodecUnknown):
        video_decoder(setup)
