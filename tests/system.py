"""The whole system on loopback, for scenarios: real RTSP, real recordings, real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import httpx
from pydantic import SecretStr

from app.all_in_one import run_world
from app.detection import open_detection
from app.model_store import ModelStore
from app.settings import Settings
from app.world import build_world
from media.disk import DEFAULT_MARKS, DiskMarks
from media.store import RecordingStore
from models.database import migrate_database
from resolvers import tenants
from resolvers.access import Scope
from resolvers.context import World
from resolvers.errors import Conflict
from tests.embedded import lay_database
from tests.world import SECRET, context, token


@dataclass(frozen=True, slots=True)
class System:
    """A running system and a client that carries a token of the tenant `default`."""

    world: World
    client: httpx.AsyncClient
    base: str

    @property
    def socket_base(self) -> str:
        return self.base.replace("http", "ws", 1)


@asynccontextmanager
async def running_system(
    data_dir: Path,
    model_file: Path | None = None,
    hour_seconds: int = 3600,
    database_url: str | None = None,
    redis_url: str | None = None,
    *,
    marks: DiskMarks = DEFAULT_MARKS,
    rtsp_transport: Literal["tcp", "udp"] = "tcp",
) -> AsyncIterator[System]:
    """Runs `vms serve` in this process; `hour_seconds` shortens the hour of recordings.

    Without addresses on SQLite and the bus inside the process.
    """
    settings = Settings(
        data_dir=data_dir,
        port=0,
        database_url=None if database_url is None else SecretStr(database_url),
        redis_url=None if redis_url is None else SecretStr(redis_url),
        jwt_secret=SecretStr(SECRET),
        camera_networks=("default", "127.0.0.1/32"),
        rtsp_transport=rtsp_transport,
    )
    if model_file is not None:
        ModelStore(data_dir).install(model_file)
    if database_url is None:
        lay_database(data_dir)
    await migrate_database(settings.database)
    bare = build_world(settings)
    bare = replace(bare, store=RecordingStore(bare.store.root, hour_seconds), marks=marks)
    stop = asyncio.Event()
    ready: asyncio.Future[tuple[World, int]] = asyncio.get_running_loop().create_future()

    async def tell(world: World, port: int) -> None:
        platform = context(world, "", Scope.PLATFORM_ADMIN)
        with contextlib.suppress(Conflict):
            await tenants.tenant_create(platform, "acme", tenants.PlanChanges(camera_limit=10))
        ready.set_result((world, port))

    with open_detection(settings) as detection:
        running = asyncio.create_task(run_world(settings, bare, detection, tell, stop))
        running.add_done_callback(lambda _: ready.done() or ready.cancel())
        try:
            world, port = await ready
            base = f"http://127.0.0.1:{port}"
            headers = {"Authorization": f"Bearer {token()}"}
            async with httpx.AsyncClient(base_url=base, headers=headers, timeout=20) as client:
                yield System(world, client, base)
        finally:
            stop.set()
            await running
