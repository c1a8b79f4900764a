"""Cameras of a tenant: reading and changing them. `resolvers.camera_watch` follows the changes."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from uuid import UUID, uuid4

import msgspec
from msgspec import UNSET
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from media.redact import redact
from media.types import CameraState, MediaError, ProbeReport
from models.base import select
from models.camera import Camera, CameraDeletion, CameraDeletionTable, CameraTable
from models.removal import note
from models.tenant import Tenant, TenantUnknown, take_numbers
from resolvers import cursors
from resolvers.access import UNNAMED, Scope, demand, sees
from resolvers.bus import CAMERA_CONFIG, RETENTION, cameras_of
from resolvers.camera_filter import ALL, CameraFilter, matching
from resolvers.camera_input import (
    MAX_ID_CHARACTERS,
    CameraChanges,
    CameraDraft,
    check,
    readable_id,
    within_plan,
)
from resolvers.context import Context
from resolvers.errors import (
    CameraLimitReached,
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    Unavailable,
)
from resolvers.holds import check_free
from resolvers.outcomes import Outcome, value_of
from resolvers.removal import gone_with
from resolvers.roster import Roster
from resolvers.switches import note_switch
from resolvers.tenants import tenant_by_id


class CameraSaved(msgspec.Struct, frozen=True):
    """A camera as written, and the wanted features that the plan does not include."""

    camera: Camera
    filtered_features: list[str]


class CameraPage(msgspec.Struct, frozen=True):
    """`total`: how many there are, on this page and beside it."""

    cameras: Sequence[Camera]
    has_next: bool
    total: int

    @property
    def ends(self) -> Sequence[Camera]:
        """The first and the last; none of an empty page."""
        return [self.cameras[0], self.cameras[-1]] if self.cameras else []


async def cameras(ctx: Context) -> Sequence[Camera]:
    """Every camera of the caller's tenant, oldest first. Raises ScopeMissing."""
    found = (await _roster(ctx, Scope.CAMERAS_READ)).in_order
    if ctx.actor.cameras is None:
        return found
    return [each for each in found if sees(ctx.actor, each.slug)]


async def _roster(ctx: Context, scope: Scope) -> Roster:
    demand(ctx.actor, scope)
    return await ctx.world.rosters.of(ctx.actor.tenant_id)


async def cameras_page(
    ctx: Context, first: int, after: str | None, wanted: CameraFilter = ALL
) -> CameraPage:
    """At most `first` of the wanted cameras, oldest first, after a cursor of `camera_cursor`.

    A cursor is a place among all cameras: it stays good when the camera or the filter changes.

    Raises:
        ScopeMissing: without `cameras:read`.
        InvalidInput: the filter is too long.
        BadCursor: `after` is none of ours.
    """
    found = await cameras(ctx)
    if wanted != ALL:
        found = matching(found, wanted)
    start = 0 if after is None else bisect_right(found, _place(ctx, after), key=_in_time)
    return CameraPage(found[start : start + first], len(found) > start + first, len(found))


def _in_time(camera: Camera) -> tuple[int, str]:
    return camera.created_us, camera.slug


def camera_cursor(camera: Camera) -> str:
    return cursors.encode(cursors.CAMERAS, camera.tenant_id, camera.created_us, camera.slug)


def _place(ctx: Context, after: str) -> tuple[int, str]:
    parts = cursors.decode(cursors.CAMERAS, ctx.actor.tenant_id, after, "after")
    return cursors.decode_place(parts, MAX_ID_CHARACTERS, "after")


async def cameras_by_key(ctx: Context, keys: Iterable[UUID]) -> dict[UUID, Camera]:
    """Those of the cameras that there are (still). Raises ScopeMissing."""
    by_key = (await _roster(ctx, Scope.CAMERAS_READ)).by_key
    found = (by_key[key] for key in keys if key in by_key)
    return {each.key: each for each in found if sees(ctx.actor, each.slug)}


async def camera(ctx: Context, camera_id: str) -> Camera:
    """One camera of the caller's tenant.

    Raises:
        ScopeMissing: without `cameras:read`.
        NotFound: no such camera in this tenant.
    """
    return await camera_for(ctx, camera_id, Scope.CAMERAS_READ)


async def camera_for(ctx: Context, camera_id: str, scope: Scope) -> Camera:
    """One camera, for a use case that needs another scope than reading cameras."""
    return value_of((await cameras_for(ctx, [camera_id], scope))[0])


async def cameras_for(
    ctx: Context, camera_ids: Iterable[str], scope: Scope
) -> list[Outcome[Camera]]:
    """Each camera or NotFound: one look for all. Raises ScopeMissing."""
    by_slug = (await _roster(ctx, scope)).by_slug
    return [
        by_slug[each]
        if each in by_slug and sees(ctx.actor, each)
        else NotFound(f"there is no camera {each[:64]!r}")
        for each in camera_ids
    ]


def shown_identity(ctx: Context, camera: Camera) -> Hashable:
    """What decides how a camera looks: a change takes a new number; see `shown_rtsp_url`."""
    return camera.key, camera.change_seq, ctx.actor.may(Scope.CAMERAS_WRITE)


def shown_page_identity(ctx: Context, page: CameraPage) -> Hashable:
    """The same of a page: which cameras it has, as they are, and whether more follow."""
    return (
        ctx.actor.tenant_id,
        tuple([(each.key, each.change_seq) for each in page.cameras]),
        page.has_next,
        page.total,
        ctx.actor.may(Scope.CAMERAS_WRITE),
    )


def shown_rtsp_url(ctx: Context, camera: Camera) -> str:
    """The address as this actor may see it: credentials only for those who could set them."""
    url = ctx.world.vault.open(camera.rtsp_url_sealed)
    return url if ctx.actor.may(Scope.CAMERAS_WRITE) else redact(url)


def shown_detection_url(ctx: Context, camera: Camera) -> str | None:
    """The substream's address likewise; None without one."""
    if camera.detection_url_sealed is None:
        return None
    url = ctx.world.vault.open(camera.detection_url_sealed)
    return url if ctx.actor.may(Scope.CAMERAS_WRITE) else redact(url)


def _sealed(ctx: Context, url: str | None) -> str | None:
    return None if url is None else ctx.world.vault.seal(url)


async def camera_create(ctx: Context, draft: CameraDraft) -> CameraSaved:
    """A new camera; recording begins at once where it is enabled.

    Raises:
        ScopeMissing: without `cameras:write`.
        InvalidInput: names each field that is wrong.
        Conflict: the id is taken.
        CameraLimitReached: the plan is full. Exact under any number of parallel creates.
    """
    demand(ctx.actor, Scope.CAMERAS_WRITE)
    await check(ctx.world.networks, draft, draft.id)
    try:
        async with in_transaction():
            tenant, seq = await _numbered(ctx)
            await _hold_limit(tenant)
            slug = await _slug_for(ctx, draft)
            kept, filtered = within_plan(draft.features, tenant.features)
            key = await _insert(ctx, draft, slug, kept, seq)
    except IntegrityError as error:
        raise Conflict("id", f"{draft.id!r} is taken") from error
    await _announce(ctx)
    return CameraSaved(await _by_key(ctx, key), filtered)


async def _numbered(ctx: Context) -> tuple[Tenant, int]:
    """Locks the tenant's row until the transaction ends, and takes the next change number."""
    try:
        seq = await take_numbers(ctx.actor.tenant_id, "camera_seq", 1)
    except TenantUnknown as error:
        raise NotFound(f"there is no tenant {ctx.actor.tenant_id!r}") from error
    return await tenant_by_id(ctx.actor.tenant_id), seq


async def _hold_limit(tenant: Tenant) -> None:
    count = await CameraTable.within(tenant.id).count()
    if count >= tenant.camera_limit:
        raise CameraLimitReached(tenant.camera_limit, count)


async def _slug_for(ctx: Context, draft: CameraDraft) -> str:
    if draft.id is not None:
        return draft.id
    taken = await CameraTable.within(ctx.actor.tenant_id).values_list("slug", flat=True)
    return readable_id(draft.name, {str(slug) for slug in taken})


async def _insert(
    ctx: Context, draft: CameraDraft, slug: str, features: list[str], seq: int
) -> UUID:
    now = ctx.world.clock.now_us()
    key = uuid4()
    status = CameraState.CONNECTING if draft.enabled else CameraState.DISABLED
    await CameraTable.create(
        key=key,
        tenant_id=ctx.actor.tenant_id,
        slug=slug,
        name=draft.name,
        rtsp_url_sealed=ctx.world.vault.seal(draft.rtsp_url),
        detection_url_sealed=_sealed(ctx, draft.detection_url),
        features=features,
        fps=draft.fps,
        enabled=draft.enabled,
        record=draft.record,
        retention_days=draft.retention_days,
        retention_bytes=draft.retention_bytes,
        status=status.value,
        status_us=now,
        change_seq=seq,
        created_us=now,
        updated_us=now,
    )
    return key


async def _by_key(ctx: Context, key: UUID) -> Camera:
    found = await select(CameraTable.within(ctx.actor.tenant_id).filter(key=key), Camera)
    if not found:
        raise NotFound("the camera was deleted meanwhile")
    return found[0]


async def camera_update(ctx: Context, camera_id: str, changes: CameraChanges) -> CameraSaved:
    """Changes what is given, nothing else.

    Raises:
        ScopeMissing: without `cameras:write`.
        NotFound: no such camera in this tenant.
        InvalidInput: names each field that is wrong.
    """
    known = await camera_for(ctx, camera_id, Scope.CAMERAS_WRITE)
    await check(ctx.world.networks, changes)
    values: dict[str, object] = {
        name: value
        for name in ("name", "fps", "enabled", "record")
        if (value := getattr(changes, name)) is not None
    }
    for name in ("retention_days", "retention_bytes"):
        if (value := getattr(changes, name)) is not UNSET:
            values[name] = value
    if changes.rtsp_url is not None:
        values["rtsp_url_sealed"] = ctx.world.vault.seal(changes.rtsp_url)
    if changes.detection_url is not UNSET:
        values["detection_url_sealed"] = _sealed(ctx, changes.detection_url)
    filtered: list[str] = []
    async with in_transaction():
        tenant, seq = await _numbered(ctx)
        if changes.features is not None:
            values["features"], filtered = within_plan(changes.features, tenant.features)
        now = ctx.world.clock.now_us()
        rows = CameraTable.within(ctx.actor.tenant_id).filter(key=known.key)
        status = _status_after(known, changes.enabled, now)
        await rows.update(**values, **status, updated_us=now, change_seq=seq)
        saved = await _by_key(ctx, known.key)
        await note_switch(known, saved)
    await _announce(ctx)
    return CameraSaved(saved, filtered)


async def camera_rewrite(
    ctx: Context, key: UUID, change: Callable[[Camera], Mapping[str, object]]
) -> Camera:
    """Sets the columns that `change` makes of a camera's row, while nobody else changes cameras.

    What `change` raises leaves everything as it was.

    Raises:
        NotFound: the camera was deleted meanwhile.
    """
    async with in_transaction():
        _, seq = await _numbered(ctx)
        values = change(await _by_key(ctx, key))
        rows = CameraTable.within(ctx.actor.tenant_id).filter(key=key)
        await rows.update(**values, updated_us=ctx.world.clock.now_us(), change_seq=seq)
    await _announce(ctx)
    return await _by_key(ctx, key)


def _status_after(known: Camera, enabled: bool | None, now_us: int) -> dict[str, object]:
    """Switching off or on shows at once; the worker's own word follows."""
    if enabled is None or enabled == known.enabled:
        return {}
    state = CameraState.CONNECTING if enabled else CameraState.DISABLED
    return {"status": state.value, "status_reason": None, "status_us": now_us}


async def camera_delete(ctx: Context, camera_id: str) -> CameraDeletion:
    """Deletes a camera: recording stops at once, its footage goes in the background.

    Raises:
        ScopeMissing: without `cameras:write`.
        NotFound: no such camera in this tenant.
        Conflict: footage of it is locked as evidence, or being exported.
    """
    known = await camera_for(ctx, camera_id, Scope.CAMERAS_WRITE)
    async with in_transaction():
        _, seq = await _numbered(ctx)
        now_us = ctx.world.clock.now_us()
        await check_free(known.tenant_id, known.key, known.slug, now_us)
        gone = await CameraTable.within(ctx.actor.tenant_id).filter(key=known.key).delete()
        if not gone:
            raise NotFound(f"there is no camera {camera_id!r}")
        deletion = CameraDeletion(known.tenant_id, known.key, known.slug, seq, now_us)
        await CameraDeletionTable.create(**msgspec.structs.asdict(deletion))
        await note(gone_with(deletion, now_us, ctx.actor.subject or UNNAMED))
    await _announce(ctx)
    return deletion


async def _announce(ctx: Context) -> None:
    await ctx.world.bus.ring(cameras_of(ctx.actor.tenant_id))
    await ctx.world.bus.ring(CAMERA_CONFIG)
    await ctx.world.bus.ring(RETENTION)


def as_it_is(change: Camera | CameraDeletion) -> Camera | None:
    """The camera that a change tells of; None when it tells of a deletion."""
    return change if isinstance(change, Camera) else None


async def camera_probe(ctx: Context, rtsp_url: str) -> ProbeReport:
    """Opens an address for a moment and says what is there and what will not work.

    Raises:
        ScopeMissing: without `cameras:write`.
        InvalidInput: the address is refused, or nothing that can be recorded is there.
        Unavailable: no media worker can be reached.
    """
    demand(ctx.actor, Scope.CAMERAS_WRITE)
    await check(ctx.world.networks, CameraChanges(rtsp_url=rtsp_url))
    if ctx.world.probe is None:
        raise Unavailable("no media worker can be reached to look at the camera")
    try:
        return await asyncio.wait_for(ctx.world.probe(rtsp_url), timeout=30)
    except MediaError as error:
        raise InvalidInput(FieldError("rtsp_url", str(error))) from error
    except TimeoutError as error:
        raise InvalidInput(FieldError("rtsp_url", "no answer within 30 s")) from error
