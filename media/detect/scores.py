"""Turn what a network's last layer says into probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-3


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(-np.clip(logits, -80.0, 80.0))
    return (1.0 / (1.0 + powers)).astype(np.float32, copy=False)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the last axis, which has an element at least."""
    powers = np.exp(np.clip(logits - logits.max(axis=-1, keepdims=True), -80.0, 0.0))
    result: NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return result


def probabilities(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows that sum to one as they are; all else (logits, their logarithms) after the softmax."""
    sums = rows.sum(axis=-1)
    if rows.min(initial=0.0) >= -_ROUNDING and np.abs(sums - 1.0).max(initial=0.0) <= _ROUNDING:
        return np.clip(rows, 0.0, 1.0)
    return softmax(rows)
