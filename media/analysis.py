"""One camera's packets to events: sample, look, track, read, decide, tell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import av
from av.packet import Packet
from av.stream import Stream

from media.clip_watch import ClipWatches
from media.clock import Clock, SystemClock
from media.codecs import CodecUnknown, VideoSetup
from media.decoders import IN_PROCESS, Decoders, Sampled, Sampling, SamplingCounts
from media.detect.model_set import Eyes
from media.detect.pool import LaneCounts, Look, Places
from media.eventing import EventIds, Eventing, event_rules, random_ids
from media.motion import MotionGate
from media.pace import Pace
from media.plate_reading import PlateReadings
from media.sampler import Grid
from media.telling import SnapshotStore, Teller
from media.tracker import Track, Tracker, tracker_rules
from media.types import (
    TICKS_PER_SECOND,
    Detection,
    DetectionFrame,
    Followed,
    FrameStages,
    MediaChange,
    RunClock,
)
from media.zone_watch import ZoneWatch
from media.zones import Zone

logger = logging.getLogger(__name__)

MAX_UNSEEN = TICKS_PER_SECOND
"""A still scene is looked at this often all the same: the gate is coarse, things creep."""

DEFAULT_BEGIN = 0.4
"""Score that begins an event of a feature whose model says none: of nothing, as a rule."""

SETTLE_S = 5.0
"""How long the end of a run waits for the last frame's detections."""

DECODE_S = 1.0
"""How long it waits for the last packets to be decoded before that."""


class Timeline(Protocol):
    """The run's place in time, as the camera's thread knows it."""

    @property
    def clock(self) -> RunClock | None:
        """None until it has settled: nothing is looked at before."""
        ...

    @property
    def recorded(self) -> bool:
        """Whether positions lead to footage."""
        ...


Watch = Callable[[DetectionFrame], None]
"""Is shown each frame that was looked at, in order; must return soon."""


@dataclass(frozen=True, slots=True)
class AnalysisConfig:
    """What to look for. `fps` 0.2 to 30; `features` that the models lack find nothing.

    `zones` are those to begin with: see `Analysis.change_zones`. `watch` is called by the thread
    that calls `deliver`, after the frame's events have been told.
    """

    camera_key: UUID
    fps: float
    features: frozenset[str]
    clock: Clock = field(default_factory=SystemClock)
    zones: tuple[Zone, ...] = ()
    watch: Watch | None = None
    decoders: Decoders = IN_PROCESS


@dataclass(frozen=True, slots=True)
class AnalysisCounts:
    """Since the camera began: frames in the lane, of a still scene, decoded; decoding errors.

    `late`: packets that were left out because decoding did not keep up. `left_out`: frames that
    were due but for the pool, which has too much to do.
    """

    lane: LaneCounts
    still: int
    errors: int
    decoded: int = 0
    late: int = 0
    left_out: int = 0


class _Rate:
    """What is looked for at one rate, in one run; `grid` None: each sampled frame is due."""

    def __init__(self, features: frozenset[str], grid: Grid | None) -> None:
        self.features, self._grid, self._gate = features, grid, MotionGate()
        self._looked_at: int | None = None

    def take(self, position: int) -> bool:
        """Whether a frame at `position` is due; if so, the next one is due a period later."""
        if self._grid is None:
            return True
        if not self._grid.is_due(position):
            return False
        self._grid.advance(position)
        return True

    def moved(self, frame: av.VideoFrame, position: int) -> bool:
        """Whether something has since the last look, or that was long ago."""
        moved = self._gate.moved(frame)
        looked_at = self._looked_at
        return moved or looked_at is None or position - looked_at >= MAX_UNSEEN

    def look(self, position: int) -> None:
        """The frame last passed to `moved` is being looked at."""
        self._gate.look()
        self._looked_at = position


class Analysis:
    """The events of one camera, over all its runs.

    The camera's thread calls `begin_run`, `packet`, `end_run` and `close`. Frames come on that
    thread or on one of the decoders', detections on a thread of the pool, one frame at a time.
    `deliver` is called by the camera's thread or the pool's, never by both at once, and in order.
    Tracks and events belong to whoever holds the lock.
    """

    def __init__(
        self,
        config: AnalysisConfig,
        pool: Places,
        deliver: Callable[[MediaChange], None],
        snapshots: SnapshotStore,
        new_ids: Callable[[], EventIds] = random_ids,
    ) -> None:
        finders = pool.models.finders
        begin = {name: each.thresholds.begin for name, each in finders.items()}
        self._config = config
        self._lock = threading.Lock()
        self._tracker = Tracker(tracker_rules(config.fps, DEFAULT_BEGIN, begin))
        self._zones = ZoneWatch(config.zones)
        rules = event_rules(config.fps, DEFAULT_BEGIN, begin)
        self._eventing = Eventing(rules, new_ids, self._zones)
        self._clips = ClipWatches(config.camera_key, pool.models, config.features, new_ids)
        self._tracked = config.features & finders.keys() - self._clips.features
        self._readings = PlateReadings()
        versions = {name: each.model_version for name, each in finders.items()}
        self._teller = Teller(config.camera_key, versions, deliver, snapshots)
        self._lane = pool.lane(self._receive)
        self._timeline: Timeline | None = None
        self._sampling: Sampling | None = None
        self._rates: list[_Rate] = []
        self._still = 0
        self._before = SamplingCounts()
        self._pace = Pace(config.fps)
        self._unknown: str | None = None

    def begin_run(self, stream: av.VideoStream, timeline: Timeline) -> None:
        """The packets that follow are of `stream`, re-stamped in positions."""
        self._end(None)
        self._timeline = timeline
        asked = ((self._tracked, self._config.fps), (self._clips.features, self._clips.fps))
        fps = max((fps for features, fps in asked if features), default=0.0)
        self._rates = [
            _Rate(features, Grid(own) if own < fps else None) for features, own in asked if features
        ]
        if not self._rates:
            return
        decoders, setup = self._config.decoders, VideoSetup.of(stream)
        self._unknown = None
        try:
            self._sampling = decoders.sampling(setup, fps, self._consider)
        except CodecUnknown as error:
            self._unknown = f"nothing is detected: {error}"
            logger.warning("camera %s: no detection: %s", self._config.camera_key, error)

    def packet(self, packet: Packet[Stream]) -> None:
        """Take one video packet, in decoding order; returns without waiting for detections."""
        if self._sampling is not None:
            self._sampling.take(packet)

    def end_run(self, ended_at_us: int) -> None:
        """End every open event, at the latest at `ended_at_us`; waits for the last detections."""
        self._end(ended_at_us)

    def close(self) -> None:
        """Give up the place in the pool."""
        self._end(None)
        self._lane.close()

    def change_zones(self, zones: Sequence[Zone]) -> None:
        """Watches these from the next frame on; from any thread. Objects and events go on."""
        with self._lock:
            self._zones.change(zones)

    def settle(self, timeout_s: float) -> bool:
        """Wait until every packet and frame has been dealt with; False if that takes longer."""
        sampling = self._sampling
        return (sampling is None or sampling.settle(timeout_s)) and self._lane.settle(timeout_s)

    @property
    def counts(self) -> AnalysisCounts:
        """From any thread; while a run ends, its decoded frames may count twice for a moment."""
        counts, sampling = self._before, self._sampling
        if sampling is not None:
            counts += sampling.counts
        lane = self._lane.counts
        return AnalysisCounts(
            lane, self._still, counts.errors, counts.decoded, counts.late, counts.left_out
        )

    @property
    def fault(self) -> str | None:
        """Why nothing is looked at now, in plain words."""
        sampling = self._sampling
        return self._unknown if sampling is None else sampling.fault

    def _end(self, ended_at_us: int | None) -> None:
        """What `end_run` does, also where it was left out."""
        timeline = self._timeline
        if timeline is None:
            return
        self._end_sampling()
        self._timeline = None
        if not self._lane.settle(SETTLE_S):
            logger.warning("camera %s: detection lags at a run's end", self._config.camera_key)
        clock = timeline.clock
        with self._lock:
            tracks = self._tracker.end()
            ended = [*self._eventing.end(tracks), *self._clips.end()]
            self._readings.forget(tracks)
        if clock is None:
            return  # nothing was looked at
        for step in ended:
            seen_at_us = clock.at_us(step.seen_at)
            self._teller.tell_end(step.ids, min(seen_at_us, ended_at_us or seen_at_us))

    def _end_sampling(self) -> None:
        sampling = self._sampling
        if sampling is None:
            return
        if not sampling.settle(DECODE_S):
            logger.warning("camera %s: decoding lags at a run's end", self._config.camera_key)
        sampling.close()
        self._before += sampling.counts
        self._sampling = None

    def _consider(self, sampled: Sampled) -> None:
        """Offer a frame to the pool for what is due, unless nothing has changed."""
        frame, timeline = sampled.frame, self._timeline
        position = frame.pts
        if timeline is None or position is None:
            return
        clock = timeline.clock
        if clock is None or position < clock.start_position:
            return
        due = [rate for rate in self._rates if rate.take(position)]
        worth = [rate for rate in due if self._is_worth_looking(rate, frame, position)]
        self._still += bool(due) and not worth
        for rate in worth:
            rate.look(position)
        if worth:
            features = frozenset[str]().union(*(rate.features for rate in worth))
            aspect, now_us = sampled.pixel_aspect, self._config.clock.now_us()
            recorded = timeline.recorded
            look = Look(frame, position, clock, recorded, features, aspect, now_us)
            self._keep_pace(look, self._lane.offer(look))

    def _keep_pace(self, look: Look, replaced: Look | None) -> None:
        """Asks for fewer frames while they come faster than the pool can look at them."""
        waited_us = 0 if replaced is None else look.sampled_us - replaced.sampled_us
        self._pace.note(waited_us)
        if self._sampling is not None:
            self._sampling.slow(self._pace.slowed)

    def _is_worth_looking(self, rate: _Rate, frame: av.VideoFrame, position: int) -> bool:
        """Whether something moved, or is being searched for, or the last look was long ago.

        In a still scene what was seen stays seen: who stands still is not taken for gone.
        """
        if rate.moved(frame, position):
            return True
        if rate.features != self._tracked or not self._lane.idle:
            return False
        with self._lock:
            if self._tracker.searching:
                return True
            self._tracker.hold(position)
        return False

    def _receive(self, look: Look, detections: Sequence[Detection], eyes: Eyes) -> None:
        """What a frame shows, on a thread of the pool."""
        inferred_us = self._config.clock.now_us()
        if not look.features.isdisjoint(self._tracked):
            self._follow(look, detections, eyes, inferred_us)
        if not look.features.isdisjoint(self._clips.features):
            steps = self._clips.look(look, eyes)
            now_us = self._config.clock.now_us()
            self._teller.tell(steps, look, FrameStages(look.sampled_us, now_us, now_us))

    def _follow(
        self, look: Look, detections: Sequence[Detection], eyes: Eyes, inferred_us: int
    ) -> None:
        """What its objects do, and what is read of them."""
        at_us = look.clock.at_us(look.position)
        with self._lock:
            sighting = self._tracker.look(self._zones.unmasked(detections, at_us), look.position)
            steps = self._eventing.look(sighting, look.position, at_us)
        tracked_us = self._config.clock.now_us()
        self._readings.look(sighting.seen, look, eyes)
        stages = FrameStages(look.sampled_us, inferred_us, tracked_us)
        self._teller.tell(steps, look, stages, self._readings.best)
        self._teller.tell_plates(self._readings.best)
        self._teller.tell_better(sighting.seen, look)
        self._readings.forget(sighting.gone)
        if self._config.watch is not None:
            self._config.watch(self._frame(look, sighting.seen))

    def _frame(self, look: Look, seen: Sequence[Track]) -> DetectionFrame:
        known = self._teller.track_ids()
        objects = tuple(Followed(each.detection, each.key, known.get(each.key)) for each in seen)
        frame = look.frame
        return DetectionFrame(
            look.clock, look.position, look.recorded, frame.width, frame.height, objects
        )
