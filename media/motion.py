"""Tells still scenes, which need not be looked at."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from media.luma import luma, luma_bits


class MotionGate:
    """Tells whether a frame differs from the one looked at last, on a coarse grid of its luma.

    About 160 x 90 pixels are compared, as means over cells of 4 x 4, so that the noise of a
    sensor averages out and something of a cell's size shows.
    """

    COLUMNS = 160
    CELL = 4
    MIN_CHANGE = 6.0
    """Luma steps by which a cell must differ on average; noise of sigma 3 gives about 4."""
    NOISE_FACTOR = 2.5
    """A cell must stand out this much above the median cell, which grows with the noise."""

    def __init__(self) -> None:
        self._looked_at: NDArray[np.int16] | None = None
        self._seen: NDArray[np.int16] | None = None

    def moved(self, frame: av.VideoFrame) -> bool:
        """Whether anything changed since the frame last passed to `look`; True without one."""
        self._seen = coarse_luma(frame, self.COLUMNS)
        if self._looked_at is None or self._looked_at.shape != self._seen.shape:
            return True
        cells = _cell_means(np.abs(self._seen - self._looked_at), self.CELL)
        floor = max(self.MIN_CHANGE, self.NOISE_FACTOR * float(np.median(cells)))
        return bool(cells.max() > floor)

    def look(self) -> None:
        """The frame last passed to `moved` is being looked at: compare with it from now on."""
        self._looked_at = self._seen


def coarse_luma(frame: av.VideoFrame, columns: int) -> NDArray[np.int16]:
    """Every n-th pixel of every n-th row of the first plane, in 8 bits; the plane is not copied."""
    step = max(1, frame.width // columns)
    picked = luma(frame)[::step, ::step]
    return (picked >> max(0, luma_bits(frame) - 8)).astype(np.int16)


def _cell_means(values: NDArray[np.int16], cell: int) -> NDArray[np.float64]:
    height, width = (max(1, side // cell) for side in values.shape)
    used = values[: height * cell, : width * cell]
    result: NDArray[np.float64] = used.reshape(
        height, used.shape[0] // height, width, used.shape[1] // width
    ).mean(axis=(1, 3))
    return result
