"""Clip classifiers: which feature a run of frames shows, by an encoder and a decoder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from media.detect.actions import Embedding, embedding
from media.detect.description import ClipDescription, ModelDescription
from media.detect.families import actions
from media.detect.network import Network
from media.detect.picture import Canvas
from media.types import ModelShapeError

logger = logging.getLogger(__name__)


class ClipClassifier:
    """A compiled pair of networks, shared by all cameras. Sessions are made from it, one a thread.

    A frame goes through the encoder once, whatever clips it belongs to; a clip of embeddings
    through the decoder, which is far smaller.
    """

    def __init__(self, description: ModelDescription, path: Path, device: str = "AUTO") -> None:
        """`path` is the encoder's; the decoder lies beside it.

        Raises:
            ModelFailed: not a model, or it cannot run.
            ModelShapeError: no clip classifier, or the two don't fit each other or the description.
        """
        if description.clip is None:
            raise ModelShapeError(f"model {description.name}: it {description.task}")
        self.description = description
        self.clip: ClipDescription = description.clip
        self.encoder = Network(description, path, device)
        self.decoder = Network(description, path.with_name(self.clip.file), device, False)
        self.session().classify_nothing()
        logger.info("model %s runs on %s", description.model_version, self.encoder.device)

    @property
    def parallel(self) -> int:
        return self.encoder.parallel

    def session(self) -> ClipSession:
        return ClipSession(self)


class ClipSession:
    """One inference at a time, on the thread that owns it."""

    def __init__(self, model: ClipClassifier) -> None:
        self._description = model.description
        self._canvas = Canvas(model.description.input)
        self._encoder = model.encoder.request(self._canvas.pixels)
        self._clip: NDArray[np.float32] = np.zeros(model.decoder.shape, np.float32)
        self._decoder = model.decoder.request(self._clip)
        self._frames = model.clip.frames

    def encode(self, frame: av.VideoFrame, scaler: VideoReformatter) -> Embedding:
        """What one frame (or the crop around an object) shows.

        Raises:
            ModelShapeError: the encoder gives no vector, or NaN.
            ModelFailed: the device failed.
            av.FFmpegError: the frame cannot be scaled.
        """
        self._canvas.paint(frame, scaler)
        return embedding(self._encoder.run()[0]).copy()

    def classify(self, clip: Sequence[Embedding]) -> dict[str, float]:
        """How sure the model is that the clip shows each of its features, 0..1.

        Args:
            clip: as many embeddings as the model's `clip.frames`, oldest first.

        Raises:
            ModelShapeError: another number of them, or not of the decoder's size.
            ModelFailed: the device failed.
        """
        frames = np.stack(clip) if clip else np.zeros((0, 0), np.float32)
        if self._clip.shape != (1, self._frames, *frames.shape[1:]) or len(frames) != self._frames:
            raise ModelShapeError(
                f"model {self._description.name}: a clip of {self._frames} frames makes "
                f"{(1, *frames.shape)}, its decoder wants {self._clip.shape}"
            )
        self._clip[0] = frames
        return actions(self._decoder.run(), self._description)

    def classify_nothing(self) -> None:
        """Raises as `encode` and `classify` do, on empty frames."""
        self.classify([embedding(self._encoder.run()[0])] * self._frames)
