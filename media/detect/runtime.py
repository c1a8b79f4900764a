"""Load a model into OpenVINO and ask it what a frame shows; the only import of openvino."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import openvino as ov
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from media.detect.description import InputDescription, Layout, ModelDescription
from media.detect.families import candidates
from media.detect.nms import Candidates, suppress
from media.detect.picture import Canvas, Placing, to_frame
from media.types import Box, Detection, MediaError, ModelShapeError

logger = logging.getLogger(__name__)

FALLBACK_DEVICE = "CPU"


class ModelFailed(MediaError):
    """OpenVINO can't read, compile or run a model; the text says which and why."""


class Detector:
    """A compiled model, shared by all cameras. Sessions are made from it, one a thread.

    `start_async` of one compiled model must not run in two threads at once: sessions take turns.
    """

    def __init__(self, description: ModelDescription, path: Path, device: str = "AUTO") -> None:
        """Read the file at `path` and compile it for `device` (AUTO, CPU, GPU, NPU).

        A device that this machine lacks is replaced by the CPU, with a warning in the log.

        Raises:
            ModelFailed: not a model, or it cannot run.
            ModelShapeError: its input is not what the description says.
        """
        self.description = description
        core = ov.Core()
        try:
            model = _with_input(core.read_model(path), description)
            self._compiled = _compile(core, model, description.name, device)
            devices = self._compiled.get_property("EXECUTION_DEVICES")
            wanted = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        except RuntimeError as error:
            raise ModelFailed(f"model {description.name}: {_first_line(error)}") from error
        self.device = ",".join(devices)
        self.parallel = max(1, int(wanted))
        self._starting = threading.Lock()
        logger.info("model %s runs on %s", description.model_version, self.device)

    def session(self) -> Session:
        return Session(self.description, self._compiled.create_infer_request(), self._starting)


class Session:
    """One inference at a time, on the thread that owns it."""

    def __init__(
        self, description: ModelDescription, request: ov.InferRequest, starting: threading.Lock
    ) -> None:
        self._description = description
        self._features = description.feature_by_class()
        self._canvas = Canvas(description.input)
        self._request = request
        self._request.set_input_tensor(ov.Tensor(self._canvas.pixels, shared_memory=True))
        self._starting = starting

    def detect(self, frame: av.VideoFrame, scaler: VideoReformatter) -> list[Detection]:
        """What the frame shows of the model's features, best first; scores from `thresholds.track`.

        Raises:
            ModelShapeError: the output is not of the model's family, or holds NaN.
            ModelFailed: the device failed.
            av.FFmpegError: the frame cannot be scaled.
        """
        place = self._canvas.paint(frame, scaler)
        try:
            with self._starting:
                self._request.start_async()
            self._request.wait()
            outputs = [_float32(tensor.data) for tensor in self._request.output_tensors]
        except RuntimeError as error:
            raise ModelFailed(f"model {self._description.name}: {_first_line(error)}") from error
        return self._detections(candidates(outputs, self._description), place)

    def _detections(self, found: Candidates, place: Placing) -> list[Detection]:
        """Those with a feature, without doubles, in 0..1 of the frame."""
        model = self._description
        features = sorted(set(model.features))
        group_of = np.array([features.index(f) if f else -1 for f in self._features])
        groups = group_of[found.classes]
        found = found.take(groups >= 0)
        best = suppress(found, groups[groups >= 0], model.thresholds.overlap)
        boxes = to_frame(best.boxes, place, model.input)
        rows = zip(best.classes.tolist(), best.scores.tolist(), boxes.tolist(), strict=True)
        return [
            Detection(model.output.labels[index], feature, min(1.0, score), Box(*corners))
            for index, score, corners in rows
            if (feature := self._features[index]) and _has_area(corners)
        ]


def _has_area(corners: Sequence[float]) -> bool:
    x0, y0, x1, y1 = corners
    return x1 > x0 and y1 > y0


def _with_input(model: ov.Model, description: ModelDescription) -> ov.Model:
    """The model with u8 NHWC pixels of its own size as input; it converts and normalises itself."""
    shape = description.input
    if len(model.inputs) != 1:
        raise ModelShapeError(f"model {description.name}: has {len(model.inputs)} inputs, want one")
    model.reshape(_network_shape(shape))
    steps = PrePostProcessor(model)
    tensor = steps.input()
    tensor.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    tensor.preprocess().convert_element_type(ov.Type.f32)
    if any(shape.mean):
        tensor.preprocess().mean(list(shape.mean))
    if shape.scale != (1.0, 1.0, 1.0):
        tensor.preprocess().scale(list(shape.scale))
    tensor.model().set_layout(ov.Layout(shape.layout.value))
    return steps.build()


def _network_shape(shape: InputDescription) -> list[int]:
    if shape.layout is Layout.NCHW:
        return [1, 3, shape.height, shape.width]
    return [1, shape.height, shape.width, 3]


def _compile(core: ov.Core, model: ov.Model, name: str, device: str) -> ov.CompiledModel:
    wish = {"PERFORMANCE_HINT": "THROUGHPUT"}
    try:
        return core.compile_model(model, device, wish)
    except RuntimeError as error:
        if device == FALLBACK_DEVICE:
            raise
        logger.warning(
            "model %s can't run on %s (%s), using the CPU", name, device, _first_line(error)
        )
        return core.compile_model(model, FALLBACK_DEVICE, wish)


def _float32(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.astype(np.float32, copy=False)


def _first_line(error: RuntimeError) -> str:
    """OpenVINO's texts go on for a page; the last line that says something is the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
