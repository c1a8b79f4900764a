"""Follow objects over the frames of one camera: detections in, tracks out; pure, no threads.

Association in two stages by overlap after ByteTrack (Zhang et al. 2022): sure detections are
matched with every track first, then the unsure ones keep alive what is left over. All times are
positions in ticks, as cameras are looked at 0.2 to 30 times a second and frames go missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.types import TICKS_PER_SECOND, Box, Detection

SLOW_FPS = 1.5
"""At this rate and below, an object is seen too seldom to ask for much."""


@dataclass(frozen=True, slots=True)
class TrackerRules:
    """How tolerant the association is.

    Attributes:
        sure_score: detections from this score on may begin a track,
        sure_scores: or from this, by their feature.
        lost_s: a track unseen for longer is gone; at least three looks are waited for.
        still_lost_s: the same for one that never moved: it can only come back where it was.
        min_travel: how far an object must get from where it began, in its own sizes, to have moved.
        moved_s: and for how long it must be there: a passer-by pulls at a box for a moment.
        reach: each side of a box is widened by this part of its size before comparing,
        reach_per_s: and by this for each second between two looks,
        reach_per_lost_s: and by this for each second that a track was missed: where many pass, it
            would else go on as somebody new; all together at most `max_reach`.
        min_overlap: least intersection over union of two widened boxes of one object.
        max_inside: a new box of which more than this part lies in the box of a track of the same
            feature, or the other way round, is that object seen twice.

    The numbers were chosen on a labelled clip of 19 walkers, at 1 to 10 looks a second: see
    tests/benchmarks/detection.py.
    """

    sure_score: float = 0.4
    sure_scores: Mapping[str, float] = field(default_factory=dict)
    lost_s: float = 2.0
    still_lost_s: float = 4.0
    min_travel: float = 0.25
    moved_s: float = 0.15
    reach: float = 0.1
    reach_per_s: float = 1.0
    reach_per_lost_s: float = 0.2
    max_reach: float = 2.0
    min_overlap: float = 0.15
    max_inside: float = 0.6

    def is_sure(self, detection: Detection) -> bool:
        return detection.score >= self.sure_scores.get(detection.feature, self.sure_score)


def tracker_rules(
    fps: float, sure_score: float, sure_scores: Mapping[str, float] | None = None
) -> TrackerRules:
    """The rules for a camera looked at `fps` times a second: one look says more when slow."""
    moved_s = 0.15 if fps > SLOW_FPS else 0.0
    return TrackerRules(sure_score, sure_scores or {}, moved_s=moved_s)


@dataclass(frozen=True, slots=True)
class Track:
    """One object as known after a frame.

    Attributes:
        key: unique within its tracker.
        detection: the one of the frame at position `seen_at`, as the network gave it.
        began_at, seen_at: positions of its first and latest detection.
        hits: number of its detections.
        moved: whether it has ever moved as a whole, or grown, as the rules ask.
        mean_score: of its latest detections, newer ones count more.
    """

    key: int
    detection: Detection
    began_at: int
    seen_at: int
    hits: int
    moved: bool
    mean_score: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one frame did to the tracks: `seen` in it, and `gone` since it."""

    seen: tuple[Track, ...]
    gone: tuple[Track, ...]


class _Path:
    """Where one object is and how it moves: constant velocity, corrected at each detection."""

    __slots__ = ("_away_since", "_first", "_place", "_rules", "_velocity", "track")
    _PLACE_GAIN = 0.8
    _VELOCITY_MEMORY_S = 0.4
    _SCORE_MEMORY_S = 2.0

    def __init__(self, rules: TrackerRules, key: int, detection: Detection, position: int) -> None:
        self._rules = rules
        self._first = self._place = _Place.of(detection.box)
        self._velocity = (0.0, 0.0)
        self._away_since: int | None = None
        self.track = Track(key, detection, position, position, 1, False, detection.score)

    def predicted(self, position: int) -> _Place:
        """Where it should be: size as it was, centre moved on."""
        seconds = (position - self.track.seen_at) / TICKS_PER_SECOND
        speed_x, speed_y = self._velocity
        x, y, width, height = self._place
        return _Place(x + speed_x * seconds, y + speed_y * seconds, width, height)

    def see(self, detection: Detection, position: int) -> Track:
        known = self.track
        seconds = max((position - known.seen_at) / TICKS_PER_SECOND, 1e-3)
        expected, found = self.predicted(position), _Place.of(detection.box)
        trust = 1.0 if known.hits == 1 else 1.0 - math.exp(-seconds / self._VELOCITY_MEMORY_S)
        push = trust / seconds
        speed_x, speed_y = self._velocity
        self._velocity = (
            speed_x + push * (found.x - expected.x),
            speed_y + push * (found.y - expected.y),
        )
        self._place = expected.towards(found, self._PLACE_GAIN)
        newer = min(0.5, seconds / self._SCORE_MEMORY_S)
        self.track = Track(
            key=known.key,
            detection=detection,
            began_at=known.began_at,
            seen_at=position,
            hits=known.hits + 1,
            moved=known.moved or self._has_moved(found, position),
            mean_score=known.mean_score + newer * (detection.score - known.mean_score),
        )
        return self.track

    def _has_moved(self, found: _Place, position: int) -> bool:
        """Whether it is away from where it began, as measured and as believed, for long enough."""
        travel = min(self._first.travel_to(self._place), self._first.travel_to(found))
        if travel < self._rules.min_travel:
            self._away_since = None
            return False
        if self._away_since is None:
            self._away_since = position
        return position - self._away_since >= round(self._rules.moved_s * TICKS_PER_SECOND)

    def stay(self, position: int) -> None:
        """It stood where it was seen last until `position`."""
        self._velocity = (0.0, 0.0)
        self.track = replace(self.track, seen_at=position)


class _Place(NamedTuple):
    """Centre and size, in 0..1 of the frame."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, box: Box) -> _Place:
        return cls((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, box.x1 - box.x0, box.y1 - box.y0)

    def towards(self, other: _Place, part: float) -> _Place:
        return _Place(
            self.x + part * (other.x - self.x),
            self.y + part * (other.y - self.y),
            self.width + part * (other.width - self.width),
            self.height + part * (other.height - self.height),
        )

    def travel_to(self, other: _Place) -> float:
        """How far the whole object moved, or grew, in its own sizes.

        A box whose one side alone moves was covered or uncovered, not carried away: both sides
        count only as far as they agree.
        """
        size = math.sqrt(max(self.width * self.height, other.width * other.height, 1e-9))
        wider, higher = (other.width - self.width) / 2, (other.height - self.height) / 2
        shift_x, shift_y = other.x - self.x, other.y - self.y
        moved = max(
            _agreed(shift_x - wider, shift_x + wider), _agreed(shift_y - higher, shift_y + higher)
        )
        grown = _agreed(_log_ratio(other.width, self.width), _log_ratio(other.height, self.height))
        return max(moved / size, grown)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union; 0..1."""
    shared = _shared(a, b)
    return shared / (_area(a) + _area(b) - shared) if shared > 0 else 0.0


def _inside(a: Box, b: Box) -> float:
    """Part of the smaller box that lies in the other; 0..1."""
    shared = _shared(a, b)
    return shared / min(_area(a), _area(b)) if shared > 0 else 0.0


def _shared(a: Box, b: Box) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(0.0, width) * max(0.0, height)


def _area(box: Box) -> float:
    return (box.x1 - box.x0) * (box.y1 - box.y0)


def _agreed(a: float, b: float) -> float:
    """How far two changes go the same way; 0 where they do not."""
    return min(abs(a), abs(b)) if a * b > 0 else 0.0


def _log_ratio(a: float, b: float) -> float:
    return math.log(max(a, 1e-6) / max(b, 1e-6))


class Tracker:
    """The tracks of one camera. Positions must grow from call to call."""

    def __init__(self, rules: TrackerRules) -> None:
        # Takes 0.3 s, which commands that follow nothing do without.
        from scipy.optimize import linear_sum_assignment

        self._assign = linear_sum_assignment
        self._rules = rules
        self._paths: list[_Path] = []
        self._looked_at: int | None = None
        self._next_key = 1

    def look(self, detections: Sequence[Detection], position: int) -> Sighting:
        """Take the detections of the frame at `position`."""
        since = position - (self._looked_at if self._looked_at is not None else position)
        sure = [d for d in detections if self._rules.is_sure(d)]
        unsure = [d for d in detections if not self._rules.is_sure(d)]
        seen, new = self._match(self._paths, sure, position)
        kept = {track.key for track in seen}
        rest = [path for path in self._paths if path.track.key not in kept]
        late, _ = self._match(rest, unsure, position)
        gone = self._drop_lost(position, since)
        seen += late
        for detection in new:
            if not any(self._is_same(detection, track.detection) for track in seen):
                seen.append(self._begin(detection, position))
        self._looked_at = position
        return Sighting(tuple(seen), gone)

    def hold(self, position: int) -> None:
        """Nothing moved until `position`: what was seen at the last look is still there."""
        for path in self._paths:
            if path.track.seen_at == self._looked_at:
                path.stay(position)
        self._looked_at = position

    def end(self) -> tuple[Track, ...]:
        """All tracks, as the run is over. The tracker starts anew."""
        tracks = tuple(path.track for path in self._paths)
        self._paths, self._looked_at = [], None
        return tracks

    @property
    def searching(self) -> bool:
        """Whether an object that is known was missed at the last look, so that looking pays."""
        return any(path.track.seen_at != self._looked_at for path in self._paths)

    def _is_same(self, new: Detection, known: Detection) -> bool:
        """Whether two detections of one frame show the same object, a part of it and the whole."""
        return new.feature == known.feature and _inside(new.box, known.box) > self._rules.max_inside

    def _begin(self, detection: Detection, position: int) -> Track:
        path = _Path(self._rules, self._next_key, detection, position)
        self._next_key += 1
        self._paths.append(path)
        return path.track

    def _match(
        self, paths: Sequence[_Path], detections: Sequence[Detection], position: int
    ) -> tuple[list[Track], list[Detection]]:
        """Tracks that were seen, and detections that are of no track."""
        if not paths or not detections:
            return [], list(detections)
        score = self._overlaps(paths, detections, position)
        rows, columns = self._assign(-score)
        pairs = [
            (row, column)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
            if score[row, column] >= self._rules.min_overlap
        ]
        seen = [paths[row].see(detections[column], position) for row, column in pairs]
        taken = {column for _, column in pairs}
        return seen, [d for index, d in enumerate(detections) if index not in taken]

    def _overlaps(
        self, paths: Sequence[_Path], detections: Sequence[Detection], position: int
    ) -> NDArray[np.float64]:
        """Of each track with each detection, (tracks, detections), both boxes widened; 0..1."""
        reach = np.array([self._reach(path, position) for path in paths])[:, None]
        ours = np.array([path.predicted(position) for path in paths])
        theirs = np.array([_Place.of(d.box) for d in detections])
        features = np.array([path.track.detection.feature for path in paths])
        same = features[:, None] == np.array([d.feature for d in detections])
        return np.where(same, _widened_overlap(ours, theirs, reach), 0.0)

    def _reach(self, path: _Path, position: int) -> float:
        rules, seen_at = self._rules, path.track.seen_at
        missed = max(0, (self._looked_at or 0) - seen_at) / TICKS_PER_SECOND
        between = (position - seen_at) / TICKS_PER_SECOND - missed
        reach = rules.reach + rules.reach_per_s * between + rules.reach_per_lost_s * missed
        return min(reach, rules.max_reach)

    def _drop_lost(self, position: int, since: int) -> tuple[Track, ...]:
        rules = self._rules
        gone = []
        for path in self._paths:
            limit_s = rules.lost_s if path.track.moved else rules.still_lost_s
            limit = max(int(limit_s * TICKS_PER_SECOND), 3 * since)
            if position - path.track.seen_at > limit:
                gone.append(path)
        self._paths = [path for path in self._paths if path not in gone]
        return tuple(path.track for path in gone)


def _widened_overlap(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intersection over union of (N, 4) with (M, 4) centres and sizes: (N, M).

    Every side is widened by `reach` (N, 1) of the size first (C-BIoU, Yang et al. 2023), so
    that objects that moved farther than their size between two looks still meet.
    """
    half_ours = ours[:, None, 2:] * (0.5 + reach[:, :, None])
    half_theirs = theirs[None, :, 2:] * (0.5 + reach[:, :, None])
    low = np.maximum(ours[:, None, :2] - half_ours, theirs[None, :, :2] - half_theirs)
    high = np.minimum(ours[:, None, :2] + half_ours, theirs[None, :, :2] + half_theirs)
    sides = np.maximum(high - low, 0.0)
    shared = sides[..., 0] * sides[..., 1]
    areas = half_ours[..., 0] * half_ours[..., 1] + half_theirs[..., 0] * half_theirs[..., 1]
    union = 4 * areas - shared
    result: NDArray[np.float64] = shared / np.maximum(union, 1e-12)
    return result
