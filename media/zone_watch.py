"""Which zones' rules the objects of one camera meet: tracks in, zones out; pure, no threads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from media.shapes import Point, contains, left_of, meets
from media.tracker import Track
from media.types import Box, Detection, Direction, EventZone
from media.zones import Zone, ZonePurpose, foot

LEAVE_US = {ZonePurpose.INSIDE: 1_000_000, ZonePurpose.LOITERING: 10_000_000}
"""Whose foot is outside for longer has left: a box trembles, and who loiters walks to and fro."""

NEAR_LINE, NEAR_LINE_MOST = 0.1, 0.03
"""A foot nearer to a line than this part of the object's size is on neither side of it, and so is
one that is nearer than 0.03 of the frame at most: a box that trembles crosses nothing."""

CROSSING_WAITS_US = 2_000_000
"""For how long an object that crossed a line may still turn out to count."""


@dataclass(slots=True)
class _Visit:
    """One object and one zone.

    Attributes:
        since_us, inside_us: since when its foot was inside, and when it was last.
        side, place: on which side of the line it was for sure, 1 is A and -1 B, and where then.
        crossed: which way and when it crossed the line.
        told: what of the rule has begun an event.
    """

    since_us: int | None = None
    inside_us: int = 0
    side: int = 0
    place: Point | None = None
    crossed: tuple[Direction, int] | None = None
    told: set[Direction | None] = field(default_factory=set)


class ZoneWatch:
    """The zones of one camera. Times are wall time, microseconds, growing from call to call."""

    def __init__(self, zones: Sequence[Zone] = ()) -> None:
        self._zones = tuple(zones)
        self._visits: dict[tuple[str, int], _Visit] = {}
        self._told_us: dict[str, int] = {}

    def change(self, zones: Sequence[Zone]) -> None:
        """Watches these instead; those that are as they were go on where they are."""
        kept = {zone.id for zone in zones if zone in self._zones}
        self._zones = tuple(zones)
        self._visits = {key: each for key, each in self._visits.items() if key[0] in kept}
        self._told_us = {key: at_us for key, at_us in self._told_us.items() if key in kept}

    def unmasked(self, detections: Sequence[Detection], at_us: int) -> list[Detection]:
        """Those that no mask hides."""
        masks = [zone for zone in self._zones if zone.purpose is ZonePurpose.MASK]
        return [d for d in detections if not any(mask.hides(d, at_us) for mask in masks)]

    def decides(self, feature: str) -> bool:
        """Whether there is a rule about the feature, in force or not: then rules begin events."""
        return any(zone.is_about(feature) for zone in self._rules())

    def look(self, track: Track, at_us: int) -> None:
        """Where an object is that was seen at this time."""
        for zone in self._rules():
            if zone.is_about(track.detection.feature):
                self._follow(zone, track, at_us)

    def met(self, track: Track, at_us: int) -> tuple[EventZone, ...]:
        """The rules that the object meets now and that may begin an event; after `look`."""
        found = []
        for zone in self._rules():
            visit = self._visits.get((zone.id, track.key))
            if visit is None or not zone.is_big_enough(track.detection.box):
                continue
            is_met, direction = _is_met(zone, visit, at_us)
            if is_met and direction not in visit.told and not self._rests(zone, at_us):
                found.append(EventZone(zone.id, zone.name, direction))
        return tuple(found)

    def tell(self, track: Track, zones: Iterable[EventZone], at_us: int) -> None:
        """These rules, that were met, begin an event now: not again in this appearance."""
        for zone in zones:
            self._visits[zone.id, track.key].told.add(zone.direction)
            self._told_us[zone.id] = at_us

    def forget(self, tracks: Iterable[Track]) -> None:
        """Of objects that are gone."""
        gone = {track.key for track in tracks}
        self._visits = {key: each for key, each in self._visits.items() if key[1] not in gone}

    def _rules(self) -> list[Zone]:
        return [zone for zone in self._zones if zone.purpose is not ZonePurpose.MASK]

    def _rests(self, zone: Zone, at_us: int) -> bool:
        told_us = self._told_us.get(zone.id)
        return told_us is not None and at_us - told_us < round(zone.cooldown_s * 1_000_000)

    def _follow(self, zone: Zone, track: Track, at_us: int) -> None:
        key = (zone.id, track.key)
        if not zone.is_in_force(at_us):
            if key in self._visits:
                self._visits[key] = _Visit(told=self._visits[key].told)
            return
        if not zone.is_big_enough(track.detection.box):
            return
        visit = self._visits.setdefault(key, _Visit())
        if zone.purpose is ZonePurpose.CROSSING:
            way = _crossing(zone, visit, track.detection.box)
            if way is not None and not self._rests(zone, at_us):
                visit.crossed = (way, at_us)
        elif contains(zone.points, foot(track.detection.box)):
            visit.inside_us = at_us
            visit.since_us = at_us if visit.since_us is None else visit.since_us
        elif at_us - visit.inside_us > LEAVE_US[zone.purpose]:
            visit.since_us = None


def _is_met(zone: Zone, visit: _Visit, at_us: int) -> tuple[bool, Direction | None]:
    """Whether the rule is met, and which way a line was crossed."""
    if zone.purpose is ZonePurpose.CROSSING:
        way, crossed_us = visit.crossed or (None, 0)
        return way is not None and at_us - crossed_us <= CROSSING_WAITS_US, way
    if visit.since_us is None or visit.inside_us != at_us:
        return False, None
    return at_us - visit.since_us >= round(zone.seconds * 1_000_000), None


def _crossing(zone: Zone, visit: _Visit, box: Box) -> Direction | None:
    """The way in which the line has just been crossed, if that way counts."""
    start, end = zone.points
    place = foot(box)
    distance = left_of(start, end, place)
    if abs(distance) < _near(start, end, box):
        return None
    before, was_at = visit.side, visit.place
    visit.side, visit.place = (1 if distance > 0 else -1), place
    if was_at is None or before == visit.side or not meets(start, end, (was_at, place)):
        return None
    way = Direction.B_TO_A if visit.side > 0 else Direction.A_TO_B
    return way if zone.direction in {Direction.BOTH, way} else None


def _near(start: Point, end: Point, box: Box) -> float:
    """How far from the line a foot must be to be on a side of it."""
    along_x, along_y = end.x - start.x, end.y - start.y
    across = abs(along_y) * (box.x1 - box.x0) + abs(along_x) * (box.y1 - box.y0)
    return min(NEAR_LINE * across / math.hypot(along_x, along_y), NEAR_LINE_MOST)
