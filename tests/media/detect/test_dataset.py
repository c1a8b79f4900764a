"""Labelled pictures in YOLO's folders and in COCO's JSON."""

from pathlib import Path

import pytest

from media.detect.dataset import DatasetError, feature_of, read_dataset
from media.types import Box
from tests.data import shared_data
from tests.media.detect.pictures import save_coco, save_yolo

PERSON, CAR = Box(0.0, 0.0, 0.25, 0.5), Box(0.5, 0.5, 1.0, 1.0)


def test_folders_of_yolo_are_read(tmp_path: Path) -> None:
    first, second = read_dataset(save_yolo(tmp_path))

    assert (first.picture.name, second.picture.name) == ("a.jpg", "b.jpg")
    assert first.boxes == {"person": [PERSON], "vehicle": [CAR]}
    assert second.boxes == {"person": [], "vehicle": []}
    assert first.crowds == {}


def test_the_json_of_coco_is_read_with_its_crowds(tmp_path: Path) -> None:
    first, second = read_dataset(save_coco(tmp_path))

    assert (first.picture.name, second.picture.name) == ("a.jpg", "b.jpg")
    assert first.boxes == {"person": [PERSON], "vehicle": [CAR]}
    assert second.boxes == {"person": [], "vehicle": []}
    assert second.crowds == {"person": [Box(0.0, 0.0, 0.5, 1.0)], "vehicle": []}


@pytest.mark.parametrize(
    "text",
    [
        "\nnames: [person, tree, car]\n",
        "nc: 3\nnames: ['person', \"tree\",\n  'car']\n",
        "nc: 3\nnames:\n- person\n- tree\n- car\n",
    ],
)
def test_names_may_be_written_as_a_list(tmp_path: Path, text: str) -> None:
    (save_yolo(tmp_path) / "names.yaml").write_text(text)

    assert read_dataset(tmp_path)[0].boxes == {"person": [PERSON], "vehicle": [CAR]}


def test_names_may_be_lines_of_classes_txt(tmp_path: Path) -> None:
    (save_yolo(tmp_path) / "classes.txt").write_text("tree\nperson\npedestrian\n")

    assert read_dataset(tmp_path)[0].boxes == {"person": [CAR]}


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("Person", "person"),
        ("motorcycle", "vehicle"),
        ("license_plate", "license_plate"),
        ("License-Plate", "license_plate"),
        ("traffic light", None),
    ],
)
def test_classes_lead_to_features(name: str, feature: str | None) -> None:
    assert feature_of(name) == feature


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("labels/val/a.txt", "0 0.5 0.5\n", r"a\.txt, line 1: "),
        ("labels/val/a.txt", "\n9 0.5 0.5 0.1 0.1\n", r"a\.txt, line 2: "),
        ("labels/val/a.txt", "-1 0.5 0.5 0.1 0.1\n", r"a\.txt, line 1: .*-1 is no class"),
        ("labels/val/a.txt", "0 x 0.5 0.1 0.1\n", r"a\.txt, line 1: "),
        ("names.yaml", "train: x\n", "no names of classes"),
        ("classes.txt", "kite\ntree\nleaf\n", "none of its classes is of a feature"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    (save_yolo(tmp_path) / file).write_text(text)

    with pytest.raises(DatasetError, match=complaint):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("found", "instead", "complaint"),
    [
        ('"width": 64', '"width": 0', "width"),
        ('"image_id": 7', '"image_id": 8', "image 8, which it lacks"),
        ('"categories"', '"classes"', "categories"),
        ('"a.jpg"', '"c.jpg"', r"c\.jpg is there 0 times"),
        ("{", "(", "annotations"),
    ],
)
def test_faulty_json_is_named(tmp_path: Path, found: str, instead: str, complaint: str) -> None:
    path = save_coco(tmp_path) / "annotations" / "instances_val2017.json"
    path.write_text(path.read_text().replace(found, instead))

    with pytest.raises(DatasetError, match=complaint):
        read_dataset(tmp_path)


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="want a folder labels, or one COCO"):
        read_dataset(tmp_path)
    with pytest.raises(DatasetError, match="no folder"):
        read_dataset(tmp_path / "none")


def test_the_labelled_images_of_coco_have_their_known_numbers() -> None:
    found = read_dataset(shared_data() / "images" / "coco-val2017-128")

    assert len(found) == 65
    assert sum(len(each.boxes["person"]) for each in found) == 198
    assert sum(len(each.boxes["vehicle"]) for each in found) == 23
