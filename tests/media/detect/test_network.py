"""What a network's inputs and outputs are taken for: layout, constants, named outputs, device."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from av.video.reformatter import VideoReformatter
from openvino import opset13 as ops

from media.detect.description import ModelDescription
from media.detect.network import Network
from media.detect.runtime import Detector
from media.types import ModelShapeError
from tests.media.detect.tiny import DESCRIPTION, grey, save_ssd, tiny_description

ROWS = [[0, 1, 0.5, 0.0, 0.0, 0.25, 0.5]]
NO_LAYOUT = DESCRIPTION.replace('layout = "NCHW"\n', "")


COMPILE = ov.Core.compile_model


def described(text: str) -> ModelDescription:
    return ModelDescription.from_toml(text)


def scores(description: ModelDescription, path: Path) -> list[float]:
    session = Detector(description, path, "CPU").session()
    return [found.score for found in session.detect(grey(110), VideoReformatter())]


def save_yolov8(path: Path, shape: list[int], twice: bool = False) -> Path:
    """A network of two cells and three classes; `twice` adds an output that nobody needs."""
    picture = ops.parameter(ov.PartialShape(shape), ov.Type.f32, name="images")
    picture.output(0).set_names({"images"})
    cells = np.array([[[16, 8, 16, 8, 0, 0.5, 0], [8, 4, 8, 4, 0, 0, 0.25]]], dtype=np.float32)
    nothing = ops.multiply(
        ops.reduce_mean(picture, np.array([0, 1, 2, 3]), keep_dims=False), np.float32(0)
    )
    head = ops.add(ops.constant(cells), nothing)
    head.output(0).set_names({"output0"})
    masks = ops.add(ops.constant(np.zeros((1, 2, 2, 2), np.float32)), nothing)
    masks.output(0).set_names({"masks"})
    ov.serialize(ov.Model([head, masks] if twice else [head], [picture], "tiny"), path)
    return path


YOLOV8 = NO_LAYOUT.replace('family = "ssd"', 'family = "yolov8"').replace(', "tree"', "")


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_the_layout_is_taken_from_the_network(tmp_path: Path, layout: str) -> None:
    path = save_ssd(tmp_path / "tiny.xml", ROWS, layout)

    assert scores(described(NO_LAYOUT), path) == [0.5]


def test_a_layout_that_is_not_the_network_s_is_refused(tmp_path: Path) -> None:
    path = save_ssd(tmp_path / "tiny.xml", ROWS, "NHWC")

    with pytest.raises(ModelShapeError, match=r"input\.layout is NCHW, its input is \[1,16,32,3\]"):
        Detector(tiny_description(), path, "CPU")


def test_a_network_of_any_size_needs_a_described_layout(tmp_path: Path) -> None:
    path = save_yolov8(tmp_path / "tiny.xml", [-1, -1, -1, -1])

    with pytest.raises(ModelShapeError, match=r"model tiny: input\.layout is needed"):
        Detector(described(YOLOV8), path, "CPU")
    with_layout = YOLOV8.replace("colour", 'layout = "NHWC"\ncolour')
    assert scores(described(with_layout), path) == [0.5, 0.25]


def test_an_input_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = save_yolov8(tmp_path / "tiny.xml", [1, 3, 16, 32])
    core = ov.Core()
    model = core.read_model(path)
    vector = ops.parameter([1, 8], ov.Type.f32)
    twice = ops.add(vector, vector)
    ov.serialize(ov.Model([twice], [vector], "tiny"), tmp_path / "vector.xml")

    assert len(model.inputs) == 1
    with pytest.raises(ModelShapeError, match=r"its input is \[1,8\], want one picture"):
        Detector(tiny_description(), tmp_path / "vector.xml", "CPU")


def test_an_output_is_read_by_its_name(tmp_path: Path) -> None:
    path = save_yolov8(tmp_path / "tiny.xml", [1, 3, 16, 32], twice=True)
    named = YOLOV8.replace("labels = [", 'tensors = ["output0"]\nlabels = [')
    wrong = YOLOV8.replace("labels = [", 'tensors = ["output1"]\nlabels = [')

    assert scores(described(named), path) == [0.5, 0.25]
    with pytest.raises(ModelShapeError, match=r"output\.tensors names output1.*masks, output0"):
        Detector(described(wrong), path, "CPU")
    with pytest.raises(ModelShapeError, match=r"name it in output\.tensors"):
        Detector(described(YOLOV8), path, "CPU")


def save_with_gain(path: Path) -> Path:
    """An SSD whose only score is its second input."""
    picture = ops.parameter([1, 3, 16, 32], ov.Type.f32, name="picture")
    gain = ops.parameter([1, 1], ov.Type.f32, name="gain")
    gain.output(0).set_names({"gain"})
    nothing = ops.multiply(
        ops.reduce_mean(picture, np.array([0, 1, 2, 3]), keep_dims=False), np.float32(0)
    )
    row = np.array([[[[0, 1, 0, 0, 0, 1, 1]]]], dtype=np.float32)
    is_score = np.zeros_like(row)
    is_score[..., 2] = 1.0
    scored = ops.add(ops.constant(row), ops.multiply(ops.constant(is_score), gain))
    ov.serialize(ov.Model([ops.add(scored, nothing)], [picture, gain], "tiny"), path)
    return path


def test_a_further_input_is_held_constant(tmp_path: Path) -> None:
    path = save_with_gain(tmp_path / "tiny.xml")
    held = DESCRIPTION.replace("[output]", "[input.constants]\ngain = 0.75\n\n[output]")

    assert scores(described(held), path) == [0.75]


def test_a_further_input_that_nobody_sets_is_named(tmp_path: Path) -> None:
    path = save_with_gain(tmp_path / "tiny.xml")

    with pytest.raises(ModelShapeError, match=r"has the inputs .*gain.*input\.constants"):
        Detector(tiny_description(), path, "CPU")
    wrong = DESCRIPTION.replace("[output]", "[input.constants]\nloss = 0.75\n\n[output]")
    with pytest.raises(ModelShapeError, match=r"input\.constants names loss"):
        Detector(described(wrong), path, "CPU")


def test_a_device_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = save_ssd(tmp_path / "tiny.xml", ROWS)

    elsewhere = Network(tiny_description(), path, "NPU.7")
    here = Network(tiny_description(), path, "CPU")

    assert (elsewhere.device, here.device) == ("CPU", "CPU")
    assert elsewhere.device_fault is not None
    assert elsewhere.device_fault.startswith("it can't run on NPU.7: ")
    assert "this machine has CPU" in elsewhere.device_fault
    assert here.device_fault is None


LOADED = """
import sys
watched = ("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.exec", "os.system")
calls = []
sys.addaudithook(lambda event, args: calls.append(event) if event.startswith(watched) else None)
import media.detect.runtime
print(calls, "openvino" in sys.modules)
"""


def test_loading_openvino_reports_nothing_to_its_maker(tmp_path: Path) -> None:
    """No socket, no process, and no id in the user's home, without any opt-out there."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "[] True\n"), done.stderr
    assert list(tmp_path.iterdir()) == []


@dataclass
class Device:
    """The CPU under another name, some of whose inferences fail: by their number, from 1 on."""

    fails: Callable[[int], bool] = lambda _: False
    inferences: int = 0

    def compile(self, model: ov.Model, name: str, wish: dict[str, Any]) -> Any:
        compiled = COMPILE(ov.Core(), model, "CPU", wish)
        return Elsewhere(self, compiled) if name == "GPU" else compiled


@dataclass
class Elsewhere:
    """A model compiled for that device."""

    device: Device
    compiled: ov.CompiledModel

    def get_property(self, name: str) -> object:
        return ["GPU.0"] if name == "EXECUTION_DEVICES" else self.compiled.get_property(name)

    def create_infer_request(self) -> Shaky:
        return Shaky(self.device, self.compiled.create_infer_request())

    def __getattr__(self, name: str) -> object:
        return getattr(self.compiled, name)


@dataclass
class Shaky:
    """A request on that device."""

    device: Device
    request: ov.InferRequest

    def start_async(self) -> None:
        self.device.inferences += 1
        if self.device.fails(self.device.inferences):
            raise RuntimeError("Check failed\n[GPU] CL_DEVICE_NOT_AVAILABLE\n")
        self.request.start_async()

    def __getattr__(self, name: str) -> object:
        return getattr(self.request, name)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device()
    monkeypatch.setattr(ov.Core, "compile_model", made.compile)
    return made


def test_a_device_that_fails_later_on_is_replaced_by_the_cpu(
    tmp_path: Path, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    detector = Detector(tiny_description(), save_ssd(tmp_path / "tiny.xml", ROWS), "GPU")
    assert (detector.device, detector.device_fault) == ("GPU.0", None)
    sessions, look = [detector.session() for _ in range(2)], (grey(110), VideoReformatter())
    device.fails = lambda number: number > 3

    found = [each.detect(*look)[0].score for _ in range(3) for each in sessions]

    assert found == [0.5] * 6, "no frame is lost"
    assert detector.device == "CPU"
    assert detector.device_fault == "GPU.0 fails: [GPU] CL_DEVICE_NOT_AVAILABLE"
    told = [each.message for each in caplog.records if "using the CPU" in each.message]
    assert told == [f"model tiny: {detector.device_fault}; using the CPU"]


def test_an_inference_that_fails_once_is_tried_again_where_it_was(
    tmp_path: Path, device: Device
) -> None:
    detector = Detector(tiny_description(), save_ssd(tmp_path / "tiny.xml", ROWS), "GPU")
    session, look = detector.session(), (grey(110), VideoReformatter())
    device.fails = lambda number: number == 3

    assert [session.detect(*look)[0].score for _ in range(3)] == [0.5] * 3
    assert (detector.device, detector.device_fault) == ("GPU.0", None)
