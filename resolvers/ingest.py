"""What media workers may write: states, recordings and events, in order, each batch whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

import msgspec
from tortoise.expressions import F, Q
from tortoise.transactions import in_transaction

from media.types import EventChange, MediaChange, RunBegan, RunEnded, SegmentClosed, StatusChanged
from models.base import select
from models.bulk import NewRows, run_with
from models.camera import Camera, CameraDeletion, CameraDeletionTable, CameraTable
from models.recording import RecordingHour, RecordingHourTable, RecordingRunTable
from models.removal import note
from models.tenant import Tenant, TenantTable, take_numbers
from resolvers.bus import cameras_of, events_of
from resolvers.camera_input import within_plan
from resolvers.context import World
from resolvers.ingest_events import write_events
from resolvers.ingest_outside import ToldEvent, write_told
from resolvers.ingest_recordings import storable, write_recordings
from resolvers.leases import rightful
from resolvers.removal import gone_with


async def cameras_of_all_tenants() -> list[Camera]:
    """Every camera there is, for the worker that supervises them.

    Of what a camera has switched on it has the features that the tenant's plan includes now.
    """
    found: list[Camera] = []
    for tenant in await select(TenantTable.all(), Tenant):
        for camera in await select(CameraTable.within(tenant.id), Camera):
            features, _ = within_plan(camera.features, tenant.features)
            found.append(msgspec.structs.replace(camera, features=features))
    return found


async def deletions_with_footage(world: World) -> list[CameraDeletion]:
    """Deleted cameras whose footage is still to be removed, from this store or from none."""
    tenant_ids = await TenantTable.all().values_list("id", flat=True)
    found: list[CameraDeletion] = []
    for tenant_id in tenant_ids:
        rows = CameraDeletionTable.within(str(tenant_id)).filter(footage_removed_us=None)
        found += await select(rows, CameraDeletion)
    here = {None, world.store.store_id}
    stores = [await _stores_of(each) for each in found]
    return [each for each, of in zip(found, stores, strict=True) if not of or of & here]


async def _stores_of(deletion: CameraDeletion) -> set[UUID | None]:
    rows = RecordingRunTable.within(deletion.tenant_id).filter(camera_key=deletion.key)
    return {store_id for (store_id,) in await rows.distinct().values_list("store_id")}


async def footage_removed(world: World, deletion: CameraDeletion) -> bool:
    """The camera's folder is gone from this store: so are its runs and hours there.

    False while other stores have some: the workers that write to them remove it.
    """
    tenant_id, key = deletion.tenant_id, deletion.key
    here = Q(store_id=None) | Q(store_id=world.store.store_id)
    row = CameraDeletionTable.within(tenant_id).filter(key=key)
    async with in_transaction():
        await row.select_for_update()  # as `_recordable` does
        await RecordingRunTable.within(tenant_id).filter(here, camera_key=key).delete()
        hours = RecordingHourTable.within(tenant_id).filter(here, camera_key=key)
        gone = await select(hours, RecordingHour)
        await note(gone_with(deletion, world.clock.now_us(), hours=gone))
        await hours.delete()
        if await _stores_of(deletion):
            return False
        await row.update(footage_removed_us=world.clock.now_us())
    return True


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
    there are written where they tell of the past and dropped where they tell its state; so are
    those of a worker that lost the camera to another (`leases.rightful`).
    """
    async with in_transaction():
        changes = await rightful(tenant_id, changes)
        events = [change for change in changes if isinstance(change, EventChange)]
        states = {c.camera_key: c for c in changes if isinstance(c, StatusChanged)}
        if events:
            await write_events(tenant_id, slugs, events, world.clock.now_us())
        if states:
            await _write_states(tenant_id, list(states.values()))
        recordable = await _recordable(tenant_id, changes)
        await write_recordings(tenant_id, world.store.store_id, recordable)
    if events:
        await world.bus.ring(events_of(tenant_id))
    if states:
        await world.bus.ring(cameras_of(tenant_id))


async def _recordable(tenant_id: str, changes: Sequence[MediaChange]) -> list[MediaChange]:
    """What was recorded of cameras whose footage is not removed; its removal waits for us."""
    told = [each for each in changes if isinstance(each, RunBegan | SegmentClosed | RunEnded)]
    if not told:
        return []
    keys = {change.camera_key for change in told}
    deleted = CameraDeletionTable.within(tenant_id).filter(key__in=list(keys)).select_for_update()
    removed = {row.key for row in await deleted if row.footage_removed_us is not None}
    return [change for change in told if change.camera_key not in removed]


async def record_told(world: World, tenant_id: str, events: Sequence[ToldEvent]) -> set[str]:
    """Writes events that others tell of in one transaction, then rings the bell.

    Returns:
        The ids of those that were not there before.
    """
    async with in_transaction():
        fresh = await write_told(tenant_id, events, world.clock.now_us())
    if fresh:
        await world.bus.ring(events_of(tenant_id))
    return fresh


_STATE_TYPES = {
    "key": "uuid",
    "status": "text",
    "status_reason": "text",
    "status_us": "bigint",
    "change_seq": "bigint",
    "stream": "jsonb",
}
_STATES = """
UPDATE camera SET
    status = n.status, status_reason = n.status_reason, status_us = n.status_us,
    change_seq = n.change_seq, stream = coalesce(n.stream, camera.stream)
FROM new_rows n
WHERE camera.tenant_id = $1 AND camera.key = n.key AND camera.enabled
"""
"""A camera that was switched off meanwhile keeps `disabled`, whatever its last thread says."""


async def _write_states(tenant_id: str, changes: Sequence[StatusChanged]) -> None:
    last = await take_numbers(tenant_id, "camera_seq", len(changes))
    records = [
        (
            *(change.camera_key, change.state.value, storable(change.reason), change.at_us),
            *(number, json.dumps(asdict(change.stream)) if change.stream else None),
        )
        for number, change in enumerate(changes, start=last - len(changes) + 1)
    ]
    await run_with(NewRows(_STATE_TYPES, records), _STATES, tenant_id)
