"""Two versions of a detector at the same pictures: how fast each is, and how far they agree."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from media.detect.accuracy import Accuracy, Tally
from media.detect.runtime import Detector
from media.types import Box, Detection, MediaError

ROUNDS = 5
"""In turns, of which the middle one counts: another program may take the processor for a while."""

_KEPT = 8
_LOOKS = 32


class NothingToSee(MediaError):
    """There is no frame."""


@dataclass(frozen=True, slots=True)
class Speed:
    """`milliseconds`: of one look with nothing beside it, median: scaling, inference, decoding.

    `looks_per_second`: with as many at once as keep the device busy.
    """

    milliseconds: float
    looks_per_second: float


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Of `reference` and `other`. `agreement`: what the reference is sure of counts as right."""

    pictures: int
    reference: Speed
    other: Speed
    agreement: tuple[Accuracy, ...]

    @property
    def gain(self) -> float:
        """How many times as fast the other is, by the smaller of both measures."""
        return min(
            self.reference.milliseconds / self.other.milliseconds,
            self.other.looks_per_second / self.reference.looks_per_second,
        )


def side_by_side(
    reference: Detector, other: Detector, frames: Iterable[av.VideoFrame]
) -> SideBySide:
    """Both look at each frame, in turns.

    Raises:
        NothingToSee: there is no frame.
        MediaError, av.FFmpegError: as `Session.detect` does.
    """
    begin = reference.description.thresholds.begin
    tally = Tally(list(reference.description.features))
    watches = _Watch(reference), _Watch(other)
    kept = list[av.VideoFrame]()
    for number, frame in enumerate(frames):
        kept += [frame][: _KEPT - len(kept)]
        for watch in watches if number % 2 else reversed(watches):
            watch.look(frame)
        tally.count(watches[1].found, _sure(watches[0].found, begin))
    if not kept:
        raise NothingToSee("no picture is left to try both on")
    rates = _rates((reference, other), kept)
    speeds = [Speed(watch.milliseconds, rate) for watch, rate in zip(watches, rates, strict=True)]
    return SideBySide(len(watches[0].took), speeds[0], speeds[1], tally.accuracies(begin))


class _Watch:
    """One detector, and how long its looks take."""

    def __init__(self, detector: Detector) -> None:
        self._session, self._scaler = detector.session(), VideoReformatter()
        self.took: list[float] = []
        self.found: list[Detection] = []

    @property
    def milliseconds(self) -> float:
        return float(np.median(self.took)) * 1000

    def look(self, frame: av.VideoFrame) -> None:
        began = time.perf_counter()
        self.found = self._session.detect(frame, self._scaler)
        self.took.append(time.perf_counter() - began)


def _sure(found: Sequence[Detection], begin: float) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = {}
    for each in found:
        if each.score >= begin:
            boxes.setdefault(each.feature, []).append(each.box)
    return boxes


def _rates(detectors: Sequence[Detector], frames: Sequence[av.VideoFrame]) -> list[float]:
    """Looks a second of each, as many at once as its device likes."""
    rates: list[list[float]] = [[] for _ in detectors]
    for _ in range(ROUNDS):
        for detector, of_detector in zip(detectors, rates, strict=True):
            of_detector.append(_rate(detector, frames))
    return [float(np.median(each)) for each in rates]


def _rate(detector: Detector, frames: Sequence[av.VideoFrame]) -> float:
    watches = [_Watch(detector) for _ in range(detector.parallel)]
    looks = -(-_LOOKS // len(watches))

    def look(watch: _Watch) -> None:
        for frame in islice(cycle(frames), looks):
            watch.look(frame)

    with ThreadPoolExecutor(len(watches)) as threads:
        list(threads.map(look, watches[:1]))  # the threads are there, and the model is warm
        began = time.perf_counter()
        list(threads.map(look, watches))
    return looks * len(watches) / (time.perf_counter() - began)
