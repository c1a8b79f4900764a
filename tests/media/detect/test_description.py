"""The TOML that describes a model."""

import pytest

from media.detect.catalogue import DEFAULT_MODEL, FALLBACK_MODEL, catalogue, description_text
from media.detect.description import DescriptionError, Family, ModelDescription

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


def test_the_catalogue_has_the_default_first() -> None:
    assert list(catalogue()) == [DEFAULT_MODEL, FALLBACK_MODEL]


@pytest.mark.parametrize("name", [DEFAULT_MODEL, FALLBACK_MODEL])
def test_the_text_beside_the_weights_is_the_catalogue_s_description(name: str) -> None:
    model = ModelDescription.from_toml(description_text(name))

    assert model == catalogue()[name]
    assert model.name == name
    assert set(model.features) == {"person", "vehicle"}
    assert model.licence == "Apache-2.0"
