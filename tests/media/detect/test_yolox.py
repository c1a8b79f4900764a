"""YOLOX: rows of grid cells to boxes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.detect.yolox import decode_yolox
from media.types import ModelShapeError

CELLS = 16 + 4 + 1  # a 32 x 32 input has 4 x 4, 2 x 2 and 1 x 1 cells


def empty(classes: int = 3) -> NDArray[np.float32]:
    return np.zeros((1, CELLS, 5 + classes), dtype=np.float32)


def test_a_cell_is_decoded_by_its_place_and_stride() -> None:
    output = empty()
    # Column 2, row 1 of the finest grid; the box is 8 x 16 px around (20, 12).
    output[0, 1 * 4 + 2] = [0.5, 0.5, np.log(1), np.log(2), 0.8, 0.0, 0.5, 0.0]

    found = decode_yolox(output, 32, 32, 0.3)

    assert found.classes.tolist() == [1]
    np.testing.assert_allclose(found.scores, [0.4], rtol=1e-6)
    np.testing.assert_allclose(found.boxes, [[0.5, 0.125, 0.75, 0.625]], rtol=1e-6)


def test_the_coarsest_cell_comes_last() -> None:
    output = empty()
    output[0, -1] = [0.5, 0.5, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]

    found = decode_yolox(output, 32, 32, 0.3)

    np.testing.assert_allclose(found.boxes, [[0.0, 0.0, 1.0, 1.0]], atol=1e-6)


def test_the_score_is_objectness_times_class() -> None:
    output = empty()
    output[0, 0] = [0, 0, 0, 0, 0.5, 0.5, 0, 0]

    assert len(decode_yolox(output, 32, 32, 0.25)) == 1
    assert len(decode_yolox(output, 32, 32, 0.26)) == 0


@pytest.mark.parametrize("shape", [(1, 20, 8), (2, 21, 8), (1, 21, 5), (21, 8)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match="want"):
        decode_yolox(np.zeros(shape, dtype=np.float32), 32, 32, 0.3)


def test_nan_is_refused() -> None:
    output = empty()
    output[0, 3, 4] = np.nan

    with pytest.raises(ModelShapeError, match="not numbers"):
        decode_yolox(output, 32, 32, 0.3)


def test_a_size_beyond_all_measure_stays_a_number() -> None:
    output = empty()
    output[0, 0] = [0, 0, 1000, 1000, 1, 1, 0, 0]

    assert np.isfinite(decode_yolox(output, 32, 32, 0.3).boxes).all()
