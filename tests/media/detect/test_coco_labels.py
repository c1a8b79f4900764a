"""Labels in COCO's way, wherever pictures and JSON lie."""

from pathlib import Path

import pytest

from media.detect.dataset import DatasetError, read_dataset
from media.types import Box
from tests.media.detect.pictures import save_coco, save_picture

PERSON, CAR = Box(0.0, 0.0, 0.25, 0.5), Box(0.5, 0.5, 1.0, 1.0)
JSON = "annotations/instances_val2017.json"


def test_the_json_of_coco_is_read_with_its_crowds(tmp_path: Path) -> None:
    first, second = read_dataset(save_coco(tmp_path))

    assert (first.picture.name, second.picture.name) == ("a.jpg", "b.jpg")
    assert first.boxes == {"person": [PERSON], "vehicle": [CAR]}
    assert second.boxes == {"person": [], "vehicle": []}
    assert second.crowds == {"person": [Box(0.0, 0.0, 0.5, 1.0)], "vehicle": []}
    assert first.size_px == (64, 32)


@pytest.mark.parametrize("place", [JSON, "annotations", "."])
def test_the_file_or_its_folder_may_be_given(tmp_path: Path, place: str) -> None:
    assert len(read_dataset(save_coco(tmp_path) / place)) == 2


@pytest.mark.parametrize("place", ["labels.json", "val2017/_annotations.coco.json", JSON])
def test_the_json_lies_above_or_beside_the_pictures(tmp_path: Path, place: str) -> None:
    text = (save_coco(tmp_path) / JSON).rename(tmp_path / "j").read_text()
    (tmp_path / place).write_text(text)

    assert len(read_dataset(tmp_path)) == 2


@pytest.mark.parametrize("said", ["val2017/a.jpg", "val2017\\\\a.jpg", "set/val2017/a.jpg"])
def test_the_name_of_a_picture_may_have_folders(tmp_path: Path, said: str) -> None:
    path = save_coco(tmp_path) / JSON
    path.write_text(path.read_text().replace('"a.jpg"', f'"{said}"'))

    assert tmp_path / "val2017" / "a.jpg" in [each.picture for each in read_dataset(tmp_path)]


def test_of_pictures_alike_in_name_the_folder_tells(tmp_path: Path) -> None:
    path = save_coco(tmp_path) / JSON
    save_picture(tmp_path / "pictures" / "cam2" / "a.jpg")
    text = path.read_text()

    with pytest.raises(DatasetError, match=r"a\.jpg is there 2 times"):
        read_dataset(tmp_path)
    path.write_text(text.replace('"a.jpg"', '"cam2/a.jpg"'))

    assert tmp_path / "pictures" / "cam2" / "a.jpg" in [
        each.picture for each in read_dataset(tmp_path)
    ]


def test_pictures_that_are_not_there_are_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (save_coco(tmp_path) / "val2017" / "a.jpg").unlink()

    assert [each.picture.name for each in read_dataset(tmp_path)] == ["b.jpg"]
    assert "1 of 2 pictures are not there" in caplog.text


def test_of_several_files_the_one_with_boxes_to_judge_by_is_read(tmp_path: Path) -> None:
    path = save_coco(tmp_path) / JSON
    path.with_name("instances_train2017.json").write_text(path.read_text())
    path.with_name("person_keypoints_val2017.json").write_text(path.read_text())
    path.with_name("captions_val2017.json").write_text("{}")

    assert len(read_dataset(tmp_path)) == 2


def test_several_alike_are_refused_and_one_can_be_named(tmp_path: Path) -> None:
    path = save_coco(tmp_path) / JSON
    other = path.with_name("instances_val2018.json")
    other.write_text(path.read_text())

    with pytest.raises(DatasetError, match=r"name the file itself .*_val2017\.json, .*_val2018"):
        read_dataset(tmp_path)

    assert len(read_dataset(other)) == 2


def test_what_is_to_be_ignored_counts_as_a_crowd(tmp_path: Path) -> None:
    path = save_coco(tmp_path) / JSON
    path.write_text(path.read_text().replace('"iscrowd": 0', '"ignore": true'))

    first, _ = read_dataset(tmp_path)

    assert (first.boxes["person"], first.crowds["person"]) == ([], [PERSON])


@pytest.mark.parametrize(
    ("found", "instead", "complaint"),
    [
        ('"width": 64', '"width": 0', "width"),
        ('"image_id": 7', '"image_id": 8', "image 8, which it lacks"),
        ('"categories"', '"classes"', "categories"),
        ('.jpg"', '.gif"', r"instances_val2017\.json: none of its 2 pictures is in "),
        ("{", "(", "annotations"),
    ],
)
def test_faulty_json_is_named(tmp_path: Path, found: str, instead: str, complaint: str) -> None:
    path = save_coco(tmp_path) / JSON
    path.write_text(path.read_text().replace(found, instead))

    with pytest.raises(DatasetError, match=complaint):
        read_dataset(tmp_path)
