"""Writes events and their changes into the tenant's log, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from media.plates import plate_key
from media.types import ChangeKind, Detection, EventChange, Plate, Snapshot, View
from models.bulk import NewRows, insert, run_with
from models.tenant import take_numbers
from resolvers.event_rows import span_of_ids

EVENT_TYPES = {
    "tenant_id": "text",
    "id": "text",
    "seq": "bigint",
    "began_seq": "bigint",
    "last_change": "text",
    "camera_key": "uuid",
    "camera_slug": "text",
    "type": "text",
    "confidence": "double precision",
    "at_us": "bigint",
    "ended_us": "bigint",
    "position": "bigint",
    "track_id": "bigint",
    "boxes": "jsonb",
    "snapshot": "text",
    "trace_id": "uuid",
    "model_version": "text",
    "written_us": "bigint",
    "payload": "jsonb",
    "zones": "jsonb",
    "zone_ids": "text",
    "best": "jsonb",
    "plate": "jsonb",
    "plate_key": "text",
}

_KNOWN = """
SELECT event.id, event.at_us, event.last_change FROM event JOIN new_rows n ON n.id = event.id
WHERE event.tenant_id = $1 AND event.at_us >= $2 AND event.at_us <= $3
"""

_MOVE = """
UPDATE event SET
    seq = n.seq, last_change = n.last_change, ended_us = coalesce(n.ended_us, event.ended_us),
    best = coalesce(n.best, event.best), plate = coalesce(n.plate, event.plate),
    plate_key = coalesce(n.plate_key, event.plate_key)
FROM new_rows n
WHERE event.tenant_id = $1 AND event.at_us >= $2 AND event.at_us <= $3
    AND event.id = n.id AND event.at_us = n.at_us
"""
_MOVED_TYPES = {
    "id": "text",
    "at_us": "bigint",
    "seq": "bigint",
    "last_change": "text",
    "ended_us": "bigint",
    "best": "jsonb",
    "plate": "jsonb",
    "plate_key": "text",
}


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of an event: its time, its last change and, where this batch made it, when."""

    at_us: int
    last_change: str
    began: EventChange | None = None
    began_seq: int = 0
    seq: int = 0
    ended_us: int | None = None
    best: View | None = None
    plate: Plate | None = None


async def write_events(
    tenant_id: str, slugs: dict[UUID, str], changes: Sequence[EventChange], written_us: int
) -> None:
    """In the caller's transaction: nothing of it is seen before that ends.

    Changes that were written before are left out: an event begins once, and ends once. `slugs` are
    the public ids of the cameras, `written_us` the time it is.

    Raises:
        TenantUnknown: there is no such tenant.
    """
    # Taking no number locks the log: what is known cannot change meanwhile.
    seq = await take_numbers(tenant_id, "event_seq", 0)
    known = await _known(tenant_id, changes)
    stepped, count = _steps(known, changes, seq)
    if not count:
        return
    await take_numbers(tenant_id, "event_seq", count)
    fresh = [
        _record(tenant_id, slugs.get(state.began.camera_key, ""), state.began, state, written_us)
        for state in stepped.values()
        if state.began is not None
    ]
    if fresh:
        await insert("event", NewRows(EVENT_TYPES, fresh))
    moved = {name: state for name, state in stepped.items() if state.began is None}
    if moved:
        await _move(tenant_id, moved)


async def _known(tenant_id: str, changes: Sequence[EventChange]) -> dict[str, _State]:
    ids = {change.event_id for change in changes}
    rows = NewRows({"id": "text"}, [(each,) for each in ids])
    found = await run_with(rows, _KNOWN, tenant_id, *span_of_ids(ids))
    return {row["id"]: _State(row["at_us"], row["last_change"]) for row in found}


def _steps(
    known: dict[str, _State], changes: Sequence[EventChange], seq: int
) -> tuple[dict[str, _State], int]:
    """The state of each event that the batch changes, and how many numbers after `seq` it takes."""
    stepped: dict[str, _State] = {}
    last = seq
    for change in changes:
        before = stepped.get(change.event_id) or known.get(change.event_id)
        kind = change.kind
        begins = kind is ChangeKind.BEGAN
        if (before is None) != begins or (before and before.last_change == ChangeKind.ENDED.value):
            continue
        last += 1
        if before is None:
            state = _State(change.at_us, kind.value, change, last, last, plate=change.plate)
        else:
            ended_us = before.ended_us if change.ended_at_us is None else change.ended_at_us
            state = replace(before, last_change=kind.value, seq=last, ended_us=ended_us)
            best, plate = change.best or before.best, change.plate or before.plate
            state = replace(state, best=best, plate=plate)
        stepped[change.event_id] = state
    return stepped, last - seq


async def _move(tenant_id: str, moved: dict[str, _State]) -> None:
    """The bounds in time keep the statement to the days that the events are of."""
    records = [
        (
            name,
            state.at_us,
            state.seq,
            state.last_change,
            state.ended_us,
            _view(state.best),
            *_plate(state.plate),
        )
        for name, state in moved.items()
    ]
    times = [state.at_us for state in moved.values()]
    await run_with(NewRows(_MOVED_TYPES, records), _MOVE, tenant_id, min(times), max(times))


def _record(
    tenant_id: str, slug: str, change: EventChange, state: _State, written_us: int
) -> tuple[object, ...]:
    """A row in the order of EVENT_TYPES."""
    zones = change.zones
    return (
        tenant_id,
        change.event_id,
        state.seq,
        state.began_seq,
        state.last_change,
        change.camera_key,
        slug,
        change.detection.feature,
        change.detection.score,
        change.at_us,
        state.ended_us,
        change.position,
        change.track_id,
        msgspec.json.encode([_box(change.detection)]).decode(),
        _path(change.snapshot),
        change.trace_id,
        change.model_version,
        written_us,
        None,
        msgspec.json.encode(zones).decode() if zones else None,
        zone_ids([each.id for each in zones]) if zones else None,
        _view(state.best),
        *_plate(state.plate),
    )


def zone_ids(ids: Sequence[str]) -> str:
    """With a blank around each, so that one is found by ` id `."""
    return f" {' '.join(ids)} "


def _path(shot: Snapshot | None) -> str | None:
    return f"{shot.date}/{shot.hour}/{shot.name}" if shot else None


def _view(best: View | None) -> str | None:
    """As JSON."""
    if best is None:
        return None
    told = {
        "at_us": best.at_us,
        "position": best.position,
        "box": _box(best.detection),
        "snapshot": _path(best.snapshot),
    }
    return msgspec.json.encode(told).decode()


def _plate(plate: Plate | None) -> tuple[str | None, str | None]:
    """As JSON, and to search by."""
    if plate is None:
        return None, None
    return msgspec.json.encode(plate).decode(), plate_key(plate.text)


def _box(detection: Detection) -> dict[str, object]:
    box = detection.box
    return {
        "x": round(box.x0, 6),
        "y": round(box.y0, 6),
        "w": round(box.x1 - box.x0, 6),
        "h": round(box.y1 - box.y0, 6),
        "label": detection.label,
        "score": detection.score,
    }
