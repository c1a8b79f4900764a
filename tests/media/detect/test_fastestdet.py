"""FastestDet: cells of a grid to boxes."""

import numpy as np
import pytest

from media.detect.fastestdet import decode_fastestdet
from media.types import ModelShapeError


def test_a_cell_is_decoded() -> None:
    output = np.zeros((1, 5 + 2, 4, 8), dtype=np.float32)
    # Row 1, column 4: not shifted; sigmoid(0) = half of the frame each way.
    output[0, :, 1, 4] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]

    found = decode_fastestdet(output, 0.5)

    assert found.classes.tolist() == [1]
    assert found.scores.tolist() == [1.0]
    np.testing.assert_allclose(found.boxes, [[0.25, 0.0, 0.75, 0.5]], atol=1e-6)


def test_the_score_weighs_objectness_more_than_the_class() -> None:
    output = np.zeros((1, 6, 1, 1), dtype=np.float32)
    output[0, :, 0, 0] = [0.5, 0, 0, 0, 0, 0.25]

    found = decode_fastestdet(output, 0.1)

    np.testing.assert_allclose(found.scores, [0.5**0.6 * 0.25**0.4], rtol=1e-6)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ModelShapeError, match="want"):
        decode_fastestdet(np.zeros((1, 5, 22, 22), dtype=np.float32), 0.5)


def test_infinity_is_refused() -> None:
    output = np.zeros((1, 6, 2, 2), dtype=np.float32)
    output[0, 2, 0, 0] = np.inf

    with pytest.raises(ModelShapeError, match="not numbers"):
        decode_fastestdet(output, 0.5)
