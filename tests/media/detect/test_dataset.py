"""Labelled pictures, in whichever way they are labelled."""

from pathlib import Path

import pytest

from media.detect.dataset import DatasetError, read_dataset
from tests.data import shared_data
from tests.media.detect.pictures import save_coco, save_picture, save_yolo


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"want pictures with a \.txt .*found none"):
        read_dataset(tmp_path)
    with pytest.raises(DatasetError, match="no folder"):
        read_dataset(tmp_path / "none")


def test_pictures_without_any_labels_are_refused(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.jpg")
    (tmp_path / "classes.txt").write_text("person\n")

    with pytest.raises(DatasetError, match="want pictures with a"):
        read_dataset(tmp_path)


def test_where_both_are_there_the_texts_count(tmp_path: Path) -> None:
    save_coco(save_yolo(tmp_path))

    assert [each.picture.parent.parent.name for each in read_dataset(tmp_path)] == ["images"] * 2


def test_the_labelled_images_of_coco_have_their_known_numbers() -> None:
    found = read_dataset(shared_data() / "images" / "coco-val2017-128")

    assert len(found) == 65
    assert sum(len(each.boxes["person"]) for each in found) == 198
    assert sum(len(each.boxes["vehicle"]) for each in found) == 23
