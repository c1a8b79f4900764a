"""Decode transformer detectors that give a box and logits for each of their queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import Candidates, require_finite
from media.detect.scores import sigmoid, softmax
from media.types import ModelShapeError


def decode_detr(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], min_score: float
) -> Candidates:
    """Objects of one picture, as DETR gives them: one query, one object.

    Args:
        boxes: (1, queries, 4) float32, centre x, centre y, width, height in 0..1 of the input.
        logits: (1, queries, classes) float32 before the softmax; the last class is "no object".
        min_score: 0..1.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: facebookresearch/detr, `PostProcess`.
    """
    _check(boxes, logits, 2)
    return _objects(boxes[0], softmax(logits[0])[:, :-1], min_score)


def decode_rt_detr(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], min_score: float
) -> Candidates:
    """As `decode_detr`, with logits before the sigmoid and no class for "no object".

    Source: Hugging Face transformers, `RTDetrImageProcessor.post_process_object_detection`.
    """
    _check(boxes, logits, 1)
    return _objects(boxes[0], sigmoid(logits[0]), min_score)


def _check(boxes: NDArray[np.float32], logits: NDArray[np.float32], least: int) -> None:
    queries = boxes.shape[1] if boxes.ndim == 3 else 0
    right = boxes.shape == (1, queries, 4) and logits.shape[:2] == (1, queries)
    if not right or logits.ndim != 3 or logits.shape[2] < least:
        raise ModelShapeError(
            f"want (1, queries, 4) and (1, queries, classes), got {boxes.shape} and {logits.shape}"
        )
    require_finite("output", boxes, logits)


def _objects(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], min_score: float
) -> Candidates:
    best = scores.max(axis=1)
    likely = np.flatnonzero(best >= min_score)
    half = boxes[likely, 2:] / 2
    centre = boxes[likely, :2]
    corners = np.concatenate((centre - half, centre + half), axis=1).astype(np.float32)
    return Candidates(corners, best[likely], scores[likely].argmax(axis=1))
