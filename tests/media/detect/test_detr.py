"""DETR and RT-DETR: a box and logits for each query."""

import math

import numpy as np
import pytest

from media.detect.detr import decode_detr, decode_rt_detr
from media.types import ModelShapeError

BOXES = np.array([[[0.5, 0.5, 0.5, 1.0], [0.25, 0.25, 0.5, 0.5]]], dtype=np.float32)


def test_no_object_is_the_last_class_of_detr() -> None:
    logits = np.log(np.array([[[0.125, 0.75, 0.125], [0.0625, 0.0625, 0.875]]], np.float32))

    found = decode_detr(BOXES, logits, 0.1)

    assert found.classes.tolist() == [1]
    np.testing.assert_allclose(found.scores, [0.75], rtol=1e-5)
    assert found.boxes.tolist() == [[0.25, 0.0, 0.75, 1.0]]


def test_every_class_of_rt_detr_is_an_object() -> None:
    logits = np.array([[[-9.0, -9.0], [0.0, math.log(3.0)]]], dtype=np.float32)

    found = decode_rt_detr(BOXES, logits, 0.1)

    assert found.classes.tolist() == [1]
    np.testing.assert_allclose(found.scores, [0.75], rtol=1e-5)
    assert found.boxes.tolist() == [[0.0, 0.0, 0.5, 0.5]]


@pytest.mark.parametrize(
    ("boxes", "logits"),
    [
        ((1, 5, 4), (1, 6, 3)),
        ((1, 5, 5), (1, 5, 3)),
        ((2, 5, 4), (2, 5, 3)),
        ((5, 4), (5, 3)),
        ((1, 5, 4), (1, 5, 1)),
    ],
)
def test_other_shapes_are_refused(boxes: tuple[int, ...], logits: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match=r"want \(1, queries, 4\)"):
        decode_detr(np.zeros(boxes, np.float32), np.zeros(logits, np.float32), 0.1)


def test_infinity_is_refused() -> None:
    logits = np.full((1, 2, 3), np.inf, dtype=np.float32)

    with pytest.raises(ModelShapeError, match="not numbers"):
        decode_rt_detr(BOXES, logits, 0.1)
