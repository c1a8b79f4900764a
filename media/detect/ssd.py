"""Decode the output of SSD-style detectors that end in a DetectionOutput layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import Candidates, require_finite
from media.types import ModelShapeError

_COLUMNS = 7


def decode_ssd(output: NDArray[np.float32], min_score: float) -> Candidates:
    """Objects of one picture; the layer has suppressed doubles of one class itself.

    Args:
        output: (1, 1, N, 7) float32. A row is image, class, score, x0, y0, x1, y1, corners in
            0..1 of the input; the first row with image < 0 ends the list.
        min_score: rows scoring less are dropped; 0..1.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: OpenVINO opset8 DetectionOutput, "Outputs".
    """
    if output.ndim != 4 or output.shape[:2] != (1, 1) or output.shape[3] != _COLUMNS:
        raise ModelShapeError(f"want (1, 1, N, 7), got {output.shape}")
    rows = output[0, 0]
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if len(ends) else rows
    require_finite("output", rows)
    rows = rows[rows[:, 2] >= min_score]
    return Candidates(rows[:, 3:], rows[:, 2], rows[:, 1].astype(np.int64))
