"""How well a detector finds what labelled pictures show: average precision, precision, recall."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from msgspec.structs import replace
from numpy.typing import NDArray

from media.detect.dataset import DatasetError, Labelled
from media.detect.description import ModelDescription
from media.detect.nms import overlaps
from media.types import Box, Detection

MATCH = 0.5
"""Intersection over union from which a box is right: the 50 of AP50."""

LEAST_SCORE = 0.05
"""Detections count from here on: weaker ones hardly change the area under the curve."""

Look = Callable[[av.VideoFrame, VideoReformatter], Sequence[Detection]]
Boxes = Mapping[str, Sequence[Box]]

_NO_BOXES: Boxes = {}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well one feature is found. All are 0..1, and None where nothing says them.

    Attributes:
        labels: how many objects there are.
        ap50: area under the curve of precision over recall, all points, boxes right from MATCH.
        precision: share of the detections that are right, of those that may begin an event.
        recall: share of the objects that these find.
    """

    feature: str
    labels: int
    ap50: float | None
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """`milliseconds` is for one picture, median: scaling, inference, decoding of the output."""

    accuracies: tuple[Accuracy, ...]
    pictures: int
    milliseconds: float


@dataclass
class _Claims:
    """Labels and detections (score, right or not) of one feature, over all pictures."""

    labels: int = 0
    found: list[tuple[float, bool]] = field(default_factory=list)


def sensitive(model: ModelDescription) -> ModelDescription:
    """The model with detections down to LEAST_SCORE, as a curve needs them."""
    track = min(LEAST_SCORE, model.thresholds.track)
    return replace(model, thresholds=replace(model.thresholds, track=track))


def measure(look: Look, model: ModelDescription, pictures: Sequence[Labelled]) -> Measured:
    """What a detector finds in labelled pictures, for each feature that both it and they know.

    Args:
        look: a session of the `sensitive` model.
        model: gives the features, and the score from which a detection may begin an event.
        pictures: labelled alike.

    Raises:
        DatasetError: a picture can't be read, or no feature is known to both.
        MediaError: as `look` does.
    """
    features = [feature for feature in model.features if feature in pictures[0].boxes]
    if not features:
        known, others = ", ".join(model.features), ", ".join(pictures[0].boxes)
        raise DatasetError(f"model {model.name} finds {known}, labelled are {others}")
    tally = Tally(features)
    scaler, took = VideoReformatter(), []
    for labelled in pictures:
        frame = _frame(labelled)
        began = time.perf_counter()
        detections = look(frame, scaler)
        took.append(time.perf_counter() - began)
        tally.count(detections, labelled.boxes, labelled.crowds)
    found = tally.accuracies(model.thresholds.begin)
    return Measured(found, len(pictures), float(np.median(took)) * 1000)


class Tally:
    """Detections held against what pictures show, picture by picture."""

    def __init__(self, features: Sequence[str]) -> None:
        self._claims = {feature: _Claims() for feature in features}

    def count(
        self, detections: Sequence[Detection], boxes: Boxes, crowds: Boxes = _NO_BOXES
    ) -> None:
        """One picture: `detections` come best first, `boxes` and `crowds` as of `Labelled`."""
        for feature, claim in self._claims.items():
            of_feature = [each for each in detections if each.feature == feature]
            _count(claim, of_feature, boxes.get(feature, ()), crowds.get(feature, ()))

    def accuracies(self, begin: float) -> tuple[Accuracy, ...]:
        """Of each feature; precision and recall from the score `begin` on."""
        return tuple(_accuracy(name, claim, begin) for name, claim in self._claims.items())


def _frame(labelled: Labelled) -> av.VideoFrame:
    path = labelled.picture
    try:
        with av.open(str(path)) as container:
            return _upright(next(container.decode(video=0)), labelled.size_px)
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise DatasetError(f"{path}: not a picture that can be read ({error})") from error


def _upright(frame: av.VideoFrame, size_px: tuple[int, int] | None) -> av.VideoFrame:
    """As it is shown: what a JPEG says of its orientation (EXIF) is beside its pixels.

    As it is stored, where the labels are of that `size_px`.
    """
    quarters = round(frame.rotation / 90) % 4
    stored, shown = (frame.width, frame.height), (frame.height, frame.width)
    if not quarters or (quarters % 2 and size_px == stored != shown):
        return frame
    turned = np.rot90(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), quarters)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(turned), format="bgr24")


def _count(
    claim: _Claims, detections: Sequence[Detection], labels: Sequence[Box], crowds: Sequence[Box]
) -> None:
    boxes = _corners([each.box for each in detections])
    right = _matches(boxes, _corners(labels))
    in_crowd = _inside(boxes, _corners(crowds))
    claim.labels += len(labels)
    claim.found += [
        (each.score, hit)
        for each, hit, excused in zip(detections, right, in_crowd, strict=True)
        if hit or not excused
    ]


def _corners(boxes: Sequence[Box]) -> NDArray[np.float32]:
    rows = [[box.x0, box.y0, box.x1, box.y1] for box in boxes]
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def _matches(boxes: NDArray[np.float32], labels: NDArray[np.float32]) -> list[bool]:
    """Whether each box, best first, is the first on a label that it overlaps enough."""
    if not len(labels):
        return [False] * len(boxes)
    right = []
    table = overlaps(boxes, labels)
    for row in table:
        best = int(row.argmax())
        right.append(bool(row[best] >= MATCH))
        if right[-1]:
            table[:, best] = -1.0
    return right


def _inside(boxes: NDArray[np.float32], crowds: NDArray[np.float32]) -> list[bool]:
    """Whether half of each box lies in one of the crowds."""
    if not len(crowds):
        return [False] * len(boxes)
    low = np.maximum(boxes[:, None, :2], crowds[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=2).max(axis=1, initial=0.0)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return [bool(inside) for inside in shared >= 0.5 * areas]


def _accuracy(feature: str, claim: _Claims, begin: float) -> Accuracy:
    if not claim.labels:
        return Accuracy(feature, 0, None, None, None)
    sure = [hit for score, hit in claim.found if score >= begin]
    precision = sum(sure) / len(sure) if sure else None
    return Accuracy(feature, claim.labels, _area(claim), precision, sum(sure) / claim.labels)


def _area(claim: _Claims) -> float:
    right = np.array([hit for _, hit in sorted(claim.found, key=lambda pair: -pair[0])], np.int64)
    recall = right.cumsum() / claim.labels
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate(([0.0], recall))) * envelope))
