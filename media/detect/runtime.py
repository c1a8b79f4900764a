"""Detectors: what a frame shows, as boxes with a feature."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from media.detect.description import ModelDescription, Task
from media.detect.families import Tensors, candidates
from media.detect.network import ModelFailed, Network
from media.detect.nms import suppress
from media.detect.picture import Canvas, Placing, to_frame
from media.types import Box, Detection, ModelShapeError

logger = logging.getLogger(__name__)

__all__ = ["Detector", "ModelFailed", "Session", "detections"]


class Detector:
    """A compiled detector, shared by all cameras. Sessions are made from it, one a thread."""

    def __init__(self, description: ModelDescription, path: Path, device: str = "AUTO") -> None:
        """Read the file at `path`, compile it for `device` (AUTO, CPU, GPU, NPU), and try it.

        A device that this machine lacks is replaced by the CPU, with a warning in the log.

        Raises:
            ModelFailed: not a model, or it cannot run.
            ModelShapeError: no detector, or its input or output is not what the description says.
        """
        if description.task is not Task.DETECT:
            raise ModelShapeError(f"model {description.name}: it {description.task}")
        self.description = description
        self.network = Network(description, path, device)
        self.session().look_at_nothing()
        logger.info("model %s runs on %s", description.model_version, self.device)

    @property
    def device(self) -> str:
        return self.network.device

    @property
    def device_fault(self) -> str | None:
        """Why it does not run on the device asked for."""
        return self.network.device_fault

    @property
    def parallel(self) -> int:
        return self.network.parallel

    def session(self) -> Session:
        return Session(self.description, self.network)


class Session:
    """One inference at a time, on the thread that owns it."""

    def __init__(self, description: ModelDescription, network: Network) -> None:
        self._description = description
        self._canvas = Canvas(description.input)
        self._request = network.request(self._canvas.pixels)

    def detect(self, frame: av.VideoFrame, scaler: VideoReformatter) -> list[Detection]:
        """What the frame shows of the model's features, best first; scores from `thresholds.track`.

        Raises:
            ModelShapeError: the output is not of the model's family, or holds NaN.
            ModelFailed: the device failed.
            av.FFmpegError: the frame cannot be scaled.
        """
        place = self._canvas.paint(frame, scaler)
        return detections(self._request.run(), self._description, place)

    def look_at_nothing(self) -> None:
        """Raises as `detect` does, on an empty canvas."""
        shape = self._description.input
        detections(self._request.run(), self._description, Placing(shape.width, shape.height))


def detections(outputs: Tensors, model: ModelDescription, place: Placing) -> list[Detection]:
    """What a detector's output says of a frame, best first: objects with a feature, no doubles.

    Raises:
        ModelShapeError: the output is not of the model's family, or holds NaN.
    """
    found = candidates(outputs, model)
    feature_of = model.feature_by_class()
    features = sorted(set(model.features))
    group_of = np.array([features.index(f) if f else -1 for f in feature_of])
    groups = group_of[found.classes]
    found = found.take(groups >= 0)
    best = suppress(found, groups[groups >= 0], model.thresholds.overlap)
    boxes = to_frame(best.boxes, place, model.input)
    rows = zip(best.classes.tolist(), best.scores.tolist(), boxes.tolist(), strict=True)
    return [
        Detection(model.output.labels[index], feature, score, Box(*corners))
        for index, score, corners in rows
        if (feature := feature_of[index]) and _has_area(corners)
    ]


def _has_area(corners: Sequence[float]) -> bool:
    x0, y0, x1, y1 = corners
    return x1 > x0 and y1 > y0
