"""Decode the output of FastestDet detectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import Candidates, require_finite
from media.detect.scores import sigmoid
from media.types import ModelShapeError

_FIXED = 5  # objectness, dx, dy, w, h come before the classes


def decode_fastestdet(output: NDArray[np.float32], min_score: float) -> Candidates:
    """Objects that FastestDet sees, several boxes for each: suppression is the caller's.

    Args:
        output: (1, 5 + classes, rows, columns) float32: objectness; dx, dy before tanh, in cells;
            w, h before the sigmoid, in 0..1 of the input; then one probability per class.
        min_score: objectness^0.6 times probability^0.4 below it is dropped; 0..1.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: dog-qiuqiu/FastestDet, example/onnx-runtime/runtime.py.
    """
    if output.ndim != 4 or output.shape[0] != 1 or output.shape[1] <= _FIXED:
        raise ModelShapeError(f"want (1, 5 + classes, rows, columns), got {output.shape}")
    require_finite("output", output)
    objectness, place, of_class = output[0, 0], output[0, 1:_FIXED], output[0, _FIXED:]
    score = np.power(np.clip(objectness, 0, 1), 0.6) * np.power(of_class.max(axis=0), 0.4)
    rows, columns = np.nonzero(score >= min_score)
    place = place[:, rows, columns].T
    cells = np.array([output.shape[3], output.shape[2]], dtype=np.float32)
    centre = (np.stack((columns, rows), axis=1) + np.tanh(place[:, :2])) / cells
    half = sigmoid(place[:, 2:]) / 2
    boxes = np.concatenate((centre - half, centre + half), axis=1).astype(np.float32)
    return Candidates(boxes, score[rows, columns], of_class.argmax(axis=0)[rows, columns])
