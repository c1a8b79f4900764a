"""The part of a stored picture that shows an object."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av

from media.snapshot import encode_jpeg
from media.types import Box, MediaError


class PictureBroken(MediaError):
    """A stored picture can't be read."""


@dataclass(frozen=True, slots=True)
class Crop:
    """`jpeg` is the part, `width` and `height` (px) are those of the whole picture."""

    jpeg: bytes
    width: int
    height: int


def crop_jpeg(jpeg: bytes, box: Box) -> Crop:
    """What the box holds, to the pixel outwards, at least 2 by 2; encoded anew in even sides.

    Raises:
        PictureBroken: it is no whole JPEG.
        SnapshotError: libav refuses the part.
    """
    try:
        with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
            frame = next(container.decode(video=0))
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise PictureBroken("a stored picture can't be read") from error
    x0, x1 = _pixels(box.x0, box.x1, frame.width)
    y0, y1 = _pixels(box.y0, box.y1, frame.height)
    part = frame.to_ndarray(format="rgb24")[y0:y1, x0:x1]
    cut = av.VideoFrame.from_ndarray(part.copy(), format="rgb24")
    return Crop(encode_jpeg(cut), frame.width, frame.height)


def _pixels(low: float, high: float, size: int) -> tuple[int, int]:
    """First and behind the last pixel of a span in 0..1, at least two within the picture."""
    first = min(max(0, int(low * size)), size - 2)
    return first, min(size, max(first + 2, -int(-high * size // 1)))
