"""INT8 models by the real NNCF: what of a network is changed, what stays, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import openvino as ov
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from openvino import opset13 as ops

from media.detect.catalogue import catalogue
from media.detect.description import Layout, ModelDescription
from media.detect.network import Network
from media.detect.picture import Canvas
from media.detect.quantizing import CannotQuantize, as_input, last_layers, quantize
from media.detect.runtime import Detector
from media.detect.side_by_side import side_by_side
from tests.data import shared_data
from tests.media.detect.layered import layered, layered_text, save_layered
from tests.media.detect.tiny import DESCRIPTION, grey, save_ssd, tiny_description

DESCRIBED = ModelDescription.from_toml(layered_text(DESCRIPTION))
ROWS = [[0, 1, 0.7, 0.25, 0.25, 0.5, 0.75], [0, 2, 0.6, 0.5, 0.0, 1.0, 0.5]]


def canvases(count: int) -> list[NDArray[np.uint8]]:
    """Noise, from black to white."""
    shape, scaler, noise = DESCRIBED.input, VideoReformatter(), np.random.default_rng(count)
    made = []
    for _ in range(count):
        canvas = Canvas(shape)
        pixels = noise.integers(0, 256, (32, 64, 3), np.uint8)
        canvas.paint(av.VideoFrame.from_ndarray(pixels, format="bgr24"), scaler)
        made.append(canvas.pixels)
    return made


def kinds(path: Path) -> dict[str, str]:
    return {
        op.get_friendly_name(): op.get_type_name() for op in ov.Core().read_model(path).get_ops()
    }


def feeds(path: Path, name: str) -> str:
    """Which kind of operation a convolution takes its picture from."""
    ops_by_name = {op.get_friendly_name(): op for op in ov.Core().read_model(path).get_ops()}
    kind: str = ops_by_name[name].input(0).get_source_output().get_node().get_type_name()
    return kind


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("nncf", reason="NNCF is not installed: pip install 'vms[quantize]'")
    folder = tmp_path_factory.mktemp("made")
    path = save_layered(folder / "tiny.xml", ROWS)
    target = folder / "int8.xml"
    layout = quantize(DESCRIBED, path, canvases(20), target)
    assert layout is Layout.NCHW
    return target


def test_the_last_layers_with_weights_and_what_is_behind_them_are_found() -> None:
    found = last_layers(layered(ROWS))

    assert "fourth" in found
    assert "mean" in found
    assert not {"first", "second", "third", "picture"} & set(found)


def test_layers_are_in_int8_but_for_the_last(made: Path) -> None:
    found = kinds(made)

    assert {"first", "second", "third", "fourth"} <= found.keys()
    assert [feeds(made, name) for name in ("first", "second", "third")] == ["FakeQuantize"] * 3
    assert feeds(made, "fourth") != "FakeQuantize"


def test_it_finds_the_same_boxes_with_nearly_the_same_scores(made: Path) -> None:
    plain, int8 = (
        Detector(DESCRIBED, path, "CPU").session() for path in (made.with_name("tiny.xml"), made)
    )
    for level in (80, 100, 120):
        before = plain.detect(grey(level), VideoReformatter())
        after = int8.detect(grey(level), VideoReformatter())

        assert [each.box for each in after] == [each.box for each in before]
        scores = [each.score for each in before]
        assert [each.score for each in after] == pytest.approx(scores, abs=0.01)
        assert scores == pytest.approx(
            [0.7 * (level - 10) / 100, 0.6 * (level - 10) / 100], abs=0.02
        )


def test_the_same_pictures_make_the_same_model(made: Path) -> None:
    again = made.with_name("again.xml")

    quantize(DESCRIBED, made.with_name("tiny.xml"), canvases(20), again)

    assert again.with_suffix(".bin").read_bytes() == made.with_suffix(".bin").read_bytes()


def test_what_is_in_int8_is_not_made_so_twice(made: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotQuantize, match="model tiny is in INT8 already"):
        quantize(DESCRIBED, made, canvases(1), tmp_path / "twice.xml")

    assert list(tmp_path.iterdir()) == []


def test_a_model_without_such_layers_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="NNCF is not installed: pip install 'vms[quantize]'")
    path = save_ssd(tmp_path / "tiny.xml", ROWS)

    with pytest.raises(CannotQuantize, match="model tiny has no layer that can be in INT8"):
        quantize(DESCRIBED, path, canvases(1), tmp_path / "int8.xml")

    assert not (tmp_path / "int8.xml").exists()


@pytest.mark.parametrize("layout", list(Layout))
def test_pictures_calibrate_as_the_network_sees_them(tmp_path: Path, layout: Layout) -> None:
    shape = [1, 3, 16, 32] if layout is Layout.NCHW else [1, 16, 32, 3]
    picture = ops.parameter(shape, ov.Type.f32, name="picture")
    ov.serialize(
        ov.Model([ops.multiply(picture, np.float32(1))], [picture], "same"), tmp_path / "a.xml"
    )
    described = _of(layout)
    pixels = np.random.default_rng(5).integers(0, 256, (1, 16, 32, 3), np.uint8)

    (seen,) = Network(described, tmp_path / "a.xml", "CPU").request(pixels).run()

    np.testing.assert_allclose(
        as_input(pixels, described.input, layout), seen, rtol=1e-6, atol=1e-6
    )


def _of(layout: Layout) -> ModelDescription:
    return tiny_description('layout = "NCHW"', f'layout = "{layout}"')


def test_a_real_model_finds_nearly_the_same_faces(tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="NNCF is not installed: pip install 'vms[quantize]'")
    model = catalogue()["face-detection-retail-0004"]
    path = shared_data() / "models" / model.files[0].name
    with av.open(str(shared_data() / "videos" / "carphone_pristine.mp4")) as clip:
        frames = list(clip.decode(video=0))[::4]
    painted = []
    for frame in frames[::2]:
        canvas = Canvas(model.input)
        canvas.paint(frame, VideoReformatter())
        painted.append(canvas.pixels)

    quantize(model, path, painted, tmp_path / "int8.xml")

    before, after = (Detector(model, each, "CPU") for each in (path, tmp_path / "int8.xml"))
    (found,) = side_by_side(before, after, frames[1::2]).agreement
    assert found.labels >= 15
    assert found.precision == pytest.approx(1.0, abs=0.1)
    assert found.recall == pytest.approx(1.0, abs=0.1)


ALONE = """
import sys
from pathlib import Path
watched = ("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.exec", "os.system")
calls = []
sys.addaudithook(lambda event, args: calls.append(event) if event.startswith(watched) else None)
import media.detect.runtime  # as a worker does
from tests.media.detect.test_quantizing import DESCRIBED, canvases, quantize
del sys.modules["pytest"]  # NNCF reports nothing in tests: this is none
folder = Path(sys.argv[1])
quantize(DESCRIBED, folder / "tiny.xml", canvases(3), folder / "int8.xml")
import nncf.telemetry.wrapper as wrapper
print(calls, isinstance(wrapper.telemetry, wrapper.NNCFTelemetryStub))
"""


def test_nothing_is_reported_to_anybody(tmp_path: Path) -> None:
    """In a process that looks like none of a test: no socket, no process, no file at home."""
    pytest.importorskip("nncf", reason="NNCF is not installed: pip install 'vms[quantize]'")
    save_layered(tmp_path / "tiny.xml", ROWS)
    home = tmp_path / "home"
    home.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)],
        env={"HOME": str(home), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "[] True\n"), done.stderr
    assert (tmp_path / "int8.xml").exists()
    assert list(home.iterdir()) == []
