"""Decode what networks that name the action in a clip put out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import require_finite
from media.detect.scores import probabilities
from media.types import ModelShapeError

Embedding = NDArray[np.float32]
"""What an encoder makes of one frame: a vector, to be kept until its clip is full."""


def embedding(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """What an encoder makes of one frame, as a vector.

    Args:
        output: any shape with one axis longer than 1, such as (1, 512, 1, 1).

    Raises:
        ModelShapeError: another shape, or values that are not numbers.
    """
    if output.size == 0 or max(output.shape, default=1) != output.size:
        raise ModelShapeError(f"want one vector, got {output.shape}")
    require_finite("embedding", output)
    return output.reshape(-1)


def decode_actions(
    output: NDArray[np.float32], labels: Sequence[str], features: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """How sure the network is of each feature: the sum of the probabilities of its labels.

    Args:
        output: (1, classes) float32, logits or probabilities of one clip.
        labels: name of each class, by index.
        features: the labels that each feature stands for.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.
    """
    if output.shape != (1, len(labels)):
        raise ModelShapeError(f"want (1, {len(labels)}), got {output.shape}")
    require_finite("output", output)
    sure = dict(zip(labels, probabilities(output)[0].tolist(), strict=True))
    return {
        feature: min(1.0, sum(sure[label] for label in set(names)))
        for feature, names in features.items()
    }
