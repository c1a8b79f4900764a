"""YOLOv8: columns (or rows) of cells to boxes."""

import numpy as np
import pytest

from media.detect.yolov8 import decode_yolov8
from media.types import ModelShapeError

SIZE = (64, 32)


def cells() -> np.ndarray:
    """Three cells of a network with two classes, (6, 3)."""
    return np.array(
        [
            [32, 16, 32, 16, 0.25, 0.75],
            [8, 8, 16, 16, 0.5, 0.125],
            [50, 20, 4, 4, 0.0, 0.0625],
        ],
        dtype=np.float32,
    ).T


def test_cells_are_decoded_and_weak_ones_left_out() -> None:
    found = decode_yolov8(cells()[None], 2, SIZE, 0.1)

    assert found.classes.tolist() == [1, 0]
    assert found.scores.tolist() == [0.75, 0.5]
    assert found.boxes.tolist() == [[0.25, 0.25, 0.75, 0.75], [0.0, 0.0, 0.25, 0.5]]


def test_the_transposed_output_gives_the_same() -> None:
    found = decode_yolov8(np.ascontiguousarray(cells().T[None]), 2, SIZE, 0.1)

    assert found.scores.tolist() == [0.75, 0.5]
    assert found.boxes.tolist() == [[0.25, 0.25, 0.75, 0.75], [0.0, 0.0, 0.25, 0.5]]


@pytest.mark.parametrize("shape", [(1, 7, 3), (2, 6, 3), (6, 3), (1, 6, 3, 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match=r"want \(1, 6, N\) or \(1, N, 6\)"):
        decode_yolov8(np.zeros(shape, dtype=np.float32), 2, SIZE, 0.1)


def test_nan_is_refused() -> None:
    output = cells()[None].copy()
    output[0, 2, 2] = np.nan

    with pytest.raises(ModelShapeError, match="not numbers"):
        decode_yolov8(output, 2, SIZE, 0.1)
