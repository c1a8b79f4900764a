"""The TOML that describes a model."""

import csv
from pathlib import Path

import pytest

from media.detect.catalogue import (
    DEFAULT_MODEL,
    FALLBACK_MODEL,
    ORDER,
    catalogue,
    description_text,
)
from media.detect.description import DescriptionError, Family, ModelDescription, Task
from tests.data import shared_data

TEXT = """
name = "door-watcher"
version = "2024-05-06"
licence = "MIT"
source = "own"

[[files]]
name = "door.onnx"
sha256 = ["0000000000000000000000000000000000000000000000000000000000000000"]

[input]
width = 320
height = 192
layout = "NCHW"
colour = "RGB"
fit = "stretch"

[output]
family = "ssd"
labels = ["background", "man", "woman", "van"]

[features]
person = ["man", "woman"]
vehicle = ["van"]
"""


def test_labels_lead_to_features() -> None:
    model = ModelDescription.from_toml(TEXT)

    assert model.feature_by_class() == (None, "person", "person", "vehicle")
    assert model.model_version == "door-watcher@2024-05-06"
    assert model.output.family is Family.SSD


@pytest.mark.parametrize(
    ("found", "instead", "complaint"),
    [
        ("width = 320", "widht = 320", "widht"),
        ("width = 320", "width = '320'", "input.width"),
        ("width = 320", "width = 4", "input.width"),
        ('family = "ssd"', 'family = "yolov5"', "output.family"),
        ('version = "2024-05-06"', 'version = "v1"', "version"),
        ('licence = "MIT"', "", "licence"),
        ('name = "door.onnx"', 'name = "../door.onnx"', "files"),
        ('name = "door-watcher"', 'name = "../x"', "name"),
        ('["van"]', '["lorry"]', "lorry"),
        ('["van"]', '["man"]', "twice"),
        ("[features]", "[features]\nx = 1", "features"),
        ("[output]", "[output", "TOML|Expected|expected"),
        ('fit = "stretch"', 'fit = "stretch"\nscale = [0.0, 1.0, 1.0]', "scale"),
        ("[features]", "[thresholds]\ntrack = 0.9\n[features]", "thresholds.track"),
        ('family = "ssd"', 'family = "yolov5"', r"^output\.family: .*'yolov5' \(one of yolox, "),
        ("width = 320", "widht = 320", "^input: .*`widht`"),
        ('licence = "MIT"', "", "^Object missing required field `licence`"),
        ('fit = "stretch"', 'fit = "crop"', "door-watcher: input.fit: crop is for clips"),
        ('sha256 = ["' + "0" * 64 + '"]', "bytes = 7", "sha256 or sha384 is missing"),
        ('name = "door.onnx"', 'name = "door.onnx"\nurl = "ftp://x/y"', r"files\[0\]\.url"),
        ('name = "door.onnx"', 'name = "door.onnx"\nurl = "https://me:pw@x/y"', r"url"),
        ('["van"]', "[]", r"no label for \['vehicle'\]"),
        ('family = "ssd"', 'family = "clip"', r"\[clip\] is missing"),
        ("[features]", '[clip]\nfile = "b"\nframes = 2\n[features]', "belongs to the family clip"),
        ('family = "ssd"', 'family = "ctc"', "of a reader have no labels"),
        (
            'family = "ssd"',
            'family = "ssd"\nclasses = 9\nindexes = [1]',
            "readers of the family ctc",
        ),
        ('family = "ssd"', 'family = "ssd"\nclasses = 9', "as many as the labels"),
    ],
)
def test_a_wrong_field_is_named(found: str, instead: str, complaint: str) -> None:
    assert found in TEXT

    with pytest.raises(DescriptionError, match=complaint):
        ModelDescription.from_toml(TEXT.replace(found, instead, 1))


def test_a_description_without_features_is_refused() -> None:
    text = TEXT[: TEXT.index("[features]")] + "[features]\n"

    with pytest.raises(DescriptionError, match="features"):
        ModelDescription.from_toml(text)


READER = """
[output]
family = "ctc"
labels = ["", "5", "F"]

[features]
license_plate = []
"""


def test_a_reader_has_one_blank() -> None:
    head = TEXT[: TEXT.index("[output]")]

    assert ModelDescription.from_toml(head + READER).task is Task.READ
    with pytest.raises(DescriptionError, match=r'output\.labels needs one ""'):
        ModelDescription.from_toml(head + READER.replace('"", ', ""))


def test_the_second_stage_of_a_clip_classifier_is_one_of_its_files() -> None:
    text = TEXT.replace('family = "ssd"', 'family = "clip"')
    clip = '[clip]\nfile = "decoder.xml"\nframes = 16\n'
    second = '[[files]]\nname = "decoder.xml"\nsha384 = ["' + "1" * 96 + '"]\n[input]'

    found = ModelDescription.from_toml(text.replace("[input]", second) + clip)

    assert found.files[1].digests == ("1" * 96,)
    with pytest.raises(DescriptionError, match=r"clip\.file is none of its files"):
        ModelDescription.from_toml(text + clip)


def test_the_catalogue_has_the_default_first_and_knows_every_file_beside_it() -> None:
    folder = Path(__file__).parents[3] / "media" / "detect" / "models"

    assert list(catalogue())[:2] == [DEFAULT_MODEL, FALLBACK_MODEL]
    assert sorted(catalogue()) == sorted(path.stem for path in folder.glob("*.toml"))


@pytest.mark.parametrize("name", ORDER)
def test_every_file_of_the_catalogue_can_be_had_and_its_size_is_known(name: str) -> None:
    model = catalogue()[name]

    assert model.name == name
    assert model.licence == "Apache-2.0"
    assert all(file.url or file.npm or file.pypi for file in model.files)
    assert all(file.bytes for file in model.files)


def test_files_of_the_open_model_zoo_are_those_that_it_lists() -> None:
    with (shared_data() / "OMZ_MODELS.tsv").open(newline="") as table:
        listed = {row["url"]: row for row in csv.DictReader(table, delimiter="\t")}
    described = [
        file
        for model in catalogue().values()
        for file in model.files
        if file.url and "open_model_zoo" in file.url
    ]

    assert len(described) == 28
    for file in described:
        assert file.url is not None
        row = listed[file.url]
        assert (str(file.bytes), file.sha384) == (row["size"], (row["sha384"],))
        assert row["file"].endswith(f"/{file.name}")


@pytest.mark.parametrize("name", [DEFAULT_MODEL, FALLBACK_MODEL])
def test_the_text_beside_the_weights_is_the_catalogue_s_description(name: str) -> None:
    model = ModelDescription.from_toml(description_text(name))

    assert model == catalogue()[name]
    assert model.name == name
    assert set(model.features) == {"person", "vehicle"}
    assert model.licence == "Apache-2.0"


@pytest.mark.parametrize("name", list(catalogue()))
def test_a_description_that_is_written_is_read_again_as_it_was(name: str) -> None:
    described = catalogue()[name]

    assert ModelDescription.from_toml(described.to_toml()) == described
