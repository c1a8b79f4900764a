"""Which events of one log are those of another: the same objects at the same time; pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from media.appearances import Appearance, Comparison, Pair, Sight
from media.tracker import overlap
from media.types import Box, ChangeKind, DetectionFrame, EventChange

NEAR_US = 1_000_000
"""Where an object was is known so long before it was first seen and after it was last."""
FARTHEST_US = 10_000_000
"""Events that begin farther apart are two: a track that jumped from one object to the next."""
MIN_OVERLAP = 0.3
"""Least mean intersection over union of one object's boxes in two logs."""
_MOST_SIGHTS = 256
_MOST_PATHS = 4096


class Appearances:
    """Notes down the events of an analysis and the paths of their objects."""

    def __init__(self) -> None:
        self._paths: dict[int, list[Sight]] = {}
        self._keys: dict[int, int] = {}
        self._began: list[EventChange] = []

    def watch(self, frame: DetectionFrame) -> None:
        """To be shown each frame that was looked at, after its changes."""
        present = set()
        for each in frame.objects:
            present.add(each.key)
            self._note(each.key, Sight(frame.at_us, each.detection.box))
            if each.track_id is not None:
                self._keys[each.track_id] = each.key
        if len(self._paths) > _MOST_PATHS:
            self._forget(present)

    def tell(self, change: EventChange) -> None:
        if change.kind is ChangeKind.BEGAN:
            self._began.append(change)

    def _note(self, key: int, sight: Sight) -> None:
        """Of a long path every second sight is dropped, then again: its ends stay known."""
        path = self._paths.setdefault(key, [])
        path.append(sight)
        if len(path) > _MOST_SIGHTS:
            del path[1:-1:2]

    def _forget(self, present: set[int]) -> None:
        """Paths of what has gone and began nothing."""
        kept = present.union(self._keys.values())
        self._paths = {key: path for key, path in self._paths.items() if key in kept}

    def found(self) -> list[Appearance]:
        """In the order in which they began."""
        return [self._appearance(change) for change in self._began]

    def _appearance(self, change: EventChange) -> Appearance:
        path = self._paths.get(self._keys.get(change.track_id, 0), ())
        beginning = Sight(change.at_us, change.detection.box)
        return Appearance(
            change.event_id,
            change.detection.feature,
            change.at_us,
            change.position,
            change.detection.score,
            change.detection.box,
            tuple(zone.id for zone in change.zones),
            tuple(path) or (beginning,),
        )


def compare(
    before: Sequence[Appearance], after: Sequence[Appearance], tolerance_us: int
) -> Comparison:
    """Pairs events of one feature whose objects were in the same places, best ones first.

    `tolerance_us`: how far apart two beginnings of one event may be.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    overlaps = {
        (row, column): shared
        for row, one in enumerate(before)
        for column, other in enumerate(after)
        if (shared := _shared(one, other)) >= MIN_OVERLAP
    }
    weights = np.zeros((len(before), len(after)))
    for (row, column), shared in overlaps.items():
        weights[row, column] = shared + _likeness(before[row], after[column])
    rows, columns = linear_sum_assignment(-weights)
    pairs = [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if (row, column) in overlaps
    ]
    found = [Pair(before[row], after[column], overlaps[row, column]) for row, column in pairs]
    kept, came = {row for row, _ in pairs}, {column for _, column in pairs}
    same = [each for each in found if _is_same(each, tolerance_us)]
    return Comparison(
        tuple(same),
        tuple(each for each in found if each not in same),
        tuple(each for row, each in enumerate(before) if row not in kept),
        tuple(each for column, each in enumerate(after) if column not in came),
    )


def _is_same(pair: Pair, tolerance_us: int) -> bool:
    apart_us = abs(pair.after.at_us - pair.before.at_us)
    return apart_us <= tolerance_us and pair.after.zones == pair.before.zones


def _likeness(one: Appearance, other: Appearance) -> float:
    """Tells events of one object apart: which zones, and when."""
    apart_s = abs(one.at_us - other.at_us) / 1_000_000
    return (one.zones == other.zones) + 1 / (1 + apart_s)


def _shared(one: Appearance, other: Appearance) -> float:
    """Mean overlap of both objects at the times that the shorter path tells; 0..1."""
    if one.feature != other.feature or abs(one.at_us - other.at_us) > FARTHEST_US:
        return 0.0
    few, many = sorted((one.path, other.path), key=len)
    begin_us, end_us = many[0].at_us - NEAR_US, many[-1].at_us + NEAR_US
    if few[0].at_us > end_us or few[-1].at_us < begin_us:
        return 0.0
    found = [
        overlap(sight.box, _box_at(many, sight.at_us))
        for sight in few
        if begin_us <= sight.at_us <= end_us
    ]
    return sum(found) / len(found) if found else 0.0


def _box_at(path: Sequence[Sight], at_us: int) -> Box:
    """Between two sights on the straight line; before the first and after the last, there."""
    place = bisect_left(path, at_us, key=lambda sight: sight.at_us)
    if place == 0 or place == len(path):
        return path[min(place, len(path) - 1)].box
    a, b = path[place - 1], path[place]
    part = (at_us - a.at_us) / (b.at_us - a.at_us)
    corners = zip(_corners(a.box), _corners(b.box), strict=True)
    return Box(*(before + part * (after - before) for before, after in corners))


def _corners(box: Box) -> Sequence[float]:
    return box.x0, box.y0, box.x1, box.y1
