"""SSD with raw outputs: anchors, encodings and logits to boxes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.detect.ssd_raw import decode_ssd_raw
from media.types import ModelShapeError

SIDE = 300
ANCHORS = 1917
NOTHING = -20.0


def outputs(classes: int = 4) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    boxes = np.zeros((1, ANCHORS, 4), dtype=np.float32)
    logits = np.full((1, ANCHORS, classes), NOTHING, dtype=np.float32)
    return boxes, logits


def test_an_encoding_of_zeros_is_the_anchor_itself() -> None:
    boxes, logits = outputs()
    logits[0, 0, 2] = 0.0  # the first anchor: cell 0, 0 of 19 x 19, a tenth of the frame wide

    found = decode_ssd_raw(boxes, logits, SIDE, 0.4)

    middle = 0.5 / 19
    assert found.classes.tolist() == [2]
    assert found.scores.tolist() == [0.5]
    expected = [middle - 0.05, middle - 0.05, middle + 0.05, middle + 0.05]
    np.testing.assert_allclose(found.boxes, [expected], atol=1e-6)


def test_offsets_are_in_tenths_and_sizes_in_fifths_of_the_anchor() -> None:
    boxes, logits = outputs()
    # The last anchor is in the middle, and as large as the mean of 0.95 and 1.
    boxes[0, -1] = [1.0, -2.0, 5 * np.log(0.5), 5 * np.log(0.25)]  # y, x, h, w
    logits[0, -1, 1] = 5.0

    found = decode_ssd_raw(boxes, logits, SIDE, 0.5)

    size = np.sqrt(0.95 * 1.0)
    x, y, w, h = 0.5 - 0.2 * size, 0.5 + 0.1 * size, 0.25 * size, 0.5 * size
    expected = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    np.testing.assert_allclose(found.boxes, [expected], atol=1e-6)


def test_the_background_is_never_an_object() -> None:
    boxes, logits = outputs()
    logits[0, 5, 0] = 10.0

    assert len(decode_ssd_raw(boxes, logits, SIDE, 0.1)) == 0


@pytest.mark.parametrize(
    ("boxes", "logits"),
    [((1, 1916, 4), (1, 1917, 4)), ((1, 1917, 4), (1, 1916, 4)), ((1, 1917, 5), (1, 1917, 4))],
)
def test_another_shape_is_refused(boxes: tuple[int, ...], logits: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match="want"):
        decode_ssd_raw(
            np.zeros(boxes, dtype=np.float32), np.zeros(logits, dtype=np.float32), SIDE, 0.4
        )


def test_nan_is_refused() -> None:
    boxes, logits = outputs()
    boxes[0, 7, 1] = np.nan

    with pytest.raises(ModelShapeError, match="not numbers"):
        decode_ssd_raw(boxes, logits, SIDE, 0.4)
