"""Exports of footage as files: asked for, looked at, followed, fetched and deleted.

`resolvers.export_jobs` is the other side: who makes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import BinaryIO
from uuid import uuid4

import msgspec
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from media.export.folder import open_export
from media.export.names import CONTENT, MANIFEST
from media.store import RecordingNotFound
from models.base import select
from models.bulk import NewRows
from models.camera import Camera
from models.each import select_each
from models.export import KEPT, Export, ExportTable
from models.job import UNFINISHED, JobState
from models.recording import RecordingHour, RecordingHourTable
from models.tenant import take_numbers
from resolvers import addresses, cursors
from resolvers.access import UNNAMED, Interval, Scope, demand
from resolvers.bus import EXPORTS, RETENTION, exports_of
from resolvers.cameras import cameras_for
from resolvers.context import Context
from resolvers.errors import (
    ExportLimitReached,
    ExportTooLarge,
    FieldError,
    FootageAway,
    InvalidInput,
    NotFound,
    NotRecorded,
)
from resolvers.export_jobs import JOBS
from resolvers.footage import overlapping
from resolvers.jobs import ID_CHARACTERS, JobFeed, uuid_of
from resolvers.lists import latest_first, place_in
from resolvers.outcomes import value_of
from resolvers.playback import MAX_INTERVAL_US
from resolvers.recordings import check_range
from resolvers.stores import WHOLE, FarFile, StoredExport, Wish

MOST_CAMERAS = 16
MOST_UNFINISHED = 10
"""Of one tenant: a worker makes one at a time."""


class ExportWish(msgspec.Struct, frozen=True):
    camera_ids: Sequence[str]
    wanted: Interval


class ExportPage(msgspec.Struct, frozen=True):
    exports: list[Export]
    has_next: bool


async def export_create(ctx: Context, wish: ExportWish) -> Export:
    """Has footage made a file of, by whichever worker comes to it.

    Raises:
        ScopeMissing: without `playback:read`.
        InvalidInput: the cameras or the range are wrong, or the range is not over yet.
        NotFound: a camera is not in this tenant.
        NotRecorded: there is no footage of that time.
        ExportTooLarge, ExportLimitReached: beyond what a tenant may have at once.
    """
    demand(ctx.actor, Scope.PLAYBACK_READ)
    _check(ctx, wish)
    found = await cameras_for(ctx, wish.camera_ids, Scope.PLAYBACK_READ)
    cameras = [value_of(each) for each in found]
    expected = await _expected_bytes(ctx, cameras, wish.wanted)
    if not expected:
        raise NotRecorded("there is no footage of that time")
    made = _waiting(ctx, cameras, wish.wanted, expected)
    async with in_transaction():
        await take_numbers(made.tenant_id, "camera_seq", 0)  # one of a tenant after the other
        await _check_room(ctx, expected)
        await ExportTable.create(**msgspec.structs.asdict(made))
    await ctx.world.bus.ring(EXPORTS)
    return made


def _check(ctx: Context, wish: ExportWish) -> None:
    count = len(wish.camera_ids)
    if not 1 <= count <= MOST_CAMERAS or len(set(wish.camera_ids)) < count:
        text = f"want 1 to {MOST_CAMERAS} cameras, each once"
        raise InvalidInput(FieldError("camera_ids", text))
    check_range(wish.wanted, MAX_INTERVAL_US)
    if wish.wanted.to_us > ctx.world.clock.now_us():
        raise InvalidInput(FieldError("to", "want a time that has come"))


def _waiting(ctx: Context, cameras: Sequence[Camera], wanted: Interval, expected: int) -> Export:
    now_us = ctx.world.clock.now_us()
    return Export(
        tenant_id=ctx.actor.tenant_id,
        id=uuid4(),
        camera_keys=[str(each.key) for each in cameras],
        camera_ids=[each.slug for each in cameras],
        from_us=wanted.from_us,
        to_us=wanted.to_us,
        state=JobState.WAITING,
        revision=1,
        created_us=now_us,
        created_by=ctx.actor.subject or UNNAMED,
        due_us=now_us,
        attempts=0,
        expected_bytes=expected,
        done_bytes=0,
    )


async def _expected_bytes(ctx: Context, cameras: Sequence[Camera], wanted: Interval) -> int:
    """About what the footage of a range takes: of hours that it cuts, their share."""
    rows = overlapping(ctx.world.store, RecordingHourTable.within(ctx.actor.tenant_id), wanted)
    keys = NewRows({"camera_key": "uuid"}, [(each.key,) for each in cameras])
    expected = 0
    for hours in await select_each(rows, RecordingHour, keys):
        for hour in hours:
            shared = min(hour.end_us, wanted.to_us) - max(hour.start_us, wanted.from_us)
            expected += hour.size_bytes * shared // max(1, hour.end_us - hour.start_us)
    return expected


async def _check_room(ctx: Context, expected: int) -> None:
    kept = await select(_of(ctx).filter(state__in=KEPT), Export)
    if sum(each.state in UNFINISHED for each in kept) >= MOST_UNFINISHED:
        raise ExportLimitReached(f"{MOST_UNFINISHED} exports are being made already")
    most = ctx.world.exports.most_bytes
    left = max(0, most - sum(each.kept_bytes for each in kept))
    if expected > left:
        raise ExportTooLarge(
            f"it would take about {expected} bytes, and {left} of {most} are left for exports"
        )


async def export(ctx: Context, export_id: str) -> Export:
    """One export, also of a file that is gone.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such export in this tenant.
    """
    demand(ctx.actor, Scope.PLAYBACK_READ)
    found = await JOBS.one(_of(ctx), export_id)
    if found is None:
        raise NotFound(f"there is no export {export_id[:ID_CHARACTERS]!r}")
    return found


async def exports(ctx: Context, first: int, after: str | None) -> ExportPage:
    """At most `first` exports, also those whose file is gone, the latest first.

    Raises:
        ScopeMissing: without `playback:read`.
        BadCursor: `after` is none of ours.
    """
    demand(ctx.actor, Scope.PLAYBACK_READ)
    place = place_in(cursors.EXPORTS, ctx.actor.tenant_id, after)
    return ExportPage(*await latest_first(_of(ctx), Export, "created_us", first, place))


def export_cursor(export: Export) -> str:
    return cursors.encode(cursors.EXPORTS, export.tenant_id, export.created_us, str(export.id))


async def export_delete(ctx: Context, export_id: str) -> Export:
    """Ends an export and removes its file; the row stays, with who did. Again, nothing changes.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such export in this tenant.
    """
    found = await export(ctx, export_id)
    gone = await JOBS.delete(ctx, found, _of(ctx))
    await ctx.world.bus.ring(RETENTION)
    return gone


def _of(ctx: Context) -> QuerySet[ExportTable]:
    """Who is narrowed to some cameras sees none; who is narrowed to an export, that one."""
    actor = ctx.actor
    rows = ExportTable.within(actor.tenant_id)
    if actor.export_id is not None:
        return rows.filter(id=uuid_of(actor.export_id))
    return rows if actor.cameras is None else rows.filter(id__in=[])


def file_url(ctx: Context, export: Export) -> str | None:
    """Where its file is fetched, with a grant for nothing else; None while there is none."""
    if not export.is_ready or export.file_name is None:
        return None
    return _url(ctx, export, export.file_name)


def manifest_url(ctx: Context, export: Export) -> str | None:
    return _url(ctx, export, MANIFEST) if export.is_ready else None


def _url(ctx: Context, export: Export, name: str) -> str:
    grant = ctx.world.identity.sign_export_grant(ctx.actor, str(export.id))
    return addresses.export_file(export.id, name, grant)


async def open_file(
    ctx: Context, export_id: str, name: str, wish: Wish = WHOLE
) -> BinaryIO | FarFile:
    """A ready export's file or manifest; whoever gets it closes it.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such export in this tenant, or no such file of it (any more).
        FootageAway: the worker that holds it can't be reached.
    """
    found = await export(ctx, export_id)
    if not found.is_ready or found.claim is None or name not in (found.file_name, MANIFEST):
        raise NotFound("there is no such file")
    store, inside = ctx.world.store, MANIFEST if name == MANIFEST else CONTENT
    try:
        if found.store_id == store.store_id:
            return await asyncio.to_thread(open_export, store.root, found.claim, inside)
        if ctx.world.far is None or found.store_id is None:
            raise FootageAway
        place = StoredExport(found.store_id, found.claim)
        return await ctx.world.far.open_export(place, inside, wish)
    except RecordingNotFound as error:
        raise NotFound("there is no such file") from error


class ExportFeed(JobFeed[Export]):
    def __init__(self, ctx: Context, export_id: str) -> None:
        topic = exports_of(ctx.actor.tenant_id)
        super().__init__(ctx, ("export", export_id), topic, partial(export, ctx, export_id))
