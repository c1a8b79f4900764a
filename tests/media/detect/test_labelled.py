"""Which classes of labelled pictures are of which feature, and which files are pictures."""

from pathlib import Path

import pytest

from media.detect.labelled import feature_of, pictures_in


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("Person", "person"),
        ("pedestrians", "person"),
        ("motorcycle", "vehicle"),
        ("Motorbike", "vehicle"),
        ("buses", "vehicle"),
        ("Cars", "vehicle"),
        ("license_plate", "license_plate"),
        ("License-Plate", "license_plate"),
        ("LicensePlate", "license_plate"),
        ("Vehicle registration plate", "license_plate"),
        ("human_face", "face"),
        ("traffic light", None),
        ("bicycle", None),
        ("", None),
    ],
)
def test_classes_lead_to_features(name: str, feature: str | None) -> None:
    assert feature_of(name) == feature


def test_pictures_are_found_below_a_folder_and_what_is_hidden_is_not(tmp_path: Path) -> None:
    for name in ("b/c.PNG", "a.jpeg", "a.txt", "._a.jpeg", ".cache/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert pictures_in(tmp_path) == [tmp_path / "a.jpeg", tmp_path / "b" / "c.PNG"]
