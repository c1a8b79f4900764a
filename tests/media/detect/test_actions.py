"""Clip classifiers: logits of actions to how sure they are of a feature."""

import numpy as np
import pytest

from media.detect.actions import decode_actions, embedding
from media.types import ModelShapeError

LABELS = ("hugging", "slapping", "wrestling", "reading")
FEATURES = {"violence": ("slapping", "wrestling"), "person": ("reading",)}


def test_the_probabilities_of_a_feature_s_labels_are_added() -> None:
    logits = np.log(np.array([[0.125, 0.25, 0.5, 0.125]], dtype=np.float32)) + 3

    found = decode_actions(logits, LABELS, FEATURES)

    assert found == pytest.approx({"violence": 0.75, "person": 0.125})


def test_probabilities_are_taken_as_they_are() -> None:
    found = decode_actions(np.array([[0.0, 0.5, 0.5, 0.0]], np.float32), LABELS, FEATURES)

    assert found == {"violence": 1.0, "person": 0.0}


@pytest.mark.parametrize("shape", [(1, 5), (2, 4), (4,)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match=r"want \(1, 4\)"):
        decode_actions(np.zeros(shape, dtype=np.float32), LABELS, FEATURES)


def test_an_embedding_is_a_vector() -> None:
    assert embedding(np.ones((1, 8, 1, 1), np.float32)).shape == (8,)
    with pytest.raises(ModelShapeError, match="want one vector"):
        embedding(np.ones((1, 8, 2, 1), np.float32))
    with pytest.raises(ModelShapeError, match="not numbers"):
        embedding(np.full((1, 8), np.nan, np.float32))
