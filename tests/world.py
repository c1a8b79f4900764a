"""A small real world for tests: a database, a recording store, keys, tokens; none is faked."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import jwt
from cryptography.fernet import Fernet

from media.clock import SystemClock
from media.network import CameraNetworks
from media.store import RecordingStore
from media.types import Box, ChangeKind, Detection, EventChange, Snapshot
from models.camera import Camera
from models.database import close_database, migrate_database, open_database
from models.tenant import TenantTable
from resolvers import ingest, tenants
from resolvers.access import Actor, Scope
from resolvers.bus import LocalBus
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.context import Context, World
from resolvers.errors import Unavailable
from resolvers.features import ALL_FEATURES
from resolvers.identity import Identity, TokenPolicy
from resolvers.vault import Vault

SECRET = "a secret for tests, long enough for HS256"
EVERY_SCOPE = " ".join(scope.value for scope in Scope if scope is not Scope.PLATFORM_ADMIN)


class StandingClock:
    """A clock that stands still at a given wall time."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us

    def monotonic_us(self) -> int:
        return self._now_us


async def found(url: str) -> None:
    """Brings a new database up to date and founds the tenants `default` and `acme`."""
    await migrate_database(url)
    await open_database(url)
    try:
        now_us = SystemClock().now_us()
        await tenants.ensure_default_tenant(now_us)
        await TenantTable.create(
            id="acme", camera_limit=10, features=ALL_FEATURES, created_us=now_us
        )
    finally:
        await close_database()


@asynccontextmanager
async def open_world(url: str, folder: Path) -> AsyncIterator[World]:
    """A world on a database that was founded, with its recordings in `folder`."""
    try:
        await open_database(url, away=Unavailable)
        yield make_world(folder)
    finally:
        await close_database()


def make_world(folder: Path, hour_seconds: int = 3600) -> World:
    clock = SystemClock()
    recordings = folder / "recordings"
    recordings.mkdir(exist_ok=True)
    return World(
        bus=LocalBus(),
        clock=clock,
        identity=Identity(TokenPolicy("HS256", SECRET), "g" * 32, clock),
        vault=Vault([Fernet.generate_key().decode()]),
        networks=CameraNetworks(["default", "127.0.0.1/32"]),
        store=RecordingStore(recordings, hour_seconds),
    )


def token(
    tenant_id: str = "default", scope: str | list[str] = EVERY_SCOPE, ttl_seconds: int = 86_400
) -> str:
    claims = {"tenant_id": tenant_id, "scope": scope, "exp": int(time.time()) + ttl_seconds}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def context(world: World, tenant_id: str = "default", *scopes: Scope) -> Context:
    """The context of an actor with these scopes; with all of a tenant's when none is named."""
    return Context(Actor(tenant_id, frozenset(scopes or {Scope.TENANT_ADMIN})), world)


async def add_camera(
    world: World, slug: str = "cam-front-01", tenant_id: str = "default"
) -> Camera:
    draft = CameraDraft(
        id=slug, name="Front gate", rtsp_url="rtsp://user:secret@10.9.8.7/stream", enabled=False
    )
    return (await camera_create(context(world, tenant_id), draft)).camera


def beginning(
    camera_key: UUID,
    at_us: int,
    *,
    feature: str = "person",
    position: int | None = None,
    snapshot: Snapshot | None = None,
    event_id: str | None = None,
) -> EventChange:
    """An event that begins, as a media worker reports it."""
    return EventChange(
        kind=ChangeKind.BEGAN,
        camera_key=camera_key,
        event_id=event_id or f"evt-{uuid4().hex[:16]}",
        trace_id=uuid4(),
        track_id=42,
        model_version="yolox-nano@2021-08-19",
        at_us=at_us,
        position=position,
        detection=Detection(feature, feature, 0.87, Box(0.1, 0.2, 0.4, 0.8)),
        snapshot=snapshot,
    )


async def add_events(world: World, camera: Camera, changes: list[EventChange]) -> None:
    await ingest.record(world, camera.tenant_id, {camera.key: camera.slug}, list(changes))
