"""What media workers may write: states, recordings and events, in order, each batch whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid5

from tortoise.expressions import F, Q
from tortoise.transactions import in_transaction

from media.types import (
    ChangeKind,
    EventChange,
    MediaChange,
    RunBegan,
    RunEnded,
    SegmentClosed,
    StatusChanged,
)
from models.base import select
from models.camera import Camera, CameraDeletion, CameraDeletionTable, CameraTable
from models.event import EventTable
from models.recording import RecordingHourTable, RecordingRunTable
from models.tenant import TenantTable, take_numbers
from resolvers.bus import cameras_of, events_of
from resolvers.context import World

_HOURS = UUID("7a0a7f1e-6f0b-4c0e-9f6e-0d5a1c1b7c11")
"""Namespace of the ids of hour rows: the same folder has the same id wherever it is written."""


async def cameras_of_all_tenants() -> list[Camera]:
    """Every camera there is, for the worker that supervises them."""
    tenant_ids = await TenantTable.all().values_list("id", flat=True)
    found: list[Camera] = []
    for tenant_id in tenant_ids:
        found += await select(CameraTable.within(str(tenant_id)), Camera)
    return found


async def deletions_with_footage() -> list[CameraDeletion]:
    """Deleted cameras whose footage is still to be removed."""
    tenant_ids = await TenantTable.all().values_list("id", flat=True)
    found: list[CameraDeletion] = []
    for tenant_id in tenant_ids:
        rows = CameraDeletionTable.within(str(tenant_id)).filter(footage_removed_us=None)
        found += await select(rows, CameraDeletion)
    return found


async def footage_removed(world: World, deletion: CameraDeletion) -> None:
    """The camera's folder is gone: so are its runs and hours."""
    tenant_id, key = deletion.tenant_id, deletion.key
    async with in_transaction():
        await RecordingRunTable.within(tenant_id).filter(camera_key=key).delete()
        await RecordingHourTable.within(tenant_id).filter(camera_key=key).delete()
        rows = CameraDeletionTable.within(tenant_id).filter(key=key)
        await rows.update(footage_removed_us=world.clock.now_us())


async def close_open_runs(tenant_id: str, camera_key: UUID, reason: str) -> None:
    """Runs that a worker left open when it died end where their footage ends."""
    rows = RecordingRunTable.within(tenant_id).filter(camera_key=camera_key, ended_us=None)
    await rows.update(ended_us=F("recorded_until_us"), end_reason=reason)


async def record(
    world: World, tenant_id: str, slugs: dict[UUID, str], changes: Sequence[MediaChange]
) -> None:
    """Writes one tenant's changes in one transaction, in order, then rings the bells.

    Writing the same changes again changes nothing: rows are found by their ids. `slugs` are the
    public ids of the cameras that the changes speak of; changes of a camera that is no longer
    there are written where they tell of the past and dropped where they tell its state.
    """
    events = [change for change in changes if isinstance(change, EventChange)]
    states = {c.camera_key: c for c in changes if isinstance(c, StatusChanged)}
    async with in_transaction():
        if events:
            await _write_events(tenant_id, slugs, events)
        if states:
            await _write_states(tenant_id, list(states.values()))
        for change in changes:
            await _write_recording(tenant_id, change)
    if events:
        await world.bus.ring(events_of(tenant_id))
    if states:
        await world.bus.ring(cameras_of(tenant_id))


async def _write_events(
    tenant_id: str, slugs: dict[UUID, str], changes: Sequence[EventChange]
) -> None:
    """Takes no number first: that locks the log, so what is known cannot change meanwhile."""
    seq = await take_numbers(tenant_id, "event_seq", 0)
    rows = EventTable.within(tenant_id)
    ids = {change.event_id for change in changes}
    known = dict(await rows.filter(id__in=ids).values_list("id", "last_change"))
    steps = _new_steps(known, changes)
    if not steps:
        return
    await take_numbers(tenant_id, "event_seq", len(steps))
    numbered = list(enumerate(steps, start=seq + 1))
    fresh = [
        _event_row(tenant_id, slugs.get(change.camera_key, ""), change, number)
        for number, change in numbered
        if change.kind is ChangeKind.BEGAN
    ]
    if fresh:
        await rows.bulk_create(fresh, batch_size=200)
    for number, change in numbered:
        if change.kind is not ChangeKind.BEGAN:
            await rows.filter(id=change.event_id).update(**_moved(change, number))


def _new_steps(known: dict[str, str], changes: Sequence[EventChange]) -> list[EventChange]:
    """The changes that were not written before: an event begins once, and ends once."""
    state = dict(known)
    steps = []
    for change in changes:
        before = state.get(change.event_id)
        begins = change.kind is ChangeKind.BEGAN
        if (before is None) == begins and before != ChangeKind.ENDED.value:
            state[change.event_id] = change.kind.value
            steps.append(change)
    return steps


def _moved(change: EventChange, seq: int) -> dict[str, Any]:
    step: dict[str, Any] = {"seq": seq, "last_change": change.kind.value}
    if change.ended_at_us is not None:
        step["ended_us"] = change.ended_at_us
    return step


def _event_row(tenant_id: str, slug: str, change: EventChange, seq: int) -> EventTable:
    shot = change.snapshot
    box = change.detection.box
    return EventTable(
        id=change.event_id,
        tenant_id=tenant_id,
        seq=seq,
        began_seq=seq,
        last_change=ChangeKind.BEGAN.value,
        camera_key=change.camera_key,
        camera_slug=slug,
        type=change.detection.feature,
        confidence=change.detection.score,
        at_us=change.at_us,
        position=change.position,
        track_id=change.track_id,
        boxes=[
            {
                "x": round(box.x0, 6),
                "y": round(box.y0, 6),
                "w": round(box.x1 - box.x0, 6),
                "h": round(box.y1 - box.y0, 6),
                "label": change.detection.label,
                "score": change.detection.score,
            }
        ],
        snapshot=f"{shot.date}/{shot.hour}/{shot.name}" if shot else None,
        trace_id=change.trace_id,
        model_version=change.model_version,
    )


async def _write_states(tenant_id: str, changes: Sequence[StatusChanged]) -> None:
    """A camera that was switched off meanwhile keeps `disabled`, whatever its last thread says."""
    last = await take_numbers(tenant_id, "camera_seq", len(changes))
    for number, change in enumerate(changes, start=last - len(changes) + 1):
        rows = CameraTable.within(tenant_id).filter(key=change.camera_key, enabled=True)
        values: dict[str, Any] = {
            "status": change.state.value,
            "status_reason": _storable(change.reason),
            "status_us": change.at_us,
            "change_seq": number,
        }
        if change.stream is not None:
            values["stream"] = asdict(change.stream)
        await rows.update(**values)


def _storable(reason: str | None) -> str | None:
    """A reason may quote what a camera sent; PostgreSQL keeps no NUL, and UTF-8 no surrogates."""
    if reason is None:
        return None
    return reason.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


async def _write_recording(tenant_id: str, change: MediaChange) -> None:
    if isinstance(change, SegmentClosed):
        await _extend_run(tenant_id, change)
        await _extend_hour(tenant_id, change)
    elif isinstance(change, RunBegan):
        if not await RecordingRunTable.within(tenant_id).filter(run_id=change.run_id).exists():
            values = _run(tenant_id, change.camera_key, change.started_at_us)
            await RecordingRunTable.create(run_id=change.run_id, **values)
    elif isinstance(change, RunEnded):
        await _end_run(tenant_id, change)


def _run(tenant_id: str, camera_key: UUID, started_us: int) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "camera_key": camera_key,
        "started_us": started_us,
        "recorded_until_us": started_us,
    }


async def _end_run(tenant_id: str, end: RunEnded) -> None:
    """The first reason stands: repair, which finds more of the run later, knows none."""
    rows = RecordingRunTable.within(tenant_id).filter(run_id=end.run_id)
    await rows.filter(end_reason=None).update(end_reason=_storable(end.reason))
    await rows.filter(Q(ended_us=None) | Q(ended_us__lt=end.ended_at_us)).update(
        ended_us=end.ended_at_us
    )


async def _extend_run(tenant_id: str, segment: SegmentClosed) -> None:
    rows = RecordingRunTable.within(tenant_id).filter(run_id=segment.run_id)
    extended = await rows.filter(recorded_until_us__lt=segment.end_us).update(
        recorded_until_us=segment.end_us
    )
    if not extended and not await rows.exists():
        values = _run(tenant_id, segment.camera_key, segment.start_us)
        values["recorded_until_us"] = segment.end_us
        await RecordingRunTable.create(run_id=segment.run_id, **values)


async def _extend_hour(tenant_id: str, segment: SegmentClosed) -> None:
    """A segment that ends where the hour already reaches was counted before."""
    folder = f"{tenant_id}/{segment.camera_key}/{segment.date}/{segment.hour}"
    hour_id = uuid5(_HOURS, folder)
    rows = RecordingHourTable.within(tenant_id).filter(id=hour_id)
    if await rows.exists():
        await rows.filter(end_us__lt=segment.end_us).update(
            end_us=segment.end_us,
            duration_us=F("duration_us") + (segment.end_us - segment.start_us),
            size_bytes=F("size_bytes") + segment.size_bytes,
            segments=F("segments") + 1,
        )
        return
    await RecordingHourTable.create(
        id=hour_id,
        tenant_id=tenant_id,
        camera_key=segment.camera_key,
        date=segment.date,
        hour=segment.hour,
        start_us=segment.start_us,
        end_us=segment.end_us,
        duration_us=segment.end_us - segment.start_us,
        size_bytes=segment.size_bytes,
        segments=1,
    )
