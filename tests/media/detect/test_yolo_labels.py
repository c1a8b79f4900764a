"""Labels in YOLO's way, in the folders that exporters and people lay them."""

from pathlib import Path

import pytest

from media.detect.dataset import DatasetError, Labelled, read_dataset
from media.types import Box
from tests.media.detect.pictures import save_picture, save_yolo

PERSON, CAR = Box(0.0, 0.0, 0.25, 0.5), Box(0.5, 0.5, 1.0, 1.0)
LINES = "0 0.125 0.25 0.25 0.5\n2 0.75 0.75 0.5 0.5\n"
NAMES = "names: [person, tree, car]\n"


def lay(folder: Path, *names: str, labels: str = LINES) -> None:
    """Pictures, a text beside or mirrored for each, as their paths say."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(labels) if path.suffix == ".txt" else save_picture(path)


def only(path: Path) -> Labelled:
    (found,) = read_dataset(path)
    return found


def test_folders_of_yolo_are_read(tmp_path: Path) -> None:
    first, second = read_dataset(save_yolo(tmp_path))

    assert (first.picture.name, second.picture.name) == ("a.jpg", "b.jpg")
    assert first.boxes == {"person": [PERSON], "vehicle": [CAR]}
    assert second.boxes == {"person": [], "vehicle": []}
    assert first.crowds == {}


@pytest.mark.parametrize(
    "text",
    [
        "\nnames: [person, tree, car]\n",
        "names: [person, tree, car]\n",
        "nc: 3\nnames: ['person', \"tree\",\n  'car']\n",
        "nc: 3\nnames:\n- person # who walks\n- tree\n- car\n",
        "names: {0: person, 2: car}\nother:\n- kite\n",
        "\ufeffnames:\n  0: person\n  2: car\n",
    ],
)
def test_names_may_be_written_as_yaml_may(tmp_path: Path, text: str) -> None:
    (save_yolo(tmp_path) / "names.yaml").write_text(text)

    assert read_dataset(tmp_path)[0].boxes == {"person": [PERSON], "vehicle": [CAR]}


@pytest.mark.parametrize("name", ["classes.txt", "labels/classes.txt", "obj.names", "../obj.names"])
def test_names_may_be_lines_of_a_list(tmp_path: Path, name: str) -> None:
    folder = save_yolo(tmp_path / "set")
    (folder / "names.yaml").unlink()
    (folder / name).write_text("tree\nperson\n\npedestrian\n")

    assert read_dataset(folder)[0].boxes == {"person": [CAR]}


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        ("a.png", "a.txt"),
        ("obj_train_data/a.jpg", "obj_train_data/a.txt"),
        ("images/a.b.jpg", "labels/a.b.txt"),
        ("cam1/images/a.jpg", "cam1/labels/a.txt"),
    ],
)
def test_labels_lie_beside_the_picture_or_beside_images(
    tmp_path: Path, picture: str, text: str
) -> None:
    lay(tmp_path, picture, text)
    (tmp_path / "data.yaml").write_text(NAMES)

    assert only(tmp_path).boxes == {"person": [PERSON], "vehicle": [CAR]}


def test_a_folder_of_images_is_enough_where_labels_lie_beside_it(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "labels/a.txt")
    (tmp_path / "data.yaml").write_text(NAMES)

    assert only(tmp_path / "images").boxes == {"person": [PERSON], "vehicle": [CAR]}


@pytest.mark.parametrize(
    "text",
    [
        "train: ../train/images\nval: ../valid/images\n",  # as Roboflow writes it
        "path: /content/set\ntrain: train\nval: valid\n",  # of another machine
        "train: [train]\nval: [valid/images, none]\n",
        "train: train/images\nval: valid.txt\n",
        "train: train\nval:\ntest: valid\n",
    ],
)
def test_of_parts_the_one_that_models_are_judged_by_is_read(tmp_path: Path, text: str) -> None:
    lay(tmp_path, "train/images/t.jpg", "train/labels/t.txt")
    lay(tmp_path, "valid/images/v.jpg", "valid/labels/v.txt")
    (tmp_path / "valid.txt").write_text("./valid/images/v.jpg\n")
    (tmp_path / "data.yaml").write_text(NAMES + text)

    assert only(tmp_path).picture == tmp_path / "valid" / "images" / "v.jpg"
    assert only(tmp_path / "data.yaml").picture.name == "v.jpg"
    assert only(tmp_path / "train").picture.name == "t.jpg"
    assert only(tmp_path / "train").boxes == {"person": [PERSON], "vehicle": [CAR]}


def test_parts_that_are_not_there_leave_all_pictures(tmp_path: Path) -> None:
    (save_yolo(tmp_path) / "names.yaml").write_text(NAMES + "val: images/val2017\n")

    assert len(read_dataset(tmp_path)) == 2


def test_pictures_may_be_elsewhere(tmp_path: Path) -> None:
    lay(tmp_path / "far", "images/a.jpg", "labels/a.txt")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "data.yaml").write_text(NAMES + "path: ../far\nval: images\n")

    assert only(tmp_path / "here").picture.name == "a.jpg"


@pytest.mark.parametrize(
    "line",
    [
        "0 0.125 0.25 0.25 0.5 0.93",  # a score
        "0 0 0 0.25 0.1 0.1 0.5",  # an outline of three points
        "0 0 0 0.25 0 0.25 0.5 0 0.5",  # of four
        "0.0\t0.125 0.25  0.25 0.5",
    ],
)
def test_a_line_may_have_a_score_or_be_an_outline(tmp_path: Path, line: str) -> None:
    lay(tmp_path, "a.jpg", "a.txt", labels=line)
    (tmp_path / "classes.txt").write_text("person\n")

    assert only(tmp_path).boxes == {"person": [PERSON]}


def test_an_empty_text_shows_nothing(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "a.txt", labels="\n")
    (tmp_path / "classes.txt").write_text("person\n")

    assert only(tmp_path).boxes == {"person": []}


def test_classes_without_names_are_taken_for_those_of_coco_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lay(tmp_path, "a.jpg", "a.txt")

    assert only(tmp_path).boxes == {"person": [PERSON], "vehicle": [CAR]}
    assert "nothing names its classes" in caplog.text


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("labels/val/a.txt", "0 0.5 0.5\n", r"a\.txt, line 1: "),
        ("labels/val/a.txt", "\n9 0.5 0.5 0.1 0.1\n", r"a\.txt, line 2: "),
        ("labels/val/a.txt", "-1 0.5 0.5 0.1 0.1\n", r"a\.txt, line 1: .*-1 is no class"),
        ("labels/val/a.txt", "0 x 0.5 0.1 0.1\n", r"a\.txt, line 1: "),
        ("labels/val/a.txt", "0 320 240 100 50\n", r"a\.txt, line 1: .*want numbers from 0 to 1"),
        ("labels/val/a.txt", "0 0.5 nan 0.1 0.1\n", r"a\.txt, line 1: .*want numbers from 0 to 1"),
        ("labels/val/a.txt", "inf 0.5 0.5 0.1 0.1\n", r"a\.txt, line 1: "),
        ("labels/val/a.txt", "\xff", r"a\.txt: "),
        ("names.yaml", "nc: 3\n", "no names of its 3 classes"),
        ("names.yaml", "names: [a\n", r"names\.yaml: "),
        ("names.yaml", "names: 5\n", r"names\.yaml: .*names"),
        ("classes.txt", "kite\ntree\nleaf\n", "none of its classes is of a feature"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    (save_yolo(tmp_path) / file).write_text(text, "latin-1")

    with pytest.raises(DatasetError, match=complaint):
        read_dataset(tmp_path)
