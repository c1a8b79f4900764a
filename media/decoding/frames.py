"""Hands frames over between processes: a head, then the planes, one copy on each side.

Shared memory would take as many copies and as much CPU (0.7 ms a frame of 1080p), and somebody
would have to say when which part of it is free again.
"""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.plane import VideoPlane

from media.codecs import MOST_PIXELS
from media.decoding.messages import Channel, Picture
from media.types import TICKS_PER_SECOND, MediaError


class PictureImpossible(MediaError):
    """What is announced as a picture can't be one."""


def send_frame(channel: Channel, frame: av.VideoFrame, aspect: Fraction | None) -> None:
    """`frame.pts` is known."""
    shape = None if aspect is None else (aspect.numerator, aspect.denominator)
    colours = (
        int(frame.color_range),
        int(frame.colorspace),
        int(frame.color_primaries),
        int(frame.color_trc),
    )
    pixels = frame.format.name
    channel.send(Picture(frame.width, frame.height, pixels, frame.pts or 0, shape, colours))
    usual = av.VideoFrame(frame.width, frame.height, pixels)
    for plane, wanted in zip(frame.planes, usual.planes, strict=True):
        channel.send_block(_laid_out(plane, wanted))


def _laid_out(plane: VideoPlane, wanted: VideoPlane) -> memoryview:
    """The plane's rows, as far apart as those of `wanted`, which is written to where they differ.

    A decoder may put more between rows, for its own sake.
    """
    own, other = plane.line_size, wanted.line_size
    if own == other and plane.buffer_size == wanted.buffer_size:
        return memoryview(plane)
    source, target = memoryview(plane), memoryview(wanted)
    width = min(own, other)
    for row in range(min(len(source) // own, len(target) // other)):
        target[row * other : row * other + width] = source[row * own : row * own + width]
    return target


def receive_frame(channel: Channel, picture: Picture) -> av.VideoFrame:
    """The frame of a picture that was announced just now.

    Raises:
        PictureImpossible: nothing more can be read from the channel.
        ChannelClosed: the other side is gone.
    """
    if not 0 < picture.width * picture.height <= MOST_PIXELS or picture.width < 0:
        raise PictureImpossible("a picture is too large")
    try:
        frame = av.VideoFrame(picture.width, picture.height, picture.pixels)
    except (av.FFmpegError, ValueError) as error:
        raise PictureImpossible("a picture is of no known kind") from error
    for plane in frame.planes:
        channel.receive_block(memoryview(plane))
    frame.pts, frame.time_base = picture.pts, Fraction(1, TICKS_PER_SECOND)
    frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = picture.colours
    return frame


def aspect_of(picture: Picture) -> Fraction | None:
    if picture.aspect is None or not all(each > 0 for each in picture.aspect):
        return None
    return Fraction(*picture.aspect)
