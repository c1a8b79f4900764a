"""Motion, told like an action that clips show, without a network: any machine has it."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from media.detect.actions import Embedding
from media.detect.description import (
    ClipDescription,
    Colour,
    Family,
    Fit,
    InputDescription,
    ModelDescription,
    OutputDescription,
    Thresholds,
)
from media.motion import MotionGate, coarse_luma
from media.types import MOTION_VERSION

_NAME, _, _DATE = MOTION_VERSION.partition("@")
_CLIP = ClipDescription(file="none", frames=4, seconds=1.0)
MOTION = ModelDescription(
    name=_NAME,
    version=_DATE,
    licence="Apache-2.0",
    source="built in",
    files=(),
    input=InputDescription(width=MotionGate.COLUMNS, height=90, colour=Colour.BGR, fit=Fit.STRETCH),
    output=OutputDescription(family=Family.CLIP, labels=(_NAME,)),
    features={_NAME: (_NAME,)},
    thresholds=Thresholds(track=0.3, begin=0.6),
    clip=_CLIP,
)
"""A third of a clip goes on, two thirds begin: a flash, or a lamp that is lit, begins nothing."""


class MotionClassifier:
    """In the place of a `ClipClassifier`."""

    description = MOTION
    clip = _CLIP
    parallel = 1

    def session(self) -> MotionSession:
        return MotionSession()


class MotionSession:
    """Keeps nothing between calls."""

    def encode(self, frame: av.VideoFrame, scaler: VideoReformatter) -> Embedding:
        """The brightness that the motion gate compares, (rows, columns), 0..255."""
        return coarse_luma(frame, MotionGate.COLUMNS).astype(np.float32)

    def classify(self, clip: Sequence[Embedding]) -> dict[str, float]:
        """Which part of the clip differs from its first frame, as the motion gate sees it; 0..1."""
        first, *others = (
            av.VideoFrame.from_ndarray(each.astype(np.uint8), format="gray") for each in clip
        )
        gate = MotionGate()
        gate.moved(first)
        gate.look()
        return {_NAME: sum(map(gate.moved, others)) / max(1, len(others))}
