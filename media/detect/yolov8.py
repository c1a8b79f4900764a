"""Decode the output of YOLOv8 and YOLO11 detectors, and of others that share their head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import Candidates, require_finite
from media.types import ModelShapeError

_FIXED = 4  # x, y, w, h come before the classes


def decode_yolov8(
    output: NDArray[np.float32], classes: int, size_px: tuple[int, int], min_score: float
) -> Candidates:
    """Objects that the network sees, several boxes for each: suppression is the caller's.

    Args:
        output: (1, 4 + classes, N) float32, or transposed (1, N, 4 + classes). Of each of N cells:
            centre x, centre y, width, height in px of the input, then one score per class, after
            the sigmoid. Where both shapes fit, the first is meant.
        classes: how many there are; tells the two shapes apart.
        size_px: width and height of the network's input.
        min_score: 0..1.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: Ultralytics, examples/YOLOv8-ONNXRuntime.
    """
    rows = _rows(output, _FIXED + classes)
    require_finite("output", output)
    scores = rows[:, _FIXED:].max(axis=1)
    rows, scores = rows[scores >= min_score], scores[scores >= min_score]
    half = rows[:, 2:_FIXED] / 2
    corners = np.concatenate((rows[:, :2] - half, rows[:, :2] + half), axis=1)
    boxes = (corners / np.array(size_px * 2)).astype(np.float32)
    return Candidates(boxes, scores, rows[:, _FIXED:].argmax(axis=1))


def _rows(output: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """(N, 4 + classes), whichever way round it came."""
    if output.ndim == 3 and output.shape[0] == 1:
        one: NDArray[np.float32] = output[0]
        if output.shape[1] == width:
            return one.T
        if output.shape[2] == width:
            return one
    raise ModelShapeError(f"want (1, {width}, N) or (1, N, {width}), got {output.shape}")
