"""Decode what networks that read a line of text, such as a number plate, put out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.detect.nms import require_finite
from media.detect.scores import probabilities
from media.types import ModelShapeError

BLANK = ""
"""The label of the class that a CTC network puts between characters."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A line of text as it was read.

    Attributes:
        text: the labels of its characters, joined; empty where nothing was read.
        score: mean probability of its characters, 0..1; None where the network tells none.
    """

    text: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What the classes of a CTC network stand for.

    Attributes:
        labels: a character for each class, or for each of `indexes`; BLANK for the blank.
        classes: how many there are.
        indexes: which of them are read, the others being none; empty for all.
    """

    labels: tuple[str, ...]
    classes: int
    indexes: tuple[int, ...] = ()


def read_ctc(output: NDArray[np.float32], alphabet: Alphabet) -> Reading:
    """The likeliest path: repeated classes are one character, blanks separate.

    Args:
        output: (1, steps, classes) or (steps, 1, classes) float32, logits or probabilities.
        alphabet: of its classes.

    Raises:
        ModelShapeError: another shape, or values that are not numbers.

    Source: Graves et al. 2006, "best path decoding".
    """
    labels, classes = alphabet.labels, alphabet.classes
    if output.ndim != 3 or 1 not in output.shape[:2] or output.shape[2] != classes:
        want = f"(1, steps, {classes}) or (steps, 1, {classes})"
        raise ModelShapeError(f"want {want}, got {output.shape}")
    require_finite("output", output)
    steps = probabilities(output.reshape(-1, classes))
    if alphabet.indexes:
        steps = steps[:, list(alphabet.indexes)]
    path = steps.argmax(axis=1)
    begins = np.ones(len(path), dtype=np.bool_)
    begins[1:] = path[1:] != path[:-1]
    chosen = [step for step in np.flatnonzero(begins) if labels[path[step]] != BLANK]
    sure = [float(steps[step, path[step]]) for step in chosen]
    score = sum(sure) / len(sure) if sure else 0.0
    return Reading("".join(labels[path[step]] for step in chosen), min(1.0, score))


def read_sequence(output: NDArray[np.float32], labels: Sequence[str]) -> Reading:
    """Class numbers, one a character, as networks give them that end in a decoder layer.

    Args:
        output: any shape with one axis longer than 1, float32; a number below 0 ends the text.
        labels: a character for each class.

    Raises:
        ModelShapeError: another shape, or numbers that are no class.

    Source: OpenVINO CTCGreedyDecoder; Open Model Zoo, license-plate-recognition-barrier-0001.
    """
    if output.size == 0 or max(output.shape, default=1) != output.size:
        raise ModelShapeError(f"want one row of numbers, got {output.shape}")
    numbers = output.reshape(-1)
    require_finite("output", numbers)
    ends = np.flatnonzero(numbers < 0)
    numbers = np.rint(numbers[: ends[0]] if len(ends) else numbers)
    if numbers.max(initial=0.0) >= len(labels):
        raise ModelShapeError(f"a class outside its {len(labels)} labels")
    return Reading("".join(labels[int(number)] for number in numbers), None)
