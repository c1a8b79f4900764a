"""Every family holds what is promised of all: no crash, boxes and scores in 0..1."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.detect.description import Family, ModelDescription, Task
from media.detect.families import actions, candidates, reading
from media.detect.picture import Placing
from media.detect.runtime import detections
from media.types import ModelShapeError
from tests.media.detect.tiny import DESCRIPTION

LABELS = '["background", "person", "car", "tree"]'
OUTPUTS: dict[Family, Callable[[int], list[tuple[int, ...]]]] = {
    Family.YOLOX: lambda _: [(1, 10, 9)],
    Family.YOLOV8: lambda n: [(1, 8, n)],
    Family.SSD: lambda n: [(1, 1, n, 7)],
    Family.SSD_RAW: lambda _: [(1, 42, 4), (1, 42, 5)],
    Family.FASTESTDET: lambda n: [(1, 9, n, 3)],
    Family.NANODET: lambda _: [(1, 11, 20)],
    Family.NANODET_PLUS: lambda _: [(1, 12, 20)],
    Family.DETR: lambda n: [(1, n, 4), (1, n, 5)],
    Family.RT_DETR: lambda n: [(1, n, 5), (1, n, 4)],
    Family.CTC: lambda n: [(1, n, 4)],
    Family.SEQUENCE: lambda n: [(1, n + 1)],
    Family.CLIP: lambda _: [(1, 4)],
}
"""Shapes that a network of this family may put out, for four labels (or five) and 32 x 16 px."""

DETECTORS = [family for family in Family if family.task is Task.DETECT]
LOGITS = {Family.DETR, Family.SSD_RAW}


def described(family: Family) -> ModelDescription:
    text = DESCRIPTION.replace('family = "ssd"', f'family = "{family}"')
    if family in LOGITS or family is Family.RT_DETR:
        text = text.replace('"tree"]', '"tree", "none"]')
    if family.task is Task.READ:
        text = text.replace(LABELS, '["", "5", "1", "F"]')
        text = text[: text.index("[features]")] + "[features]\nlicense_plate = []\n"
    if family is Family.CLIP:
        text = text.replace(
            "[input]", '[[files]]\nname = "b"\nsha256 = ["' + "0" * 64 + '"]\n[input]'
        )
        text += '[clip]\nfile = "b"\nframes = 2\n'
    return ModelDescription.from_toml(text)


def tensors(
    family: Family, rows: int, seed: int, spread: float, probable: bool
) -> list[np.ndarray]:
    """Noise in the shapes of a family; `probable` keeps it where scores may be."""
    random = np.random.default_rng(seed)
    made = []
    for shape in OUTPUTS[family](rows):
        noise = random.normal(0.0, 1.0, shape) * spread
        made.append((np.clip(noise, 0.0, 1.0) if probable else noise).astype(np.float32))
    return made


@pytest.mark.parametrize("family", DETECTORS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.integers(0, 40),
    seed=st.integers(0, 1 << 30),
    spread=st.sampled_from([0.0, 0.1, 1.0, 30.0, 1e4, 1e30, 3e38]),
    probable=st.booleans(),
)
def test_whatever_a_detector_puts_out_is_boxes_in_the_frame_or_a_refusal(
    family: Family, rows: int, seed: int, spread: float, probable: bool
) -> None:
    model = described(family)
    try:
        with np.errstate(over="ignore"):
            outputs = tensors(family, rows, seed, spread, probable)
        found = detections(outputs, model, Placing(32, 16))
    except ModelShapeError as error:
        assert str(error).startswith(f"model tiny ({family}): ")  # noqa: PT017 - either will do
        assert not probable or family is Family.SSD
        return

    assert all(0.0 <= each.score <= 1.0 for each in found)
    assert all(0.0 <= each.box.x0 < each.box.x1 <= 1.0 for each in found)
    assert all(0.0 <= each.box.y0 < each.box.y1 <= 1.0 for each in found)
    assert {each.feature for each in found} <= {"person", "vehicle"}


@pytest.mark.parametrize("family", [Family.CTC, Family.SEQUENCE])
@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(0, 40),
    seed=st.integers(0, 1 << 30),
    spread=st.sampled_from([0.0, 0.5, 1.0, 30.0, 1e30, 3e38]),
)
def test_whatever_a_reader_puts_out_is_text_or_a_refusal(
    family: Family, rows: int, seed: int, spread: float
) -> None:
    model = described(family)
    with np.errstate(over="ignore"):
        outputs = tensors(family, rows, seed, spread, False)
    try:
        found = reading(outputs, model)
    except ModelShapeError as error:
        assert str(error).startswith(f"model tiny ({family}): ")  # noqa: PT017 - either will do
        return

    assert set(found.text) <= set("51F")
    assert found.score is None or 0.0 <= found.score <= 1.0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 30), spread=st.sampled_from([0.0, 1.0, 50.0, 1e30]))
def test_whatever_a_clip_classifier_puts_out_is_a_share_of_each_feature(
    seed: int, spread: float
) -> None:
    found = actions(tensors(Family.CLIP, 0, seed, spread, False), described(Family.CLIP))

    assert found.keys() == {"person", "vehicle"}
    assert 0.0 <= sum(found.values()) <= 1.0 + 1e-6


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("shapes", [[], [(3,)], [(1, 2, 3, 4, 5)], [(0, 0, 0)], [(1, 1, 1)] * 3])
def test_tensors_of_no_such_kind_are_refused(family: Family, shapes: list[tuple[int, ...]]) -> None:
    outputs = [np.zeros(shape, dtype=np.float32) for shape in shapes]
    model = described(family)
    read = {Task.DETECT: candidates, Task.READ: reading, Task.CLASSIFY: actions}[family.task]
    if family is Family.SEQUENCE and shapes == [(3,)]:
        assert reading(outputs, model).text == ""
        return

    with pytest.raises(ModelShapeError, match=rf"model tiny \({family}\): "):
        read(outputs, model)


@pytest.mark.parametrize(
    ("family", "shapes"),
    [
        (Family.YOLOX, [(1, 10, 10)]),
        (Family.FASTESTDET, [(1, 10, 1, 2)]),
        (Family.SSD_RAW, [(1, 42, 4), (1, 42, 6)]),
        (Family.DETR, [(1, 3, 4), (1, 3, 6)]),
    ],
)
def test_another_number_of_classes_than_labels_is_refused(
    family: Family, shapes: list[tuple[int, ...]]
) -> None:
    outputs = [np.zeros(shape, dtype=np.float32) for shape in shapes]

    with pytest.raises(ModelShapeError, match=r"it has \d classes, output.labels names \d"):
        candidates(outputs, described(family))


def test_scores_before_their_sigmoid_are_refused() -> None:
    output = np.zeros((1, 8, 2), dtype=np.float32)
    output[0, 5] = 4.5

    with pytest.raises(ModelShapeError, match=r"scores outside 0\.\.1"):
        candidates([output], described(Family.YOLOV8))


def test_boxes_and_logits_that_look_alike_have_to_be_named() -> None:
    outputs = [np.zeros((1, 3, 4), np.float32)] * 2
    text = DESCRIPTION.replace('family = "ssd"', 'family = "detr"')
    named = text.replace("labels = [", 'tensors = ["boxes", "logits"]\nlabels = [')

    with pytest.raises(ModelShapeError, match=r"name them in output\.tensors"):
        candidates(outputs, ModelDescription.from_toml(text))
    assert len(candidates(outputs, ModelDescription.from_toml(named))) == 3
