"""Readers: paths of a CTC network and rows of class numbers to text."""

import numpy as np
import pytest

from media.detect.text import Alphabet, Reading, read_ctc, read_sequence
from media.types import ModelShapeError

LABELS = ("", "5", "1", "F")
ALPHABET = Alphabet(LABELS, 4)


def path(*steps: int) -> np.ndarray:
    """Probabilities of a path, 0.75 for the class of each step; (1, steps, 4)."""
    found = np.full((1, len(steps), 4), 0.25 / 3, dtype=np.float32)
    found[0, np.arange(len(steps)), steps] = 0.75
    return found


def test_repeats_are_one_character_and_blanks_separate() -> None:
    found = read_ctc(path(0, 1, 1, 0, 1, 2, 3, 3, 0), ALPHABET)

    assert found.text == "551F"
    assert found.score == pytest.approx(0.75)


def test_steps_may_come_first() -> None:
    assert read_ctc(path(1, 2, 3).transpose(1, 0, 2), ALPHABET).text == "51F"


def test_logits_are_softened_and_probabilities_left_alone() -> None:
    probabilities = read_ctc(path(1, 2, 3), ALPHABET)
    logits = read_ctc(np.log(path(1, 2, 3)) + 5, ALPHABET)

    assert logits.text == probabilities.text
    assert logits.score == pytest.approx(probabilities.score)


def test_the_score_is_the_mean_of_the_characters_without_blanks() -> None:
    steps = path(1, 0, 2)
    steps[0, 1] = [1.0, 0.0, 0.0, 0.0]
    steps[0, 2] = [0.25, 0.0, 0.5, 0.25]

    assert read_ctc(steps, ALPHABET).score == pytest.approx((0.75 + 0.5) / 2)


def test_classes_that_are_not_read_are_none_but_make_unsure() -> None:
    steps = path(1, 2, 3)
    steps[0, 1] = [0.0, 0.0, 0.25, 0.75]

    found = read_ctc(steps, Alphabet(("", "5", "1"), 4, (0, 1, 2)))

    assert found.text.startswith("51")
    assert found.score is not None
    assert found.score < 0.75


def test_blanks_alone_read_nothing() -> None:
    assert read_ctc(path(0, 0), ALPHABET) == Reading("", 0.0)


@pytest.mark.parametrize("shape", [(1, 3, 5), (2, 3, 4), (3, 4)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelShapeError, match="want"):
        read_ctc(np.zeros(shape, dtype=np.float32), ALPHABET)


def test_numbers_are_read_until_the_end_mark() -> None:
    output = np.array([1, 2, 3, -1, 2], dtype=np.float32).reshape(1, 5, 1, 1)

    assert read_sequence(output, LABELS) == Reading("51F", None)


def test_numbers_without_an_end_mark_are_all_read() -> None:
    assert read_sequence(np.array([[3, 3]], dtype=np.float32), LABELS).text == "FF"


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (np.zeros((2, 3)), "want one row"),
        (np.zeros((1, 0)), "want one row"),
        (np.array([1.0, 4.0]), "4 labels"),
        (np.array([1.0, np.nan]), "not numbers"),
    ],
)
def test_other_numbers_are_refused(output: np.ndarray, complaint: str) -> None:
    with pytest.raises(ModelShapeError, match=complaint):
        read_sequence(output.astype(np.float32), LABELS)
