"""Hands frames over between processes: a head, then the planes, one copy on each side.

That costs 0.6 ms a frame of 1080p in all, into memory that was used before. To read them out of the
other process's memory (process_vm_readv) costs 0.5 ms, and not every system allows it.
"""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.plane import VideoPlane

from media.codecs import MOST_PIXELS
from media.decoding.frame_memory import FrameMemory
from media.decoding.messages import Channel, Picture
from media.types import TICKS_PER_SECOND, MediaError

_REUSED = ("yuv420p", "yuvj420p")
"""Pixels of frames whose memory is used again."""
_MOST_PADDING = 256
"""Bytes that FFmpeg's decoders put behind a row, at most."""


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
    pixels, stride = frame.format.name, _stride(frame)
    channel.send(Picture(frame.width, frame.height, pixels, frame.pts or 0, shape, colours, stride))
    if stride:
        for plane in frame.planes:
            channel.send_block(memoryview(plane))
        return
    usual = av.VideoFrame(frame.width, frame.height, pixels)
    for plane, wanted in zip(frame.planes, usual.planes, strict=True):
        channel.send_block(_laid_out(plane, wanted))


def _stride(frame: av.VideoFrame) -> int:
    """See `Picture`."""
    if not _is_reused(frame.width, frame.height, frame.format.name):
        return 0
    strides = [plane.line_size for plane in frame.planes]
    is_plain = strides[1:] == [strides[0] // 2] * 2 and strides[0] % 2 == 0
    return strides[0] if is_plain and strides[0] <= frame.width + _MOST_PADDING else 0


def _is_reused(width: int, height: int, pixels: str) -> bool:
    return pixels in _REUSED and width % 2 == 0 and height % 4 == 0


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


def receive_frame(channel: Channel, picture: Picture, memory: FrameMemory) -> av.VideoFrame:
    """The frame of a picture that was announced just now.

    Raises:
        PictureImpossible: nothing more can be read from the channel.
        ChannelClosed: the other side is gone.
    """
    if not 0 < picture.width * picture.height <= MOST_PIXELS or picture.width < 0:
        raise PictureImpossible("a picture is too large")
    frame = _reused(channel, picture, memory) if picture.stride else _new(channel, picture)
    frame.pts, frame.time_base = picture.pts, Fraction(1, TICKS_PER_SECOND)
    frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = picture.colours
    return frame


def _reused(channel: Channel, picture: Picture, memory: FrameMemory) -> av.VideoFrame:
    width, height, stride = picture.width, picture.height, picture.stride
    is_padded = width <= stride <= width + _MOST_PADDING and stride % 2 == 0
    if not is_padded or not _is_reused(width, height, picture.pixels):
        raise PictureImpossible("a picture is laid out as none can be")
    rows = memory.rows(stride, height)
    channel.receive_block(rows.data.cast("B"))
    return av.VideoFrame.from_numpy_buffer(rows, picture.pixels, width)


def _new(channel: Channel, picture: Picture) -> av.VideoFrame:
    try:
        frame = av.VideoFrame(picture.width, picture.height, picture.pixels)
    except (av.FFmpegError, ValueError) as error:
        raise PictureImpossible("a picture is of no known kind") from error
    for plane in frame.planes:
        channel.receive_block(memoryview(plane))
    return frame


def aspect_of(picture: Picture) -> Fraction | None:
    if picture.aspect is None or not all(each > 0 for each in picture.aspect):
        return None
    return Fraction(*picture.aspect)
