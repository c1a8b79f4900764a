"""Shows recorded footage to the analysis that watches cameras: the same packets, the same events.

What depends on the moment when a camera is watched does not here: each frame that is due is looked
at before the next is decoded, ids are counted, and no wall clock is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from media.analysis import Analysis, AnalysisConfig, AnalysisCounts
from media.detect.inline import InlinePool
from media.detect.model_set import ModelSet
from media.eventing import counted_ids
from media.recorded_packets import RecordedRun
from media.types import EventChange, MediaChange, RunClock


class _NoTime:
    """A replay takes none: when stages were done is told of live frames alone."""

    def now_us(self) -> int:
        return 0

    def monotonic_us(self) -> int:
        return 0


class _NoPictures:
    def save(self, at_us: int, jpeg: bytes) -> None:
        return None


@dataclass(slots=True)
class _Timeline:
    clock: RunClock | None = None
    recorded: bool = True


def replay(
    runs: Iterable[RecordedRun],
    config: AnalysisConfig,
    models: ModelSet,
    deliver: Callable[[EventChange], None],
) -> AnalysisCounts:
    """Every event that the analysis tells of these runs, in order, without snapshots and stages.

    Raises:
        FootageUnreadable: of `runs`; what came before has been delivered.
    """

    def tell(change: MediaChange) -> None:
        if isinstance(change, EventChange):
            deliver(replace(change, stages=None))

    timeless, ids = replace(config, clock=_NoTime()), counted_ids(str(config.camera_key))
    analysis = Analysis(timeless, InlinePool(models), tell, _NoPictures(), ids)
    for run in runs:
        _show(analysis, run)
    analysis.close()
    return analysis.counts


def _show(analysis: Analysis, run: RecordedRun) -> None:
    timeline, end = _Timeline(), run.clock.start_position
    for number, part in enumerate(run.parts):
        if number == 0:
            analysis.begin_run(part.stream, timeline)
        for packet in part.packets:
            position = packet.pts or 0
            end = max(end, position + (packet.duration or 0))
            if position >= run.known_from:
                timeline.clock = run.clock
            analysis.packet(packet)
    analysis.end_run(run.clock.at_us(run.end_position or end))
