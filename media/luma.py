"""The brightness of a frame's pixels, without copying them."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray


def luma(frame: av.VideoFrame) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The first plane, (height, width), 0 up to what its bits can hold; valid with the frame."""
    plane = frame.planes[0]
    values: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)
    rows = values.reshape(-1, plane.line_size)[: frame.height]
    if luma_bits(frame) > 8:
        return rows.view(np.uint16)[:, : frame.width]
    return rows[:, : frame.width]


def luma_bits(frame: av.VideoFrame) -> int:
    return frame.format.components[0].bits
