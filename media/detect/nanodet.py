"""Decode the output of NanoDet and NanoDet-Plus detectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import Candidates, require_finite
from media.detect.scores import softmax
from media.types import ModelShapeError

_SIDES = 4


@dataclass(frozen=True, slots=True)
class NanoDetHead:
    """Where the cells are that a head's rows stand for.

    Attributes:
        strides: px of the input from cell to cell, of each grid in the output's order.
        centre: where in its cell the point lies that distances are from; 0 is the top left.
    """

    strides: tuple[int, ...]
    centre: float


NANODET = NanoDetHead((8, 16, 32), 0.5)
NANODET_PLUS = NanoDetHead((8, 16, 32, 64), 0.0)


def decode_nanodet(
    output: NDArray[np.float32],
    classes: int,
    head: NanoDetHead,
    size_px: tuple[int, int],
    min_score: float,
) -> Candidates:
    """Objects that the network sees, several boxes for each: suppression is the caller's.

    Args:
        output: (1, A, classes + 4 * bins) float32, A the cells of the head's grids, row by row. A
            row is one score per class after the sigmoid, then for left, top, right and bottom the
            logits of a distribution over distances of 0, 1, 2, ... strides.
        classes: how many there are.
        head: NANODET or NANODET_PLUS.
        size_px: width and height of the network's input.
        min_score: 0..1.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: RangiLyu/nanodet, `nanodet_plus_head.py` and `gfl_head.py`.
    """
    points, strides = _grid(head, size_px)
    bins = (output.shape[-1] - classes) // _SIDES if output.ndim == 3 else 0
    if bins < 2 or output.shape != (1, len(points), classes + _SIDES * bins):
        raise ModelShapeError(f"want (1, {len(points)}, {classes} + 4 * bins), got {output.shape}")
    require_finite("output", output)
    scores = output[0, :, :classes].max(axis=1)
    likely = np.flatnonzero(scores >= min_score)
    rows, points, strides = output[0, likely], points[likely], strides[likely]
    spread = softmax(rows[:, classes:].reshape(-1, _SIDES, bins))
    away = (spread * np.arange(bins)).sum(axis=2) * strides
    corners = np.concatenate((points - away[:, :2], points + away[:, 2:]), axis=1)
    boxes = (corners / np.array(size_px * 2)).astype(np.float32)
    return Candidates(boxes, scores[likely], rows[:, :classes].argmax(axis=1))


def joined(outputs: Sequence[NDArray[np.float32]], classes: int) -> NDArray[np.float32]:
    """The one output of newer exports, out of the scores and distances of each grid of older ones.

    Raises:
        ModelShapeError: they are not pairs of (1, cells, classes) and (1, cells, 4 * bins).
    """
    if len(outputs) == 1:
        return outputs[0]
    scores = {tensor.shape[:2]: tensor for tensor in outputs if tensor.shape[2:] == (classes,)}
    others = {tensor.shape[:2]: tensor for tensor in outputs if tensor.shape[2:] != (classes,)}
    widths = {tensor.shape[2:] for tensor in others.values()}
    paired = scores.keys() == others.keys() and 2 * len(scores) == len(outputs)
    if not paired or len(widths) != 1 or any(tensor.ndim != 3 for tensor in outputs):
        shapes = [tensor.shape for tensor in outputs]
        raise ModelShapeError(f"want scores and distances of each grid, got {shapes}")
    grids = sorted(scores, reverse=True)  # the finest first, as their strides are
    pairs = [np.concatenate((scores[grid], others[grid]), axis=2) for grid in grids]
    if len({len(pair) for pair in pairs}) != 1:
        raise ModelShapeError("its grids are of different batches")
    return np.concatenate(pairs, axis=1)


@lru_cache(maxsize=8)
def _grid(
    head: NanoDetHead, size_px: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The point of every cell in px, (A, 2), and its stride, (A, 1)."""
    points, strides = [], []
    for stride in head.strides:
        columns, rows = (math.ceil(side / stride) for side in size_px)
        y, x = np.mgrid[:rows, :columns]
        points.append((np.stack((x, y), axis=2).reshape(-1, 2) + head.centre) * stride)
        strides.append(np.full((rows * columns, 1), stride))
    return (
        np.concatenate(points).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
    )
