"""Decode the output of YOLOX detectors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import Candidates, require_finite
from media.types import ModelShapeError

STRIDES = (8, 16, 32)
_FIXED = 5  # x, y, w, h, objectness come before the classes


def decode_yolox(
    output: NDArray[np.float32], width_px: int, height_px: int, min_score: float
) -> Candidates:
    """Objects that YOLOX sees, several boxes for each: suppression is the caller's.

    Args:
        output: (1, A, 5 + classes) float32, A the cells of the grids of stride 8, 16 and 32, row
            by row. A row is x, y, w, h, objectness, then one score per class; scores are after
            the sigmoid. In px the centre is (cell + (x, y)) * stride, the size exp(w, h) * stride.
        width_px: of the network's input.
        height_px: of the network's input.
        min_score: objectness times class score below it is dropped; 0..1.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: Megvii YOLOX, demo/ONNXRuntime, `demo_postprocess`.
    """
    cells, strides = _grid(width_px, height_px)
    if output.ndim != 3 or output.shape[:2] != (1, len(cells)) or output.shape[2] <= _FIXED:
        raise ModelShapeError(f"want (1, {len(cells)}, 5 + classes), got {output.shape}")
    require_finite("output", output)
    rows = output[0]
    likely = rows[:, 4] >= min_score  # a class score is at most 1
    rows, cells, strides = rows[likely], cells[likely], strides[likely]
    of_class = rows[:, _FIXED:] * rows[:, 4:5]
    classes = of_class.argmax(axis=1)
    scores = of_class.max(axis=1)
    centre = (rows[:, :2] + cells) * strides
    half = np.exp(np.clip(rows[:, 2:4], -20.0, 20.0)) * strides / 2
    size = np.array([width_px, height_px] * 2)
    boxes = (np.concatenate((centre - half, centre + half), axis=1) / size).astype(np.float32)
    return Candidates(boxes, scores, classes).take(scores >= min_score)


@lru_cache(maxsize=8)
def _grid(width_px: int, height_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every cell, (A, 2), and its stride, (A, 1)."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height_px // stride, : width_px // stride]
        cells.append(np.stack((columns, rows), axis=2).reshape(-1, 2))
        strides.append(np.full((rows.size, 1), stride))
    return (
        np.concatenate(cells).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
    )
