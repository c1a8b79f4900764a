"""Frames that cross a socket."""

from __future__ import annotations

import socket
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from media.decoding.frame_memory import FrameMemory
from media.decoding.frames import PictureImpossible, aspect_of, receive_frame, send_frame
from media.decoding.messages import Channel, ChannelClosed, Picture, replies
from tests.clips import Encoding, still


def crossed(frame: av.VideoFrame, aspect: Fraction | None) -> tuple[Picture, av.VideoFrame]:
    own, other = socket.socketpair()
    with own, other:
        sender = threading.Thread(target=send_frame, args=(Channel(own), frame, aspect))
        sender.start()
        channel = Channel(other)
        picture = replies.decode(channel.receive())
        assert isinstance(picture, Picture)
        received = receive_frame(channel, picture, FrameMemory())
        sender.join()
    return picture, received


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p", "yuv420p10le", "gray"])
@pytest.mark.parametrize("size", [(64, 48), (426, 240), (1366, 768)])
def test_a_frame_arrives_as_it_was(size: tuple[int, int], pixels: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=pixels)
    frame.pts, frame.color_range = 12_345_678_901, 2

    picture, received = crossed(frame, Fraction(4, 3))

    assert np.array_equal(received.to_ndarray(), frame.to_ndarray())
    assert (received.pts, received.format.name) == (frame.pts, pixels)
    assert (received.color_range, received.colorspace) == (2, frame.colorspace)
    assert aspect_of(picture) == Fraction(4, 3)


@pytest.mark.parametrize("size", [(64, 48), (640, 360), (854, 480), (1920, 1080)])
def test_a_decoded_frame_arrives_as_it_was(size: tuple[int, int]) -> None:
    """Its rows are as far apart as the decoder likes."""
    with av.open(str(still(2, Encoding(size=size)))) as clip:
        frame = next(clip.decode(video=0))

    picture, received = crossed(frame, None)

    assert picture.stride == frame.planes[0].line_size >= size[0]
    assert np.array_equal(received.to_ndarray(), frame.to_ndarray())


@pytest.mark.parametrize(
    ("width", "height", "pixels", "stride"),
    [
        (16384, 16384, "yuv420p", 0),
        (0, 10, "gray", 0),
        (-5, -5, "gray", 0),
        (64, 64, "nonsense", 0),
        (64, 64, "nonsense", 64),
        (64, 64, "gray", 64),
        (64, 62, "yuv420p", 64),
        (63, 64, "yuv420p", 64),
        (64, 64, "yuv420p", 62),
        (64, 64, "yuv420p", 65),
        (64, 64, "yuv420p", -64),
        (64, 64, "yuv420p", 1 << 40),
    ],
)
def test_what_can_be_no_picture_is_refused(
    width: int, height: int, pixels: str, stride: int
) -> None:
    own, other = socket.socketpair()
    picture = Picture(width, height, pixels, 0, None, (0, 0, 0, 0), stride)
    with own, other, pytest.raises(PictureImpossible):
        receive_frame(Channel(own), picture, FrameMemory())


def test_a_message_of_absurd_length_ends_the_conversation() -> None:
    own, other = socket.socketpair()
    with own, other:
        other.sendall(b"\xff\xff\xff\xff")
        with pytest.raises(ChannelClosed):
            Channel(own).receive()


def test_an_aspect_that_is_none_is_left_out() -> None:
    assert aspect_of(Picture(1, 1, "gray", 0, (0, 1), (0, 0, 0, 0))) is None
    assert aspect_of(Picture(1, 1, "gray", 0, None, (0, 0, 0, 0))) is None
