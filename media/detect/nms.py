"""Candidate boxes of one picture, and dropping those that show an object twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.types import ModelShapeError

MAX_CANDIDATES = 300
"""More boxes than this in one picture are noise, and suppression takes the square of it."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a network claims to see, in any order.

    Attributes:
        boxes: (N, 4) float32, x0, y0, x1, y1 in 0..1 of the network's input; may reach out of it.
        scores: (N,) float32, 0..1.
        classes: (N,) int64, index into the model's labels.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Candidates:
        return Candidates(self.boxes[rows], self.scores[rows], self.classes[rows])


def require_finite(name: str, *tensors: NDArray[np.float32]) -> None:
    """Raises ModelShapeError: a tensor holds NaN or infinity, as a broken model's does."""
    for tensor in tensors:  # the least and the greatest of numbers are numbers; NaN is passed on
        if not (np.isfinite(tensor.min(initial=0)) and np.isfinite(tensor.max(initial=0))):
            raise ModelShapeError(f"{name} holds values that are not numbers")


def suppress(candidates: Candidates, groups: NDArray[np.int64], max_overlap: float) -> Candidates:
    """Non-maximum suppression within each group, best first.

    Args:
        candidates: the best MAX_CANDIDATES of them are looked at.
        groups: (N,) boxes compete only with those of the same group.
        max_overlap: intersection over union above which the weaker box is dropped.
    """
    order = np.argsort(-candidates.scores, kind="stable")[:MAX_CANDIDATES]
    best, group = candidates.take(order), groups[order]
    rival = overlaps(best.boxes, best.boxes) > max_overlap
    rival &= group[:, None] == group[None, :]
    alive = np.ones(len(order), dtype=np.bool_)
    for row in range(len(order)):
        if alive[row]:
            alive[row + 1 :] &= ~rival[row, row + 1 :]
    return best.take(alive)


def overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of every box of `a` (N, 4) with every one of `b` (M, 4): (N, M)."""
    shared = _common(a, b, 0) * _common(a, b, 1)
    union = np.add.outer(_areas(a), _areas(b)) - shared
    result: NDArray[np.float32] = np.where(union > 0, shared / np.maximum(union, 1e-12), 0.0)
    return result


def _common(a: NDArray[np.float32], b: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Length that two boxes share along an axis, 0 for x and 1 for y: (N, M)."""
    low = np.maximum.outer(a[:, axis], b[:, axis])
    high = np.minimum.outer(a[:, axis + 2], b[:, axis + 2])
    length: NDArray[np.float32] = np.maximum(high - low, 0.0)
    return length


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    areas: NDArray[np.float32] = sides[:, 0] * sides[:, 1]
    return areas
