"""SSD with a DetectionOutput layer: rows to boxes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.detect.ssd import decode_ssd
from media.types import ModelShapeError


def rows(*values: list[float]) -> NDArray[np.float32]:
    return np.array([[values]], dtype=np.float32)


def test_rows_after_the_end_marker_are_ignored() -> None:
    output = rows(
        [0, 1, 0.5, 0.0, 0.0, 0.25, 0.5],
        [-1, 0, 0, 0, 0, 0, 0],
        [0, 1, 0.75, 0, 0, 1, 1],
    )

    found = decode_ssd(output, 0.25)

    assert found.boxes.tolist() == [[0.0, 0.0, 0.25, 0.5]]
    assert found.scores.tolist() == [0.5]
    assert found.classes.tolist() == [1]


def test_what_lies_after_the_end_marker_need_not_be_numbers() -> None:
    output = rows([-1, 0, 0, 0, 0, 0, 0], [0, 1, float("nan"), 0, 0, 1, 1])

    assert len(decode_ssd(output, 0.1)) == 0


def test_low_scores_are_dropped() -> None:
    output = rows([0, 2, 0.25, 0, 0, 1, 1], [0, 2, 0.125, 0, 0, 1, 1])

    assert decode_ssd(output, 0.2).scores.tolist() == [0.25]


@pytest.mark.parametrize("shape", [(1, 1, 5, 6), (1, 2, 5, 7), (1, 5, 7)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match="want"):
        decode_ssd(np.zeros(shape, dtype=np.float32), 0.2)


def test_nan_is_refused() -> None:
    with pytest.raises(ModelShapeError, match="not numbers"):
        decode_ssd(rows([0, 1, 0.5, float("nan"), 0, 1, 1]), 0.2)
