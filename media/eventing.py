"""Decide when an object's appearance begins and ends an event: tracks in, steps out; pure.

One appearance is one event; where rules of zones decide, it is one for each frame in which it meets
some. It begins when a track has been seen often and long enough, its detection of this very frame
is sure enough, and the object is alive: it has moved, or it is of a feature that counts when
standing still and the network was sure of it for seconds. So a sign taken for a person and a parked
car begin nothing, and flickering detections of a thing that stays where it is don't repeat its
event.
"""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from media.tracker import SLOW_FPS, Sighting, Track, overlap
from media.types import TICKS_PER_SECOND, EventZone
from media.zone_watch import ZoneWatch

_COUNTED = uuid.UUID("5e8c3f0d-52a7-4b5e-9a40-0d1f0a6f4c11")


@dataclass(frozen=True, slots=True)
class EventRules:
    """When an appearance counts.

    Attributes:
        begin_score: the least score of the detection that an event begins with; 0..1.
        begin_scores: the same by its feature, where that has one of its own.
        min_hits, min_age_s: how often and how long a track must have been seen.
        still_features: what begins an event without moving: someone who stands there matters,
            something parked does not.
        still_score, still_s: how sure, and for how long, a detection that never moves must be.
        place_s: where something stood, nothing that stands begins an event for this long.
    """

    begin_score: float = 0.4
    begin_scores: Mapping[str, float] = field(default_factory=dict)
    min_hits: int = 3
    min_age_s: float = 0.4
    still_features: frozenset[str] = frozenset({"person"})
    still_score: float = 0.65
    still_s: float = 3.0
    place_s: float = 600.0
    place_overlap: float = 0.4

    def begin_score_of(self, feature: str) -> float:
        return self.begin_scores.get(feature, self.begin_score)


def event_rules(
    fps: float, begin_score: float, begin_scores: Mapping[str, float] | None = None
) -> EventRules:
    """The rules for a camera looked at `fps` times a second: fewer hits are to be had when slow."""
    return EventRules(begin_score, begin_scores or {}, min_hits=3 if fps > SLOW_FPS else 2)


@dataclass(frozen=True, slots=True)
class EventIds:
    event_id: str
    trace_id: uuid.UUID


def random_ids() -> EventIds:
    return EventIds(f"evt-{secrets.token_hex(8)}", uuid.uuid4())


def counted_ids(name: str) -> Callable[[], EventIds]:
    """For replays: under one name always the same ids in the same order."""
    numbers = itertools.count(1)

    def next_ids() -> EventIds:
        known = uuid.uuid5(_COUNTED, f"{name}/{next(numbers)}")
        return EventIds(f"evt-{known.hex[:16]}", known)

    return next_ids


@dataclass(frozen=True, slots=True)
class Began:
    """`track.detection` is of the frame just looked at; `zones` are whose rules it met."""

    ids: EventIds
    track: Track
    zones: tuple[EventZone, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The object was seen last at position `seen_at`."""

    ids: EventIds
    seen_at: int


Step = Began | Ended


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something stood, remembered up to position `until`."""

    track: Track
    until: int


class Eventing:
    """The events of one camera, over all its runs."""

    def __init__(
        self,
        rules: EventRules,
        new_ids: Callable[[], EventIds] = random_ids,
        zones: ZoneWatch | None = None,
    ) -> None:
        self._rules = rules
        self._new_ids = new_ids
        self._zones = zones or ZoneWatch()
        self._open: dict[int, list[EventIds]] = {}
        self._places: list[_Place] = []
        self._looked_at = 0

    def look(self, sighting: Sighting, position: int, at_us: int) -> list[Step]:
        """What begins and ends with the frame at `position`, wall time `at_us`; ends first."""
        self._forget(position)
        steps: list[Step] = [*self.end(sighting.gone)]
        for track in sighting.seen:
            self._zones.look(track, at_us)
            began = self._begin(track, position, at_us)
            if began is not None:
                self._open.setdefault(track.key, []).append(began.ids)
                steps.append(began)
        return steps

    def _begin(self, track: Track, position: int, at_us: int) -> Began | None:
        """An appearance is one event, or one for each frame in which it meets rules of zones."""
        if not self._zones.decides(track.detection.feature):
            if track.key in self._open or not self._counts(track, position):
                return None
            return Began(self._new_ids(), track)
        met = self._zones.met(track, at_us)
        if not met or not self._counts(track, position):
            return None
        self._zones.tell(track, met, at_us)
        return Began(self._new_ids(), track, met)

    def _forget(self, position: int) -> None:
        """Old places. Positions that lead to no footage begin at 0 again with each run."""
        back, self._looked_at = max(0, self._looked_at - position), position
        if back:
            self._places = [replace(place, until=place.until - back) for place in self._places]
        self._places = [place for place in self._places if place.until > position]

    def end(self, tracks: Sequence[Track]) -> list[Ended]:
        """The events of tracks that are gone, as when their run is over."""
        ended = []
        self._zones.forget(tracks)
        for track in tracks:
            events = self._open.pop(track.key, None)
            if events is not None:
                self._remember(track)
                ended += [Ended(ids, track.seen_at) for ids in events]
        return ended

    def _counts(self, track: Track, position: int) -> bool:
        rules = self._rules
        age_s = (position - track.began_at) / TICKS_PER_SECOND
        if (
            track.hits < rules.min_hits
            or age_s < rules.min_age_s
            or track.detection.score < rules.begin_score_of(track.detection.feature)
        ):
            return False
        return track.moved or self._stands(track, age_s)

    def _stands(self, track: Track, age_s: float) -> bool:
        """Whether it stands there for sure, and is new at this place."""
        rules = self._rules
        if track.detection.feature not in rules.still_features or age_s < rules.still_s:
            return False
        known = [place for place in self._places if self._is_at(track, place)]
        if known:
            self._places = [place for place in self._places if place not in known]
            self._remember(track)
            return False
        return track.mean_score >= rules.still_score

    def _is_at(self, track: Track, place: _Place) -> bool:
        mine, theirs = track.detection, place.track.detection
        same = mine.feature == theirs.feature
        return same and overlap(mine.box, theirs.box) >= self._rules.place_overlap

    def _remember(self, track: Track) -> None:
        until = track.seen_at + round(self._rules.place_s * TICKS_PER_SECOND)
        self._places.append(_Place(track, until))
