"""NanoDet: cells with distributions over distances to boxes."""

import numpy as np
import pytest

from media.detect.nanodet import NANODET, NANODET_PLUS, decode_nanodet, joined
from media.types import ModelShapeError

SIZE = (64, 32)
CLASSES, BINS = 2, 4
SURE = 60.0
"""A logit beside zeros: all of the distribution."""


def output(cells: int) -> np.ndarray:
    return np.zeros((1, cells, CLASSES + 4 * BINS), dtype=np.float32)


def with_cell(found: np.ndarray, row: int, scores: list[float], bins: list[int]) -> np.ndarray:
    """Cell `row` at these distances (left, top, right, bottom), in strides."""
    found[0, row, :CLASSES] = scores
    for side, place in enumerate(bins):
        found[0, row, CLASSES + side * BINS + place] = SURE
    return found


def test_a_cell_reaches_from_its_centre() -> None:
    # Grids of 8 x 4, 4 x 2 and 2 x 1 cells; row 1, column 2 of the second, stride 16.
    tensor = with_cell(output(42), 32 + 4 + 2, [0.25, 0.75], [1, 0, 1, 0])

    found = decode_nanodet(tensor, CLASSES, NANODET, SIZE, 0.1)

    assert (found.classes.tolist(), found.scores.tolist()) == ([1], [0.75])
    np.testing.assert_allclose(found.boxes, [[24 / 64, 24 / 32, 56 / 64, 24 / 32]], atol=1e-6)


def test_the_plus_version_reaches_from_the_top_left_and_has_a_fourth_grid() -> None:
    tensor = with_cell(output(43), 42, [0.5, 0.25], [0, 0, 1, 0])  # its only cell of stride 64

    found = decode_nanodet(tensor, CLASSES, NANODET_PLUS, SIZE, 0.1)

    np.testing.assert_allclose(found.boxes, [[0.0, 0.0, 1.0, 0.0]], atol=1e-6)


def test_a_distance_is_the_mean_of_its_distribution() -> None:
    tensor = output(42)
    tensor[0, 0, :CLASSES] = [0.5, 0.0]  # all bins alike: 1.5 strides of 8 px each way

    found = decode_nanodet(tensor, CLASSES, NANODET, SIZE, 0.1)

    np.testing.assert_allclose(found.boxes, [[-8 / 64, -8 / 32, 16 / 64, 16 / 32]], atol=1e-6)


def test_grids_in_outputs_of_their_own_are_joined() -> None:
    whole = np.arange(42 * 18, dtype=np.float32).reshape(1, 42, 18)
    parts = [whole[:, 40:, 2:], whole[:, 32:40, :2], whole[:, :32, :2]]
    parts += [whole[:, 32:40, 2:], whole[:, :32, 2:], whole[:, 40:, :2]]

    assert np.array_equal(joined(parts, CLASSES), whole)


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 8, 2), (1, 8, 2)],
        [(1, 8, 2), (1, 4, 16)],
        [(1, 8, 2), (1, 8, 16), (1, 4, 2)],
        [(1, 8, 2), (1, 8, 16), (1, 4, 2), (1, 4, 12)],
        [(1, 8, 2), (1, 8)],
        [(1, 8, 2), (1, 8, 16), (2, 4, 2), (2, 4, 16)],
        [],
    ],
)
def test_grids_that_do_not_pair_are_refused(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ModelShapeError, match="grid"):
        joined([np.zeros(shape, dtype=np.float32) for shape in shapes], CLASSES)


@pytest.mark.parametrize("shape", [(1, 41, 18), (1, 42, 17), (1, 42, 6), (42, 18)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match=r"want \(1, 42, 2 \+ 4 \* bins\)"):
        decode_nanodet(np.zeros(shape, dtype=np.float32), CLASSES, NANODET, SIZE, 0.1)


def test_nan_is_refused() -> None:
    tensor = output(42)
    tensor[0, 3, 5] = np.nan

    with pytest.raises(ModelShapeError, match="not numbers"):
        decode_nanodet(tensor, CLASSES, NANODET, SIZE, 0.1)
