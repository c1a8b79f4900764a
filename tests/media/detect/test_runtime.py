"""Models in OpenVINO: loading, normalising, and what their outputs come to."""

import logging
from pathlib import Path

import pytest
from av.video.reformatter import VideoReformatter

from media.detect.runtime import Detector, ModelFailed
from media.types import Box, Detection, ModelShapeError
from tests.media.detect.tiny import grey, save_ssd, tiny_description

ROWS = [
    [0, 2, 0.25, 0.5, 0.5, 1.0, 1.0],
    [0, 1, 0.5, 0.0, 0.0, 0.25, 0.5],
    [0, 3, 0.5, 0.0, 0.0, 0.25, 0.5],
]


def detect(detector: Detector, level: int) -> list[Detection]:
    return detector.session().detect(grey(level), VideoReformatter())


def test_pixels_are_normalised_and_labels_become_features(tmp_path: Path) -> None:
    detector = Detector(tiny_description(), save_ssd(tmp_path / "tiny.xml", ROWS), "CPU")

    found = detect(detector, 110)  # (110 - 10) / 100 = 1: the scores as they are

    assert found == [
        Detection("person", "person", 0.5, Box(0.0, 0.0, 0.25, 0.5)),
        Detection("car", "vehicle", 0.25, Box(0.5, 0.5, 1.0, 1.0)),
    ]


def test_a_model_with_channels_last_gives_the_same(tmp_path: Path) -> None:
    path = save_ssd(tmp_path / "tiny.xml", ROWS, layout="NHWC")
    detector = Detector(tiny_description('"NCHW"', '"NHWC"'), path, "CPU")

    assert [d.score for d in detect(detector, 110)] == [0.5, 0.25]


def test_what_scores_below_the_track_threshold_is_left_out(tmp_path: Path) -> None:
    detector = Detector(tiny_description(), save_ssd(tmp_path / "tiny.xml", ROWS), "CPU")

    found = detect(detector, 40)  # scores times 0.3: 0.15 and 0.075

    assert [d.label for d in found] == ["person"]


def test_two_boxes_of_one_feature_on_one_object_are_one_detection(tmp_path: Path) -> None:
    rows = [[0, 2, 0.5, 0, 0, 1, 1], [0, 2, 0.25, 0, 0, 1, 0.9], [0, 1, 0.25, 0, 0, 1, 1]]
    detector = Detector(tiny_description(), save_ssd(tmp_path / "tiny.xml", rows), "CPU")

    assert [d.feature for d in detect(detector, 110)] == ["vehicle", "person"]


def test_a_box_without_an_area_is_no_detection(tmp_path: Path) -> None:
    rows = [[0, 1, 0.5, 0.5, 0, 0.5, 1], [0, 1, 0.5, 1.5, 0, 1.75, 1]]
    detector = Detector(tiny_description(), save_ssd(tmp_path / "tiny.xml", rows), "CPU")

    assert detect(detector, 110) == []


def test_nan_names_the_model(tmp_path: Path) -> None:
    path = save_ssd(tmp_path / "tiny.xml", [[0, 1, float("nan"), 0, 0, 1, 1]])

    with pytest.raises(ModelShapeError, match=r"model tiny \(ssd\): .*not numbers"):
        Detector(tiny_description(), path, "CPU")


def test_an_output_of_another_family_names_the_model(tmp_path: Path) -> None:
    path = save_ssd(tmp_path / "tiny.xml", ROWS)

    with pytest.raises(ModelShapeError, match=r"model tiny \(yolox\): want"):
        Detector(tiny_description('family = "ssd"', 'family = "yolox"'), path, "CPU")


def test_a_class_beyond_the_labels_names_the_model(tmp_path: Path) -> None:
    path = save_ssd(tmp_path / "tiny.xml", [[0, 9, 0.5, 0, 0, 1, 1]])
    detector = Detector(tiny_description(), path, "CPU")

    with pytest.raises(ModelShapeError, match=r"model tiny .*4 labels"):
        detect(detector, 110)


def test_a_device_that_is_not_there_is_replaced_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_ssd(tmp_path / "tiny.xml", ROWS)

    with caplog.at_level(logging.WARNING):
        detector = Detector(tiny_description(), path, "NOSUCH")

    assert detector.device == "CPU"
    assert "can't run on NOSUCH" in caplog.text
    assert len(detect(detector, 110)) == 2


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"not a model")

    with pytest.raises(ModelFailed, match="model tiny"):
        Detector(tiny_description(), path, "CPU")


def test_a_model_whose_input_is_described_wrongly_is_refused(tmp_path: Path) -> None:
    path = save_ssd(tmp_path / "tiny.xml", ROWS)

    with pytest.raises(ModelFailed, match="model tiny"):
        Detector(tiny_description("width = 32", "width = 64\n#"), path, "CPU").session().detect(
            grey(110), VideoReformatter()
        )
