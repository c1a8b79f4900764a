"""Readers and clip classifiers as real, tiny networks."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from av.video.reformatter import VideoReformatter
from openvino import opset13 as ops

from media.detect.catalogue import catalogue
from media.detect.clips import ClipClassifier
from media.detect.description import ModelDescription
from media.detect.loading import try_model
from media.detect.reader import Reader
from media.detect.text import Reading
from media.types import ModelShapeError
from tests.data import shared_data
from tests.media.detect.pictures import decoded
from tests.media.detect.tiny import DESCRIPTION, grey, tiny_description

HEAD = DESCRIPTION[: DESCRIPTION.index("[output]")].replace("mean = [10.0, 0.0, 0.0]", "")
READER = ModelDescription.from_toml(
    HEAD.replace("scale = [100.0, 1.0, 1.0]", "")
    + '[output]\nfamily = "ctc"\nlabels = ["", "5", "F"]\n[features]\nlicense_plate = []\n'
)
CLIP = ModelDescription.from_toml(
    HEAD.replace("scale = [100.0, 1.0, 1.0]", "scale = [100.0, 100.0, 100.0]").replace(
        "[input]",
        '[[files]]\nname = "decoder.xml"\nsha256 = ["' + "0" * 64 + '"]\n[input]',
    )
    + '[output]\nfamily = "clip"\nlabels = ["calm", "fight"]\n[features]\nviolence = ["fight"]\n'
    + '[clip]\nfile = "decoder.xml"\nframes = 3\n'
)


def save_reader(path: Path) -> Path:
    """Reads 5F5 off every picture: the likeliest of three classes at six steps."""
    picture = ops.parameter([1, 3, 16, 32], ov.Type.f32)
    steps = np.zeros((1, 6, 3), np.float32)
    steps[0, np.arange(6), [1, 1, 2, 0, 1, 0]] = 9.0
    nothing = ops.multiply(
        ops.reduce_mean(picture, np.array([0, 1, 2, 3]), keep_dims=False), np.float32(0)
    )
    ov.serialize(ov.Model([ops.add(ops.constant(steps), nothing)], [picture], "r"), path)
    return path


def save_classifier(folder: Path, width: int = 2) -> Path:
    """The encoder gives each channel's mean; the decoder's logits are the first two, summed."""
    picture = ops.parameter([1, 3, 16, 32], ov.Type.f32)
    means = ops.reduce_mean(picture, np.array([2, 3]), keep_dims=True)
    two = ops.slice(means, np.array([0]), np.array([2]), np.array([1]), np.array([1]))
    weighed = ops.multiply(two, np.array([[[[0.0]], [[1.0]]]], np.float32))
    ov.serialize(ov.Model([weighed], [picture], "e"), folder / "tiny.xml")
    clip = ops.parameter([1, 3, width], ov.Type.f32)
    logits = ops.reduce_sum(clip, np.array([1]), keep_dims=False)
    ov.serialize(ov.Model([logits], [clip], "d"), folder / "decoder.xml")
    return folder / "tiny.xml"


def test_a_reader_reads_a_crop(tmp_path: Path) -> None:
    session = Reader(READER, save_reader(tmp_path / "r.xml"), "CPU").session()

    found = session.read(grey(10), VideoReformatter())

    assert found.text == "5F5"
    assert found.score is not None
    assert found.score > 0.99


def test_a_clip_is_as_sure_as_its_frames_are(tmp_path: Path) -> None:
    session = ClipClassifier(CLIP, save_classifier(tmp_path), "CPU").session()
    scaler = VideoReformatter()
    dark, light = session.encode(grey(0), scaler), session.encode(grey(200), scaler)

    calm, fight = session.classify([dark] * 3), session.classify([dark, light, light])

    assert calm == pytest.approx({"violence": 0.5})
    assert fight == pytest.approx({"violence": 1 / (1 + np.exp(-4.0))}, rel=1e-3)


def test_a_clip_of_another_length_is_refused(tmp_path: Path) -> None:
    session = ClipClassifier(CLIP, save_classifier(tmp_path), "CPU").session()
    frame = session.encode(grey(0), VideoReformatter())

    for clip in ([], [frame] * 2, [frame] * 4):
        with pytest.raises(ModelShapeError, match="model tiny: a clip of 3 frames"):
            session.classify(clip)


def test_stages_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelShapeError, match=r"its decoder wants \(1, 3, 5\)"):
        ClipClassifier(CLIP, save_classifier(tmp_path, width=5), "CPU")


def test_a_model_is_not_taken_for_another_task(tmp_path: Path) -> None:
    path = save_reader(tmp_path / "r.xml")

    with pytest.raises(ModelShapeError, match="model tiny: it finds boxes"):
        Reader(tiny_description(), path, "CPU")
    with pytest.raises(ModelShapeError, match="model tiny: it reads text"):
        ClipClassifier(READER, path, "CPU")


def test_every_task_can_be_tried(tmp_path: Path) -> None:
    reads = try_model(READER, save_reader(tmp_path / "r.xml"), "CPU")
    tells = try_model(CLIP, save_classifier(tmp_path), "CPU")

    assert (reads.device, tells.device) == ("CPU", "CPU")
    assert min(reads.milliseconds, tells.milliseconds) > 0


@pytest.mark.parametrize(
    ("corners", "text"),
    [((0, 0, 243, 157), "<Beijing>FA915"), ((95, 375, 420, 544), "<Sichuan>A5723")],
)
def test_the_reader_of_the_catalogue_reads_plates(
    corners: tuple[int, int, int, int], text: str
) -> None:
    name = "license-plate-recognition-barrier-0001"
    reader = Reader(catalogue()[name], shared_data() / "models" / f"{name}.xml", "CPU")
    plate = decoded(shared_data() / "images" / "plates" / f"{name}.png", corners)

    found = reader.session().read(plate, VideoReformatter())

    assert found == Reading(found.text, None)
    assert found.text.startswith(text)
