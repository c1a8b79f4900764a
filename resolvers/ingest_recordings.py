"""Writes what was recorded: runs and hours, each in one statement however many segments closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from media.repair import DIED
from media.types import MediaChange, RunBegan, RunEnded, SegmentClosed
from models.bulk import NewRows, run_with

_HOURS = UUID("7a0a7f1e-6f0b-4c0e-9f6e-0d5a1c1b7c11")
"""Namespace of the ids of hour rows: the same folder has the same id wherever it is written."""

_RUN_TYPES = {
    "run_id": "uuid",
    "tenant_id": "text",
    "camera_key": "uuid",
    "store_id": "uuid",
    "token": "bigint",
    "is_begun": "int",
    "started_us": "bigint",
    "recorded_until_us": "bigint",
    "end_position": "bigint",
    "ended_us": "bigint",
    "end_reason": "text",
}

_RUNS = """
INSERT INTO recording_run AS r (
    run_id, tenant_id, camera_key, store_id, token,
    started_us, recorded_until_us, end_position, ended_us, end_reason
)
SELECT run_id, tenant_id, camera_key, store_id, token,
    started_us, recorded_until_us, end_position, ended_us, end_reason
FROM new_rows n
WHERE n.is_begun = 1 OR EXISTS (SELECT 1 FROM recording_run k WHERE k.run_id = n.run_id)
ON CONFLICT (run_id) DO UPDATE SET
    recorded_until_us = CASE
        WHEN excluded.recorded_until_us > r.recorded_until_us THEN excluded.recorded_until_us
        ELSE r.recorded_until_us END,
    end_position = CASE
        WHEN excluded.end_position > coalesce(r.end_position, -1) THEN excluded.end_position
        ELSE r.end_position END,
    ended_us = CASE
        WHEN r.ended_us IS NULL OR excluded.ended_us > r.ended_us
            THEN coalesce(excluded.ended_us, r.ended_us)
        ELSE r.ended_us END,
    end_reason = CASE
        WHEN r.end_reason IS NULL OR r.end_reason = $1
            THEN coalesce(excluded.end_reason, r.end_reason)
        ELSE r.end_reason END
WHERE r.tenant_id = excluded.tenant_id
"""
"""The first reason stands, but for `$1`, that of who found the run without one."""

_HOUR_TYPES = {
    "id": "uuid",
    "tenant_id": "text",
    "camera_key": "uuid",
    "store_id": "uuid",
    "date": "text",
    "hour": "text",
    "start_us": "bigint",
    "end_us": "bigint",
    "size_bytes": "bigint",
}

_HOURS_GROW = """
INSERT INTO recording_hour AS h (
    id, tenant_id, camera_key, store_id, date, hour,
    start_us, end_us, duration_us, size_bytes, segments
)
SELECT n.id, n.tenant_id, n.camera_key, n.store_id, n.date, n.hour,
    min(n.start_us), max(n.end_us), sum(n.end_us - n.start_us), sum(n.size_bytes), count(*)
FROM new_rows n LEFT JOIN recording_hour k ON k.id = n.id
WHERE k.id IS NULL OR n.end_us > k.end_us
GROUP BY n.id, n.tenant_id, n.camera_key, n.store_id, n.date, n.hour
ON CONFLICT (id) DO UPDATE SET
    end_us = excluded.end_us,
    duration_us = h.duration_us + excluded.duration_us,
    size_bytes = h.size_bytes + excluded.size_bytes,
    segments = h.segments + excluded.segments
WHERE excluded.end_us > h.end_us
"""
"""A segment that ends where the hour already reaches was counted before."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What a batch tells of a run. One of which it tells the end alone is not begun by it."""

    camera_key: UUID
    token: int | None
    started_us: int | None = None
    recorded_until_us: int = 0
    end_position: int | None = None
    ended_us: int | None = None
    end_reason: str | None = None


async def write_recordings(
    tenant_id: str, store_id: UUID | None, changes: Iterable[MediaChange]
) -> None:
    """In the caller's transaction. Writing the same changes again changes nothing.

    `store_id` names the recordings folder that the segments lie in.
    """
    runs: dict[UUID, _Run] = {}
    hours = []
    reached: dict[UUID, int] = {}
    for change in changes:
        if isinstance(change, RunBegan | SegmentClosed | RunEnded):
            known = runs.get(change.run_id, _Run(change.camera_key, change.token))
            runs[change.run_id] = _told(known, change)
        if isinstance(change, SegmentClosed):
            hour_id = _hour_id(tenant_id, store_id, change)
            if change.end_us > reached.get(hour_id, change.start_us):
                reached[hour_id] = change.end_us
                hours.append(_hour_record(hour_id, tenant_id, store_id, change))
    if runs:
        records = [_run_record(key, tenant_id, store_id, run) for key, run in runs.items()]
        await run_with(NewRows(_RUN_TYPES, records), _RUNS, DIED)
    if hours:
        await run_with(NewRows(_HOUR_TYPES, hours), _HOURS_GROW)


def _told(run: _Run, change: RunBegan | SegmentClosed | RunEnded) -> _Run:
    if isinstance(change, RunEnded):
        return replace(
            run,
            ended_us=max(run.ended_us or change.ended_at_us, change.ended_at_us),
            end_reason=run.end_reason or storable(change.reason),
        )
    if isinstance(change, RunBegan):
        begun_us = recorded_us = change.started_at_us
    else:
        begun_us, recorded_us = change.start_us, change.end_us
        run = replace(run, end_position=max(run.end_position or 0, change.end_position))
    return replace(
        run,
        started_us=begun_us if run.started_us is None else run.started_us,
        recorded_until_us=max(run.recorded_until_us, recorded_us),
    )


def _run_record(
    run_id: UUID, tenant_id: str, store_id: UUID | None, run: _Run
) -> tuple[object, ...]:
    is_begun = run.started_us is not None
    return (
        *(run_id, tenant_id, run.camera_key, store_id, run.token),
        *(int(is_begun), run.started_us or 0, run.recorded_until_us, run.end_position),
        *(run.ended_us, run.end_reason),
    )


def _hour_id(tenant_id: str, store_id: UUID | None, segment: SegmentClosed) -> UUID:
    folder = f"{tenant_id}/{segment.camera_key}/{segment.date}/{segment.hour}"
    return uuid5(_HOURS, folder if store_id is None else f"{store_id}/{folder}")


def _hour_record(
    hour_id: UUID, tenant_id: str, store_id: UUID | None, segment: SegmentClosed
) -> tuple[object, ...]:
    return (
        *(hour_id, tenant_id, segment.camera_key, store_id, segment.date, segment.hour),
        *(segment.start_us, segment.end_us, segment.size_bytes),
    )


def storable(reason: str | None) -> str | None:
    """A reason may quote what a camera sent; PostgreSQL keeps no NUL, and UTF-8 no surrogates."""
    if reason is None:
        return None
    return reason.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
