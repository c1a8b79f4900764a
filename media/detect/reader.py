"""Readers: the line of text that a crop shows."""

from __future__ import annotations

import logging
from pathlib import Path

import av
from av.video.reformatter import VideoReformatter

from media.detect.description import ModelDescription, Task
from media.detect.families import reading
from media.detect.network import Network
from media.detect.picture import Canvas
from media.detect.text import Reading
from media.types import ModelShapeError

logger = logging.getLogger(__name__)


class Reader:
    """A compiled reader, shared by all cameras. Sessions are made from it, one a thread."""

    def __init__(self, description: ModelDescription, path: Path, device: str = "AUTO") -> None:
        """As `Detector`. Raises ModelFailed and ModelShapeError likewise."""
        if description.task is not Task.READ:
            raise ModelShapeError(f"model {description.name}: it {description.task}")
        self.description = description
        self.network = Network(description, path, device)
        self.session().read_nothing()
        logger.info("model %s runs on %s", description.model_version, self.network.device)

    def session(self) -> ReaderSession:
        return ReaderSession(self.description, self.network)


class ReaderSession:
    """One inference at a time, on the thread that owns it."""

    def __init__(self, description: ModelDescription, network: Network) -> None:
        self._description = description
        self._canvas = Canvas(description.input)
        self._request = network.request(self._canvas.pixels)

    def read(self, crop: av.VideoFrame, scaler: VideoReformatter) -> Reading:
        """The text of a crop that holds one line.

        Raises:
            ModelShapeError: the output is not of the model's family, or holds NaN.
            ModelFailed: the device failed.
            av.FFmpegError: the crop cannot be scaled.
        """
        self._canvas.paint(crop, scaler)
        return reading(self._request.run(), self._description)

    def read_nothing(self) -> None:
        """Raises as `read` does, on an empty canvas."""
        reading(self._request.run(), self._description)
