"""What the scope matrices of both dialects are run on: tokens, and objects of two tenants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from media.appearances import Appearance, Comparison
from media.export.folder import make_folder
from media.export.names import CONTENT, MANIFEST
from media.export.package import Package
from media.live.signals import (
    LiveAnswer,
    LiveCamera,
    LiveOffer,
    LivePicture,
    LiveRefusal,
    LiveRefused,
)
from media.store import CameraFolder
from media.types import Box, CameraState, ChangeKind, ModelStatus, StatusChanged, View
from media.zones import ZonePurpose
from models.bulk import run
from models.tenant import TenantTable
from resolvers import comparison_jobs, export_jobs, ingest
from resolvers.access import OF_A_TENANT, Interval, Scope
from resolvers.camera_input import CameraChanges
from resolvers.cameras import camera_update
from resolvers.comparisons import ComparisonWish, comparison_create
from resolvers.context import World
from resolvers.evidence import LockWish, evidence_lock
from resolvers.exports import ExportWish, export_create
from resolvers.watch import place_now
from resolvers.webhook_sending import Attempt, Destination, Message, Outcome
from resolvers.webhooks import WebhookDraft, webhook_save
from resolvers.zone_input import ZoneDraft
from resolvers.zones import zone_save
from tests.conftest import TABLES
from tests.footage import TICKS, lay_down, segment, summarise, with_key_picture
from tests.world import add_camera, add_events, beginning, context, token

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
SUBSTREAM = "rtsp://user:secret@10.9.8.7/sub"
MODEL = ModelStatus("tiny", "2024-01-02", ("person",), "MIT", installed=True, active=True)
OWN, FOREIGN, ABSENT = "own", "foreign", "absent"


class PictureInH265:
    """Live workers of cameras that WebRTC can't show; every session that is named can be ended."""

    async def start(self, _: LiveCamera, __: LiveOffer) -> LiveAnswer:
        raise LiveRefused(LiveRefusal.CODEC_UNSUPPORTED, "it sends H.265")

    async def stop(self, _: LiveCamera, __: UUID) -> bool:
        return True

    async def picture(self, _: LiveCamera) -> LivePicture:
        return LivePicture(b"jpeg", NOON)


class NobodyReceives:
    """Sends to any address, and nothing comes there."""

    def fault(self, _: str) -> None:
        return None

    async def send(self, _: Destination, __: Message) -> Attempt:
        return Attempt(Outcome.UNREACHABLE, "it can't be connected to")


@dataclass(frozen=True, slots=True)
class Stage:
    """`ids`: of an object by its kind and place. `before`: where the log of `default` stood before
    its event. `shot`: name of its picture."""

    world: World
    ids: dict[tuple[str, str], str]
    before: str
    shot: str

    def id(self, kind: str, place: str) -> str:
        return self.ids[kind, place]


async def set_up(world: World) -> Stage:
    world = replace(world, live=PictureInH265(), webhooks=NobodyReceives(), models=lambda: (MODEL,))
    await TenantTable.all().update(camera_limit=1000)
    before = await place_now(context(world))
    ids = {
        ("camera", ABSENT): "cam-nil",
        ("event", ABSENT): "evt-0000-00000000000000",
        ("lock", ABSENT): str(uuid4()),
        ("zone", ABSENT): uuid4().hex,
        ("export", ABSENT): str(uuid4()),
        ("comparison", ABSENT): str(uuid4()),
        ("session", ABSENT): f"cam-nil.{uuid4().hex}",
        ("webhook", ABSENT): str(uuid4()),
        ("tenant", OWN): "default",
        ("tenant", ABSENT): "nobody",
    }
    shot = ""
    for tenant_id, place, slug in (("default", OWN, "cam-own"), ("acme", FOREIGN, "cam-far")):
        camera = await add_camera(world, slug, tenant_id)
        ctx = context(world, tenant_id)
        changes = CameraChanges(enabled=True, detection_url=SUBSTREAM, features=["person"])
        await camera_update(ctx, slug, changes)
        online = StatusChanged(camera.key, CameraState.ONLINE, None, NOON, None)
        await ingest.record(world, tenant_id, {camera.key: slug}, [online])
        first = segment(NOON, 0)
        parts = [first, segment(NOON + 4 * SECOND, 4 * TICKS, run_id=first.run_id)]
        lay_down(world, camera, parts, ended=True)
        with_key_picture(world, camera, parts[0])
        await summarise(world, camera, parts, "stopped")
        folder = CameraFolder(tenant_id, camera.folder)
        snapshot = world.store.save_snapshot(folder, NOON + SECOND, b"jpeg")
        event_id = f"evt-{'own' if place == OWN else 'far'}"
        began = beginning(
            camera.key, NOON + SECOND, position=TICKS, snapshot=snapshot, event_id=event_id
        )
        view = View(NOON + 2 * SECOND, 2 * TICKS, began.detection, snapshot)
        better = replace(began, kind=ChangeKind.CHANGED, best=view)
        await add_events(world, camera, [began, better])
        wish = LockWish(Interval(NOON, NOON + SECOND), "for the matrix", None)
        ids |= {
            ("camera", place): slug,
            ("event", place): event_id,
            ("export", place): await add_export(world, tenant_id, slug),
            ("comparison", place): await add_comparison(world, tenant_id, slug),
            ("zone", place): await add_zone(world, tenant_id, slug),
            ("lock", place): str((await evidence_lock(ctx, slug, wish)).id),
            ("webhook", place): await add_webhook(world, tenant_id),
            ("session", place): f"{slug}.{uuid4().hex}",
        }
        shot = snapshot.name
    return Stage(world, ids, before, shot)


async def add_zone(world: World, tenant_id: str, camera_id: str) -> str:
    """A line across a camera's picture; its id."""
    draft = ZoneDraft("Line", ZonePurpose.CROSSING, [(0.1, 0.5), (0.9, 0.5)])
    return (await zone_save(context(world, tenant_id), camera_id, draft)).zone.id


async def add_webhook(world: World, tenant_id: str) -> str:
    """Its id."""
    draft = WebhookDraft("https://receiver.example/hook")
    return str((await webhook_save(context(world, tenant_id), draft)).webhook.id)


async def add_export(world: World, tenant_id: str, camera_id: str) -> str:
    """A ready one, of bytes; its id."""
    asked = ExportWish([camera_id], Interval(NOON, NOON + SECOND))
    export = await export_create(context(world, tenant_id), asked)
    job = await export_jobs.take(world)
    assert job is not None
    assert (job.id, job.claim is None) == (export.id, False)
    folder = make_folder(world.store.root, job.claim or export.id)
    for name in (CONTENT, MANIFEST):
        (folder / name).write_bytes(b"{}")
    await export_jobs.finish(world, job, Package("export.zip", 2))
    return str(export.id)


async def add_comparison(world: World, tenant_id: str, camera_id: str) -> str:
    """A ready one, with a difference whose frame is recorded; its id."""
    wish = ComparisonWish(camera_id, Interval(NOON, NOON + SECOND), MODEL.name)
    made = await comparison_create(context(world, tenant_id), wish)
    job = await comparison_jobs.take(world, [MODEL.name])
    assert job is not None
    assert job.id == made.id
    box = Box(0.4, 0.4, 0.6, 0.8)
    new = Appearance("1", "person", NOON + SECOND, TICKS, 0.75, box, (), ())
    await comparison_jobs.finish(world, job, Comparison((), (), (), (new,)), ["tiny@2024-01-02"])
    return str(made.id)


def may(scopes: Iterable[Scope], needed: Iterable[Scope]) -> bool:
    """The rule in words of its own: `tenant:admin` is all of a tenant, `platform:admin` itself."""
    has = set(scopes)
    if Scope.TENANT_ADMIN in has:
        has |= OF_A_TENANT
    return set(needed) <= has


def scope_sets(needed: frozenset[Scope]) -> list[frozenset[Scope]]:
    """None, each alone, just what is needed, and for each of those all but that one."""
    found = [frozenset[Scope](), *[frozenset({each}) for each in Scope], needed]
    found += [frozenset(Scope) - {each, Scope.TENANT_ADMIN} for each in sorted(needed)]
    return list(dict.fromkeys(found))


def bearer(scopes: Iterable[Scope], tenant_id: str = "default", ttl_seconds: int = 3600) -> str:
    return token(tenant_id, sorted(each.value for each in scopes), ttl_seconds)


async def tables() -> dict[str, list[str]]:
    """Every row that there is."""
    found: dict[str, list[Any]] = {name: await run(f"SELECT * FROM {name}") for name in TABLES}
    return {name: sorted(map(repr, rows)) for name, rows in found.items()}
