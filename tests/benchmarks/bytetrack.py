"""Plain ByteTrack (Zhang et al. 2022), to compare our tracker with: numbers as in its paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from media.tracker import overlap
from media.types import Box, Detection

HIGH, NEW = 0.5, 0.6
FIRST_MATCH, SECOND_MATCH, UNCONFIRMED_MATCH = 0.2, 0.5, 0.3
"""Least overlap of a prediction with a sure detection, an unsure one, and of a newcomer's."""
KEPT_S = 1.0

_POSITION, _VELOCITY = 1 / 20, 1 / 160
_STEP = np.eye(8) + np.eye(8, k=4)


class _Path:
    """Kalman filter of centre, aspect and height, with constant speed a frame."""

    def __init__(self, key: int, detection: Detection) -> None:
        self.key, self.box, self.missed, self.confirmed = key, detection.box, 0, False
        measured = _measured(detection.box)
        self._mean = np.concatenate([measured, np.zeros(4)])
        height = measured[3]
        deviation = [2 * _POSITION * height] * 2 + [1e-2, 2 * _POSITION * height]
        deviation += [10 * _VELOCITY * height] * 2 + [1e-5, 10 * _VELOCITY * height]
        self._spread = np.diag(np.square(deviation))

    def predict(self) -> None:
        height = self._mean[3]
        deviation = [_POSITION * height] * 2 + [1e-2, _POSITION * height]
        deviation += [_VELOCITY * height] * 2 + [1e-5, _VELOCITY * height]
        if self.missed:
            self._mean[7] = 0
        self._mean = _STEP @ self._mean
        self._spread = _STEP @ self._spread @ _STEP.T + np.diag(np.square(deviation))
        x, y, aspect, height = self._mean[:4]
        self.box = Box(
            x - aspect * height / 2, y - height / 2, x + aspect * height / 2, y + height / 2
        )

    def see(self, detection: Detection) -> None:
        height = self._mean[3]
        noise = np.diag(
            np.square([_POSITION * height, _POSITION * height, 1e-1, _POSITION * height])
        )
        gain = self._spread[:, :4] @ np.linalg.inv(self._spread[:4, :4] + noise)
        self._mean = self._mean + gain @ (_measured(detection.box) - self._mean[:4])
        self._spread = self._spread - gain @ self._spread[:4]
        self.box, self.missed, self.confirmed = detection.box, 0, True


def _measured(box: Box) -> NDArray[np.float64]:
    width, height = box.x1 - box.x0, box.y1 - box.y0
    return np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, width / height, height])


class ByteTrack:
    def __init__(self, fps: float) -> None:
        self._most_missed = KEPT_S * fps
        self._paths: list[_Path] = []
        self._next = 1

    def look(self, detections: Sequence[Detection]) -> dict[int, Box]:
        """The confirmed tracks of a frame that were seen in it."""
        for path in self._paths:
            path.predict()
        sure = [d for d in detections if d.score >= HIGH]
        unsure = [d for d in detections if d.score < HIGH]
        known = [path for path in self._paths if path.confirmed]
        fresh = [path for path in self._paths if not path.confirmed]
        left, sure = _match(known, sure, FIRST_MATCH)
        missed, _ = _match([path for path in left if not path.missed], unsure, SECOND_MATCH)
        newcomers, sure = _match(fresh, sure, UNCONFIRMED_MATCH)
        gone = {path.key for path in newcomers}
        for path in {*missed, *(path for path in left if path.missed)}:
            path.missed += 1
        self._paths = [
            path
            for path in self._paths
            if path.key not in gone and path.missed <= self._most_missed
        ]
        for detection in sure:
            if detection.score >= NEW:
                self._paths.append(_Path(self._next, detection))
                self._next += 1
        return {path.key: path.box for path in self._paths if path.confirmed and not path.missed}


def _match(
    paths: Sequence[_Path], detections: Sequence[Detection], least: float
) -> tuple[list[_Path], list[Detection]]:
    """Paths and detections that are left over."""
    if not paths or not detections:
        return list(paths), list(detections)
    shared = np.array([[overlap(path.box, d.box) for d in detections] for path in paths])
    rows, columns = linear_sum_assignment(-shared)
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if shared[r, c] >= least]
    for row, column in pairs:
        paths[row].see(detections[column])
    seen, taken = {row for row, _ in pairs}, {column for _, column in pairs}
    return (
        [path for row, path in enumerate(paths) if row not in seen],
        [d for column, d in enumerate(detections) if column not in taken],
    )
