"""Two detectors at the same pictures, by real tiny models."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.detect.accuracy import Accuracy
from media.detect.runtime import Detector
from media.detect.side_by_side import NothingToSee, SideBySide, Speed, side_by_side
from tests.media.detect.tiny import grey, save_ssd, tiny_description

LEFT, RIGHT = [0.0, 0.0, 0.25, 0.5], [0.5, 0.5, 1.0, 1.0]


def detector(folder: Path, *rows: list[float]) -> Detector:
    """It sees these rows at their scores, in a picture of level 110."""
    folder.mkdir()
    return Detector(tiny_description(), save_ssd(folder / "tiny.xml", rows), "CPU")


def test_a_model_agrees_with_itself(tmp_path: Path) -> None:
    one = detector(tmp_path / "a", [0, 1, 0.9, *LEFT], [0, 2, 0.8, *RIGHT])

    found = side_by_side(one, one, [grey(110)] * 3)

    assert found.pictures == 3
    assert [(each.feature, each.labels) for each in found.agreement] == [
        ("person", 3),
        ("vehicle", 3),
    ]
    assert {(each.precision, each.recall) for each in found.agreement} == {(1.0, 1.0)}
    assert min(found.reference.milliseconds, found.other.milliseconds) > 0
    assert min(found.reference.looks_per_second, found.other.looks_per_second) > 0


def test_what_the_reference_is_sure_of_is_what_the_other_should_find(tmp_path: Path) -> None:
    """Of two persons the other finds one, and one of its own; who is unsure counts for nothing."""
    reference = detector(
        tmp_path / "a", [0, 1, 0.9, *LEFT], [0, 1, 0.8, *RIGHT], [0, 1, 0.3, 0.6, 0.0, 0.7, 0.2]
    )
    other = detector(
        tmp_path / "b", [0, 1, 0.9, *LEFT], [0, 1, 0.3, *RIGHT], [0, 1, 0.7, 0.0, 0.6, 0.2, 0.9]
    )

    found = side_by_side(reference, other, [grey(110)])

    person, vehicle = found.agreement
    assert (person.labels, person.precision, person.recall) == (2, 0.5, 0.5)
    assert vehicle == Accuracy("vehicle", 0, None, None, None)


def test_without_pictures_there_is_nothing_to_tell(tmp_path: Path) -> None:
    one = detector(tmp_path / "a", [0, 1, 0.9, *LEFT])

    with pytest.raises(NothingToSee):
        side_by_side(one, one, [])


@pytest.mark.parametrize(
    ("other", "gain"),
    [(Speed(5, 300), 2.0), (Speed(5, 110), 1.1), (Speed(20, 50), 0.5)],
    ids=["both", "hardly at once", "slower"],
)
def test_the_gain_is_the_smaller_of_both_measures(other: Speed, gain: float) -> None:
    assert SideBySide(1, Speed(10, 100), other, ()).gain == pytest.approx(gain)
