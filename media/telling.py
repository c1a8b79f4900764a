"""Tells the events of one camera: steps of tracks into changes, each with its frame's picture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from media.best_view import BestViews
from media.detect.pool import Look
from media.event_ids import dated_id
from media.eventing import Began, Ended, EventIds, Step
from media.snapshot import SnapshotError, encode_jpeg
from media.tracker import Track
from media.types import ChangeKind, EventChange, FrameStages, MediaChange, Plate, Snapshot, View

logger = logging.getLogger(__name__)

_TRACK_IDS_SINCE_US = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z


class SnapshotStore(Protocol):
    def save(self, at_us: int, jpeg: bytes) -> Snapshot | None:
        """Keep a frame's picture; at_us is the frame's wall time. None: none are kept.

        Raises OSError.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Open:
    """An event that lasts, as told last, and the key of its object's track."""

    change: EventChange
    track: int


class Teller:
    """Used by one thread at a time; tells in order.

    `versions` are those of the models, by the features that they find.
    """

    def __init__(
        self,
        camera_key: UUID,
        versions: Mapping[str, str],
        deliver: Callable[[MediaChange], None],
        snapshots: SnapshotStore,
    ) -> None:
        self._camera_key, self._versions = camera_key, versions
        self._deliver, self._snapshots = deliver, snapshots
        self._open: dict[str, _Open] = {}
        self._views = BestViews()
        self._last_track_id = 0

    def tell(
        self,
        steps: Sequence[Step],
        look: Look,
        stages: FrameStages,
        plate: Callable[[int], Plate | None] = lambda _: None,
    ) -> None:
        """What ended, then what began with the frame of `look`.

        `plate` tells what is read of an object so far, by the key of its track.
        """
        for step in steps:
            if isinstance(step, Ended):
                self.tell_end(step.ids, look.clock.at_us(step.seen_at))
        began = [step for step in steps if isinstance(step, Began)]
        snapshot = self._snapshot(look) if began else None
        for step in began:
            change = self._change(step, look, snapshot)
            change = replace(change, stages=stages, plate=plate(step.track.key))
            self._open[step.ids.event_id] = _Open(change, step.track.key)
            self._views.begin(step.track, look.frame, change.at_us)
            said = {"trace_id": str(change.trace_id)}
            logger.debug("event %s begins: %s", change.event_id, step.track.detection, extra=said)
            self._deliver(change)

    def tell_better(self, seen: Sequence[Track], look: Look) -> None:
        """Of events that last: which objects the frame of `look` shows better than any before."""
        at_us = look.clock.at_us(look.position)
        better = [track for track in seen if self._views.is_better(track, look.frame, at_us)]
        snapshot = self._snapshot(look) if better else None
        position = look.position if look.recorded else None
        for track in better:
            view = View(at_us, position, track.detection, snapshot)
            for name, event in self._open.items():
                if event.track == track.key:
                    change = replace(event.change, kind=ChangeKind.CHANGED, best=view, stages=None)
                    self._open[name] = replace(event, change=change)
                    self._deliver(change)

    def tell_plates(self, plate: Callable[[int], Plate | None]) -> None:
        """Of events that last: whose plate is read otherwise than was told."""
        for name, event in self._open.items():
            found, told = plate(event.track), event.change.plate
            if found is None or (told is not None and told.text == found.text):
                continue
            change = replace(event.change, kind=ChangeKind.CHANGED, plate=found, stages=None)
            self._open[name] = replace(event, change=change)
            self._deliver(change)

    def tell_end(self, ids: EventIds, ended_at_us: int) -> None:
        event = self._open.pop(ids.event_id, None)
        if event is None:
            return
        if not any(other.track == event.track for other in self._open.values()):
            self._views.forget(event.track)
        change = event.change
        ended_at_us = max(change.at_us, ended_at_us)
        self._deliver(replace(change, kind=ChangeKind.ENDED, ended_at_us=ended_at_us))

    def track_ids(self) -> dict[int, int]:
        """Of objects whose events last: what their events say, by the keys of their tracks."""
        return {event.track: event.change.track_id for event in self._open.values()}

    def _change(self, step: Began, look: Look, snapshot: Snapshot | None) -> EventChange:
        """All of it describes the one frame of `look`."""
        at_us = look.clock.at_us(look.position)
        return EventChange(
            kind=ChangeKind.BEGAN,
            camera_key=self._camera_key,
            event_id=dated_id(step.ids.event_id, at_us),
            trace_id=step.ids.trace_id,
            track_id=self._track_id(step.track.key, at_us),
            model_version=self._versions.get(step.track.detection.feature, ""),
            at_us=at_us,
            position=look.position if look.recorded else None,
            detection=step.track.detection,
            snapshot=snapshot,
            zones=step.zones,
        )

    def _track_id(self, track: int, at_us: int) -> int:
        """The object's: that of its other events, or a new one.

        New ones grow, also over restarts: the seconds since 2025, or one more than the last.
        """
        for event in self._open.values():
            if event.track == track:
                return event.change.track_id
        seconds = max(1, (at_us - _TRACK_IDS_SINCE_US) // 1_000_000)
        self._last_track_id = max(self._last_track_id + 1, seconds)
        return self._last_track_id

    def _snapshot(self, look: Look) -> Snapshot | None:
        """The frame's picture, or None where it can't be kept: the event counts all the same."""
        try:
            jpeg = encode_jpeg(look.frame, look.pixel_aspect)
            return self._snapshots.save(look.clock.at_us(look.position), jpeg)
        except (SnapshotError, OSError) as error:
            logger.warning("camera %s: no snapshot: %s", self._camera_key, error)
            return None
