"""A camera's zones: parts of its picture in which something is a reason for an event, or none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from media.schedule import Schedule
from media.shapes import Point, contains, covered
from media.types import Box, Detection, Direction

MASK_COVER = 0.8
"""A mask hides what lies in it by this part: a sign with its foot outside of a tight mask, not
who walks in front of the sign."""


class ZonePurpose(StrEnum):
    INSIDE = "inside"
    LOITERING = "loitering"
    CROSSING = "crossing"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon, or the line between two points.

    Attributes:
        points: corners of a simple polygon, or the two ends of a CROSSING line. Side A of a line is
            to the left of who looks from the first end to the second, on the picture.
        features: what it is about; empty is whatever the camera looks for.
        seconds: how long an object's foot must be inside, for INSIDE and LOITERING.
        direction: which crossings count; CROSSING alone.
        min_width, min_height: least size of an object, 0..1 of the frame.
        cooldown_s: after an event it begins no other for so long.
        schedule: when it is in force; None is always.
    """

    id: str
    name: str
    purpose: ZonePurpose
    points: tuple[Point, ...]
    features: tuple[str, ...] = ()
    seconds: float = 0.0
    direction: Direction = Direction.BOTH
    min_width: float = 0.0
    min_height: float = 0.0
    cooldown_s: float = 0.0
    schedule: Schedule | None = None

    def is_about(self, feature: str) -> bool:
        return not self.features or feature in self.features

    def is_in_force(self, at_us: int) -> bool:
        return self.schedule is None or self.schedule.holds(at_us)

    def is_big_enough(self, box: Box) -> bool:
        return box.x1 - box.x0 >= self.min_width and box.y1 - box.y0 >= self.min_height

    def hides(self, detection: Detection, at_us: int) -> bool:
        """Whether it is a mask that the detection falls under: by its foot, or nearly whole."""
        if self.purpose is not ZonePurpose.MASK or not self.is_about(detection.feature):
            return False
        if not self.is_in_force(at_us):
            return False
        box = detection.box
        return contains(self.points, foot(box)) or covered(self.points, box) >= MASK_COVER


def foot(box: Box) -> Point:
    """Where an object stands: the middle of its box's lower edge."""
    return Point((box.x0 + box.x1) / 2, box.y1)
