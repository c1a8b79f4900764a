"""A model for tests whose answers are a function of the frame, and which can be held up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import av
from av.video.reformatter import VideoReformatter

from media.detect.description import ModelDescription
from media.types import Detection
from tests.media.detect.tiny import tiny_description

See = Callable[[av.VideoFrame], Sequence[Detection]]


class ScriptedModel:
    """`see` answers for each frame. While `gate` is clear, sessions wait before they answer."""

    def __init__(self, see: See, parallel: int = 1) -> None:
        self._see = see
        self._parallel = parallel
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Semaphore(0)

    @property
    def description(self) -> ModelDescription:
        return tiny_description()

    @property
    def parallel(self) -> int:
        return self._parallel

    def session(self) -> ScriptedModel:
        return self

    def detect(self, frame: av.VideoFrame, scaler: VideoReformatter) -> Sequence[Detection]:
        self.waiting.release()
        assert self.gate.wait(10)
        return self._see(frame)
