"""Counts of cameras' pipelines as metrics: sums that never fall, though pipelines come and go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import Counter

from app import metrics
from media.analysis import Analysis
from media.clock import Clock, SystemClock
from media.decoding.isolated import Loss
from media.detect.pool import LaneCounts
from media.pipeline import CameraPipeline
from media.types import CameraState


class Told(dict[Counter, float]):
    """What of a source's counts is in the metrics already."""


@dataclass(eq=False, slots=True)
class _Watched:
    """A pipeline since `since_us`, and what looks at its pictures now."""

    pipeline: CameraPipeline
    analysis: Analysis | None
    labels: tuple[str, str]
    since_us: int
    recorded: Told = field(default_factory=Told)
    looked: Told = field(default_factory=Told)


class CameraMeter:
    """Reads pipelines when Prometheus asks.

    `by_camera` gives each camera series of its own, about 20 of them; else they have the sums of
    the process.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        by_camera: bool = False,
        losses: Callable[[], Mapping[Loss, int]] = dict,
    ) -> None:
        """`losses` are those of decoders."""
        self._clock, self._by_camera = clock or SystemClock(), by_camera
        self._losses, self._lost = losses, Told()
        self._lock = threading.Lock()
        self._watched: list[_Watched] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Reads at each exposition, until `stop`."""
        with metrics.reading(self.read):
            await stop.wait()

    def watch(self, pipeline: CameraPipeline, analysis: Analysis | None) -> None:
        """From just after its start until its thread has ended and was read once more."""
        slug = pipeline.config.folder.rpartition(".")[0]
        labels = (pipeline.config.tenant_id, slug) if self._by_camera else ("", "")
        with self._lock:
            self._watched.append(_Watched(pipeline, analysis, labels, self._clock.now_us()))

    def look_at(self, pipeline: CameraPipeline, analysis: Analysis | None) -> None:
        """Its pictures are looked at by another one from now on, or by none."""
        with self._lock:
            for each in self._watched:
                if each.pipeline is pipeline:
                    _tell_looked(each)
                    each.analysis, each.looked = analysis, Told()

    def read(self) -> None:
        """On any thread."""
        with self._lock:
            ended = [each for each in self._watched if not each.pipeline.is_running]
            for each in self._watched:
                _tell_recorded(each)
                _tell_looked(each)
            self._watched = [each for each in self._watched if each not in ended]
            self._tell_states()
            self._tell_lost()

    def _tell_lost(self) -> None:
        totals: dict[Counter, float] = {}
        for loss, count in self._losses().items():
            labels = loss.owner if self._by_camera else ("", "")
            counter = metrics.decoders_lost.labels(*labels, loss.purpose, loss.why.value)
            totals[counter] = totals.get(counter, 0) + count
        _add(totals, self._lost)

    def _tell_states(self) -> None:
        states = [each.pipeline.state for each in self._watched]
        for state in CameraState:
            metrics.cameras.labels(state.value).set(states.count(state))
        now_us = self._clock.now_us()
        up: dict[tuple[str, str], float] = {}
        behind: dict[tuple[str, str], float] = {}
        waiting = 0
        for each in self._watched:
            labels, counts = each.labels, each.pipeline.counts
            up[labels] = min(up.get(labels, 1), each.pipeline.state is CameraState.ONLINE)
            if each.pipeline.config.record:
                since_us = max(each.since_us, counts.recorded_until_us or 0)
                late = max(0.0, (now_us - since_us) / 1_000_000)
                behind[labels] = max(behind.get(labels, 0.0), late)
            if each.analysis is not None:
                waiting += _waiting(each.analysis.counts.lane)
        for gauge, values in ((metrics.camera_up, up), (metrics.behind_seconds, behind)):
            gauge.clear()  # cameras that are gone
            for labels, value in values.items():
                gauge.labels(*labels).set(value)
        metrics.queue_depth.labels("frames").set(waiting)


def _tell_recorded(each: _Watched) -> None:
    counts, labels = each.pipeline.counts, each.labels
    totals = {
        metrics.frames.labels(*labels, "received"): counts.frames,
        metrics.received_bytes.labels(*labels): counts.received_bytes,
        metrics.segments.labels(*labels): counts.segments,
        metrics.recorded_bytes.labels(*labels): counts.recorded_bytes,
        metrics.recorded_seconds.labels(*labels): counts.recorded_us / 1_000_000,
        metrics.gap_seconds.labels(*labels): counts.gap_us / 1_000_000,
    }
    for why, times in counts.lost.items():
        totals[metrics.reconnects.labels(*labels, why)] = times
    _add(totals, each.recorded)


def _tell_looked(each: _Watched) -> None:
    if each.analysis is None:
        return
    counts, labels = each.analysis.counts, each.labels
    totals = {
        metrics.frames.labels(*labels, "decoded"): counts.decoded,
        metrics.frames.labels(*labels, "inferred"): counts.lane.looked,
        metrics.frames_skipped.labels(*labels, "replaced"): counts.lane.dropped,
        metrics.frames_skipped.labels(*labels, "overload"): counts.left_out,
        metrics.frames_skipped.labels(*labels, "failed"): counts.lane.failed,
        metrics.frames_skipped.labels(*labels, "still"): counts.still,
        metrics.frames_skipped.labels(*labels, "undecodable"): counts.errors,
        metrics.frames_skipped.labels(*labels, "late"): counts.late,
    }
    _add(totals, each.looked)


def _add(totals: Mapping[Counter, float], told: Told) -> None:
    """What is new. Counts that are read while they change may fall back for a moment."""
    for counter, total in totals.items():
        before = told.get(counter, 0)
        if total > before:
            counter.inc(total - before)
            told[counter] = total


def _waiting(lane: LaneCounts) -> int:
    """Frames in the slot or being looked at."""
    return max(0, lane.offered - lane.looked - lane.dropped - lane.failed)
