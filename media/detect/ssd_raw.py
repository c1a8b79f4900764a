"""Decode SSD detectors that give raw box encodings and logits, as some TFLite exports do."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import Candidates, require_finite
from media.detect.scores import sigmoid
from media.types import ModelShapeError

_STRIDES = (16, 32, 64, 128, 256, 512)
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
_CENTRE_SCALE = 10.0
_SIZE_SCALE = 5.0


def decode_ssd_raw(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], side_px: int, min_score: float
) -> Candidates:
    """Objects that the SSD sees, several boxes for each: suppression is the caller's.

    Args:
        boxes: (1, A, 4) float32, y, x, h, w of each box relative to its anchor.
        logits: (1, A, classes) float32 before the sigmoid; class 0 is the background.
        side_px: side of the network's square input, which gives the anchors.
        min_score: 0..1.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: TensorFlow object detection, `FasterRcnnBoxCoder` with scale factors 10, 10, 5, 5;
        anchors as `ssd_anchor_generator` with six layers, scales 0.2 to 0.95 and
        `reduce_boxes_in_lowest_layer`.
    """
    anchors = _anchors(side_px)
    count = len(anchors)
    if boxes.shape != (1, count, 4) or logits.ndim != 3 or logits.shape[:2] != (1, count):
        raise ModelShapeError(
            f"want (1, {count}, 4) and (1, {count}, classes), got {boxes.shape} and {logits.shape}"
        )
    require_finite("output", boxes, logits)
    of_class = logits[0, :, 1:]
    likely = of_class.max(axis=1) >= _logit(min_score)
    of_class, anchors, offsets = of_class[likely], anchors[likely], boxes[0][likely]
    scores = sigmoid(of_class.max(axis=1))
    centre = offsets[:, 1::-1] / _CENTRE_SCALE * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(np.clip(offsets[:, :1:-1] / _SIZE_SCALE, -20.0, 20.0)) * anchors[:, 2:] / 2
    corners = np.concatenate((centre - half, centre + half), axis=1)
    return Candidates(corners, scores, of_class.argmax(axis=1) + 1)


def _logit(score: float) -> float:
    if score <= 0.0:
        return -math.inf
    return math.inf if score >= 1.0 else math.log(score / (1.0 - score))


@lru_cache(maxsize=4)
def _anchors(side_px: int) -> NDArray[np.float32]:
    """(A, 4) float32: centre x, centre y, width, height in 0..1, in the order of the output."""
    found: list[tuple[float, float, float, float]] = []
    for layer, stride in enumerate(_STRIDES):
        cells = math.ceil(side_px / stride)
        shapes = _shapes(layer)
        found += [
            ((column + 0.5) / cells, (row + 0.5) / cells, width, height)
            for row in range(cells)
            for column in range(cells)
            for width, height in shapes
        ]
    return np.array(found, dtype=np.float32)


def _shapes(layer: int) -> list[tuple[float, float]]:
    """Width and height of each anchor of one cell: three in the lowest layer, six above."""
    scale, above = _SCALES[layer], _SCALES[layer + 1]
    if layer == 0:
        sized = [(1.0, 0.1), (2.0, scale), (0.5, scale)]
    else:
        sized = [(ratio, scale) for ratio in _RATIOS] + [(1.0, math.sqrt(scale * above))]
    return [(size * math.sqrt(ratio), size / math.sqrt(ratio)) for ratio, size in sized]
