"""Average precision, precision and recall of detections made by hand."""

import struct
from collections.abc import Sequence
from pathlib import Path

import av
import pytest
from av.video.reformatter import VideoReformatter

from media.detect.accuracy import Accuracy, Look, measure, sensitive
from media.detect.dataset import DatasetError, Labelled
from media.types import Box, Detection
from tests.media.detect.pictures import save_picture
from tests.media.detect.tiny import tiny_description

LEFT, RIGHT, BOTH = Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1), Box(0, 0, 1, 1)


def person(score: float, box: Box) -> Detection:
    return Detection("person", "person", score, box)


def answering(*answers: Sequence[Detection]) -> Look:
    """A look that gives these, picture by picture."""
    left = list(answers)

    def look(frame: av.VideoFrame, scaler: VideoReformatter) -> Sequence[Detection]:
        return left.pop(0)

    return look


def shown(folder: Path, *boxes: list[Box], crowds: list[Box] | None = None) -> list[Labelled]:
    picture = save_picture(folder / "a.jpg")
    return [Labelled(picture, {"person": each}, {"person": crowds or []}) for each in boxes]


def test_all_right_is_one(tmp_path: Path) -> None:
    look = answering([person(0.9, LEFT), person(0.8, RIGHT)])

    found = measure(look, tiny_description(), shown(tmp_path, [RIGHT, LEFT]))

    assert found.accuracies == (Accuracy("person", 2, 1.0, 1.0, 1.0),)
    assert found.pictures == 1


def test_average_precision_is_the_area_under_the_envelope(tmp_path: Path) -> None:
    # By score: right, wrong, right, of three labels. Precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3.
    look = answering([person(0.9, LEFT), person(0.3, RIGHT)], [person(0.6, LEFT)])

    found = measure(look, tiny_description(), shown(tmp_path, [LEFT, RIGHT], [RIGHT]))

    only = found.accuracies[0]
    assert only.ap50 == pytest.approx((1 + 2 / 3) / 3)
    assert (only.precision, only.recall) == pytest.approx((1 / 2, 1 / 3))  # from score 0.4 on


def test_a_second_box_on_one_object_is_wrong(tmp_path: Path) -> None:
    look = answering([person(0.9, LEFT), person(0.8, LEFT)])

    found = measure(look, tiny_description(), shown(tmp_path, [LEFT]))

    assert (found.accuracies[0].precision, found.accuracies[0].recall) == (0.5, 1.0)


def test_a_box_of_half_the_overlap_is_right(tmp_path: Path) -> None:
    found = measure(answering([person(0.9, BOTH)]), tiny_description(), shown(tmp_path, [LEFT]))

    assert found.accuracies[0].recall == 1.0


def test_what_is_found_in_a_crowd_does_not_count(tmp_path: Path) -> None:
    look = answering([person(0.9, LEFT), person(0.8, RIGHT)])

    found = measure(look, tiny_description(), shown(tmp_path, [LEFT], crowds=[RIGHT]))

    assert found.accuracies == (Accuracy("person", 1, 1.0, 1.0, 1.0),)


def test_what_cannot_be_said_is_none(tmp_path: Path) -> None:
    nothing = measure(answering([]), tiny_description(), shown(tmp_path, [LEFT]))
    unlabelled = measure(answering([person(0.9, LEFT)]), tiny_description(), shown(tmp_path, []))

    assert nothing.accuracies == (Accuracy("person", 1, 0.0, None, 0.0),)
    assert unlabelled.accuracies == (Accuracy("person", 0, None, None, None),)


def test_pictures_without_the_model_s_features_are_refused(tmp_path: Path) -> None:
    pictures = [Labelled(save_picture(tmp_path / "a.jpg"), {"face": []})]

    with pytest.raises(DatasetError, match="finds person, vehicle, labelled are face"):
        measure(answering(), tiny_description(), pictures)


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(b"no picture")

    with pytest.raises(DatasetError, match=r"bad\.jpg: not a picture"):
        measure(answering(), tiny_description(), [Labelled(path, {"person": []})])


@pytest.mark.parametrize(
    ("orientation", "size_px", "shape", "dark"),
    [
        (1, None, (64, 32), "left"),
        (6, None, (32, 64), "top"),
        (8, None, (32, 64), "bottom"),
        (3, None, (64, 32), "right"),
        (6, (32, 64), (32, 64), "top"),  # labelled as it is shown
        (6, (64, 32), (64, 32), "left"),  # labelled as it is stored
    ],
)
def test_a_picture_that_is_stored_turned_is_looked_at_as_it_was_labelled(
    tmp_path: Path,
    orientation: int,
    size_px: tuple[int, int] | None,
    shape: tuple[int, int],
    dark: str,
) -> None:
    path = turned(save_picture(tmp_path / "a.jpg", dark_left=True), orientation)
    seen: list[av.VideoFrame] = []

    def look(frame: av.VideoFrame, scaler: VideoReformatter) -> Sequence[Detection]:
        seen.append(frame)
        return []

    measure(look, tiny_description(), [Labelled(path, {"person": []}, size_px=size_px)])

    pixels = seen[0].to_ndarray(format="gray")
    sides = {
        "left": pixels[:, :8],
        "right": pixels[:, -8:],
        "top": pixels[:8],
        "bottom": pixels[-8:],
    }
    assert (seen[0].width, seen[0].height) == shape
    assert [name for name, side in sides.items() if side.mean() < 60] == [dark]


def turned(path: Path, orientation: int) -> Path:
    """With an EXIF tag that says how to turn it (TIFF 6.0, tag 274)."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    return path


def test_a_curve_needs_weak_detections() -> None:
    assert sensitive(tiny_description()).thresholds.track == 0.05
    weaker = tiny_description("track = 0.1", "track = 0.01")
    assert sensitive(weaker).thresholds.track == 0.01
