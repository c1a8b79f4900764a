"""Chooses the frame that shows an object best, while it is followed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from media.luma import luma, luma_bits
from media.tracker import Track
from media.types import Box

BETTER = 1.3
"""A view takes the place of another when it is this much better: each costs a picture and a step
of the log."""
APART_US = 1_000_000
MOST = 6
"""Views of one event at most, the first one not counted."""

_EDGE = 0.005
_CUT_OFF = 0.6
"""What an object counts that the frame's edge seems to cut."""
_GRID = 64
_SHARP = 0.3
"""Mean step by contrast of what is in focus and does not move."""
_LEAST_CONTRAST = 1.0
"""Less than this tells nothing: black, or a wall."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    quality: float
    at_us: int
    count: int


class BestViews:
    """The best views of the objects of one camera, by the keys of their tracks."""

    def __init__(self) -> None:
        self._chosen: dict[int, _Chosen] = {}

    def begin(self, track: Track, frame: av.VideoFrame, at_us: int) -> None:
        """An event begins with this view; nothing happens where one has begun before."""
        if track.key not in self._chosen:
            quality = _size(track) * _sharpness(frame, track.detection.box)
            self._chosen[track.key] = _Chosen(quality, at_us, 0)

    def is_better(self, track: Track, frame: av.VideoFrame, at_us: int) -> bool:
        """Whether this view of an object with an event is to take the place of the one so far."""
        known = self._chosen.get(track.key)
        if known is None or known.count >= MOST or at_us - known.at_us < APART_US:
            return False
        size = _size(track)
        if size <= BETTER * known.quality:  # sharpness is at most 1
            return False
        quality = size * _sharpness(frame, track.detection.box)
        if quality <= BETTER * known.quality:
            return False
        self._chosen[track.key] = _Chosen(quality, at_us, known.count + 1)
        return True

    def forget(self, key: int) -> None:
        self._chosen.pop(key, None)


def _size(track: Track) -> float:
    """Of the object as it is shown, times how sure the network is of it."""
    box = track.detection.box
    is_whole = min(box.x0, box.y0) > _EDGE and max(box.x1, box.y1) < 1 - _EDGE
    side = math.sqrt(max(0.0, (box.x1 - box.x0) * (box.y1 - box.y0)))
    return track.detection.score * side * (1.0 if is_whole else _CUT_OFF)


def _sharpness(frame: av.VideoFrame, box: Box) -> float:
    """0.5 for what is blurred all over, up to 1: steps between neighbours by the contrast.

    Measured on a grid of the object, not on its pixels, so that near and far compare.
    """
    shown = _grid(frame, box)
    contrast = float(shown.std()) if min(shown.shape) > 2 else 0.0
    if contrast < _LEAST_CONTRAST:
        return 0.5
    steps = (np.abs(np.diff(shown, axis=0)).mean() + np.abs(np.diff(shown, axis=1)).mean()) / 2
    return 0.5 + 0.5 * min(1.0, float(steps) / contrast / _SHARP)


def _grid(frame: av.VideoFrame, box: Box) -> NDArray[np.float32]:
    """Brightness of the object on a grid of about _GRID by _GRID, in 8 bits."""
    height, width = frame.height, frame.width
    top, bottom = max(0, int(box.y0 * height)), min(height, math.ceil(box.y1 * height))
    left, right = max(0, int(box.x0 * width)), min(width, math.ceil(box.x1 * width))
    down, across = max(1, (bottom - top) // _GRID), max(1, (right - left) // _GRID)
    picked = luma(frame)[top:bottom:down, left:right:across]
    return picked.astype(np.float32) / np.float32(1 << max(0, luma_bits(frame) - 8))
