"""Load a model for its task and try it, as an installation and `vms models check` do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from media.detect.clips import ClipClassifier
from media.detect.description import ModelDescription, Task
from media.detect.network import Network
from media.detect.reader import Reader
from media.detect.runtime import Detector


@dataclass(frozen=True, slots=True)
class Trial:
    """How a model ran on one black picture (or clip).

    Attributes:
        device: where.
        device_fault: why not on the device asked for; None where it did.
        milliseconds: for a picture (or a clip) after the first.
    """

    device: str
    device_fault: str | None
    milliseconds: float


def try_model(description: ModelDescription, path: Path, device: str) -> Trial:
    """Load a model of any task and run it twice.

    Raises:
        MediaError: it can't be loaded or run, or its output is not what the description says.
    """
    network, run = _loaded(description, path, device)
    run()
    began = time.perf_counter()
    run()
    took = time.perf_counter() - began
    return Trial(network.device, network.device_fault, took * 1000)


def _loaded(
    description: ModelDescription, path: Path, device: str
) -> tuple[Network, Callable[[], object]]:
    black, scaler = _black(description), VideoReformatter()
    if description.task is Task.DETECT:
        detector = Detector(description, path, device)
        looking = detector.session()
        return detector.network, lambda: looking.detect(black, scaler)
    if description.task is Task.READ:
        reader = Reader(description, path, device)
        reads = reader.session()
        return reader.network, lambda: reads.read(black, scaler)
    classifier = ClipClassifier(description, path, device)
    watching, frames = classifier.session(), classifier.clip.frames
    encoder = classifier.encoder
    return encoder, lambda: watching.classify([watching.encode(black, scaler)] * frames)


def _black(description: ModelDescription) -> av.VideoFrame:
    shape = description.input
    pixels = np.zeros((shape.height // 2 * 2, shape.width // 2 * 2, 3), dtype=np.uint8)
    return av.VideoFrame.from_ndarray(pixels, format="bgr24")
