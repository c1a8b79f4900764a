"""Reads the plates of one camera's objects: few readings of each, and the text that most agree on.

A plate is read off the frame as it was decoded, not off what a detector was shown of it, from its
first sight on: what is known when its event begins is told with the beginning, what turns out later
is a change. Nothing waits for a text.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import av
import numpy as np
from numpy.typing import NDArray

from media.complaint import Complaint
from media.detect.model_set import Eyes
from media.detect.pool import Look
from media.detect.text import Reading
from media.plates import is_of_form, plate_text
from media.tracker import Track
from media.types import TICKS_PER_SECOND, Box, MediaError, Plate

logger = logging.getLogger(__name__)

MOST_READINGS = 12
"""Of one object; a reading is 1 to 3 runs of the reader."""
MOST_AT_ONCE = 2
"""Objects read in one frame."""
AGREED = 3
"""So many equal readings are enough."""
BIGGER = 1.1
APART = TICKS_PER_SECOND // 2
"""An object that has not grown this much since it was read is left alone for that long."""
LEAST_WIDTH_PX, LEAST_HEIGHT_PX = 40, 12
LEAST_SCORE = 0.5
UNTOLD_SCORE = 0.5
"""What a reading weighs whose reader tells no score."""
MARGIN = 0.04
"""Of its size, around a box: detectors cut letters off."""

ONE_LINE_ASPECT, TWO_LINES_ASPECT = 2.6, 1.6
"""Width by height: Vietnamese plates have 4.3 to 4.7 with one line, 1.35 to 2.0 with two."""
UPPER_END, LOWER_START = 0.52, 0.48


@dataclass(slots=True)
class _Vote:
    plate: Plate
    scores: list[float] = field(default_factory=list)

    @property
    def weight(self) -> float:
        return sum(self.scores)


@dataclass(slots=True)
class _Known:
    """What was read of one object so far."""

    votes: dict[str, _Vote] = field(default_factory=dict)
    readings: int = 0
    width_px: float = 0.0
    read_at: int = 0

    @property
    def settled(self) -> bool:
        agreed = any(len(vote.scores) >= AGREED for vote in self.votes.values())
        return agreed or self.readings >= MOST_READINGS

    def is_due(self, width_px: float, position: int) -> bool:
        waited = not 0 <= position - self.read_at < APART
        return not self.settled and (width_px > BIGGER * self.width_px or waited)

    def take(self, plate: Plate) -> None:
        vote = self.votes.setdefault(plate.text, _Vote(plate))
        vote.scores.append(UNTOLD_SCORE if plate.score is None else plate.score)
        if (plate.score or 0.0) > (vote.plate.score or 0.0):
            vote.plate = plate


class PlateReadings:
    """The readings of one camera's objects, by the keys of their tracks; one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._complaint = Complaint(logger, "reading fails: %s")

    def look(self, seen: Sequence[Track], look: Look, eyes: Eyes) -> None:
        """Read what is due of the objects that the frame of `look` shows."""
        pixels: NDArray[np.uint8] | None = None
        for track in self._due(seen, look, eyes)[:MOST_AT_ONCE]:
            box, known = track.detection.box, self._known[track.key]
            known.readings += 1
            known.width_px, known.read_at = _size_px(box, look.frame)[0], look.position
            try:
                if pixels is None:
                    pixels = np.asarray(look.frame.to_ndarray(format="bgr24"), np.uint8)
                plate = _read(_crop(pixels, box), track.detection.feature, look, eyes)
            except (MediaError, av.FFmpegError) as error:
                self._complaint.say(error)
                continue
            if plate is not None:
                known.take(plate)

    def best(self, key: int) -> Plate | None:
        """What most readings say, weighed by their scores; of these the surest."""
        known = self._known.get(key)
        if known is None or not known.votes:
            return None
        return max(known.votes.values(), key=lambda vote: vote.weight).plate

    def forget(self, tracks: Iterable[Track]) -> None:
        """Of objects that are gone."""
        for track in tracks:
            self._known.pop(track.key, None)

    def _due(self, seen: Sequence[Track], look: Look, eyes: Eyes) -> list[Track]:
        """Those least read first, of these the biggest."""
        found = []
        for track in seen:
            width_px, height_px = _size_px(track.detection.box, look.frame)
            is_big_enough = width_px >= LEAST_WIDTH_PX and height_px >= LEAST_HEIGHT_PX
            if not is_big_enough or eyes.reader(track.detection.feature) is None:
                continue
            known = self._known.setdefault(track.key, _Known())
            if known.is_due(width_px, look.position):
                found.append((known.readings, -width_px, track.key, track))
        return [track for *_, track in sorted(found, key=lambda each: each[:3])]


def _size_px(box: Box, frame: av.VideoFrame) -> tuple[float, float]:
    return (box.x1 - box.x0) * frame.width, (box.y1 - box.y0) * frame.height


def _crop(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The box with a margin, (height, width, 3)."""
    height, width = pixels.shape[:2]
    side, up = MARGIN * (box.x1 - box.x0), MARGIN * (box.y1 - box.y0)
    left, right = max(0.0, box.x0 - side) * width, min(1.0, box.x1 + side) * width
    top, bottom = max(0.0, box.y0 - up) * height, min(1.0, box.y1 + up) * height
    return pixels[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]


def _read(crop: NDArray[np.uint8], feature: str, look: Look, eyes: Eyes) -> Plate | None:
    """The plate of a crop, by the likelier number of lines; None where nothing sure was read."""
    height, width = crop.shape[:2]
    aspect = width * float(look.pixel_aspect or 1) / height
    ways: list[list[NDArray[np.uint8]]] = []
    if aspect >= TWO_LINES_ASPECT:
        ways.append([crop])
    if aspect < ONE_LINE_ASPECT:
        ways.append([crop[: round(UPPER_END * height)], crop[round(LOWER_START * height) :]])
    reader = eyes.reader(feature)
    version = reader.model_version if reader else ""
    found: list[Plate] = []
    for lines in ways:
        read = [eyes.read(feature, _picture(line)) for line in lines]
        text, score = plate_text([each.text for each in read]), _mean(read)
        if text is not None and (score is None or score >= LEAST_SCORE):
            found.append(Plate(text, " ".join(each.text for each in read), score, version))
    return max(found, key=lambda each: (is_of_form(each.text), each.score or 0.0), default=None)


def _picture(pixels: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="bgr24")


def _mean(read: Sequence[Reading]) -> float | None:
    """Of the scores of all characters; None where the reader tells none."""
    signs = sum(len(each.text) for each in read)
    if any(each.score is None for each in read):
        return None
    return sum((each.score or 0.0) * len(each.text) for each in read) / max(1, signs)
