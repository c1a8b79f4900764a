"""Several `vms worker` processes on one database, bus and store, and what they come to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals
from uuid import UUID

from pydantic import SecretStr

from app.bus_redis import RedisBus
from app.keyring import Keyring
from app.settings import Settings
from app.world import build_world
from models.base import select
from models.camera import Camera
from models.database import close_database, open_database
from models.lease import CameraLease, every_lease
from resolvers import leases
from resolvers.access import Scope
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.context import World
from resolvers.errors import Unavailable
from tests.world import SECRET, context

PATIENCE_S = 60.0


@dataclass
class Process:
    """One worker. `id` is what it is registered under, None before that."""

    running: asyncio.subprocess.Process
    id: UUID | None = None

    def signal(self, kind: Signals) -> None:
        self.running.send_signal(kind)

    async def end(self, kind: Signals) -> None:
        self.signal(kind)
        async with asyncio.timeout(PATIENCE_S):
            await self.running.wait()


@dataclass
class Crew:
    """Workers that share one folder of footage, unless told otherwise."""

    world: World
    settings: Settings
    log: Path
    processes: list[Process] = field(default_factory=list)

    async def start(self, data_dir: Path | None = None, **more: str) -> Process:
        """Returns once it is registered; `more` are settings."""
        environment = {
            "PATH": os.defpath,
            "VMS_DATA_DIR": str(data_dir or self.settings.data_dir),
            "VMS_DATABASE_URL": self.settings.database,
            "VMS_REDIS_URL": _secret(self.settings.redis_url),
            "VMS_JWT_SECRET": SECRET,
            "VMS_CAMERA_KEYS": ",".join(Keyring(self.settings).camera_keys()),
            "VMS_CAMERA_NETWORKS": "127.0.0.1/32",
            **more,
        }
        with self.log.open("a") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app.cli", "worker", env=environment, stderr=log, stdout=log
            )
        started = Process(process)
        self.processes.append(started)

        async def is_registered() -> bool:
            assert process.returncode is None, self.log.read_text()
            own = f"/{process.pid}"
            known = [each.id for each in await self.workers() if each.name.endswith(own)]
            started.id = known[0] if known else None
            return bool(known)

        await until(is_registered)
        return started

    async def workers(self) -> list[leases.WorkerStatus]:
        return await leases.workers(context(self.world, "default", Scope.PLATFORM_ADMIN))

    async def add_cameras(self, url: Callable[[str], str], count: int) -> list[Camera]:
        """Enabled, at the simulator's paths `cam-1` and so on."""
        saved = []
        for number in range(1, count + 1):
            draft = CameraDraft(
                id=f"cam-{number}", name=f"Camera {number}", rtsp_url=url(f"cam-{number}")
            )
            saved.append((await camera_create(context(self.world), draft)).camera)
        return saved

    async def leases(self) -> list[CameraLease]:
        return await select(every_lease(), CameraLease)

    async def owned(self) -> dict[UUID | None, int]:
        """How many cameras each worker owns; under None those that are free."""
        counts: dict[UUID | None, int] = {}
        for lease in await self.leases():
            counts[lease.worker_id] = counts.get(lease.worker_id, 0) + 1
        return counts

    async def owning(self, *counts: int, within_s: float = PATIENCE_S) -> None:
        """Until the processes, in the order of their start, own so many; 0 for who owns none."""

        async def as_wanted() -> bool:
            owned = await self.owned()
            shares = [owned.pop(each.id, 0) for each in self.processes]
            return shares == list(counts) and not any(owned.values())

        await until(as_wanted, within_s)


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = PATIENCE_S) -> None:
    """Fails when it does not come to hold."""
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.05)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""


@asynccontextmanager
async def crew(database: str, redis_url: str, folder: Path) -> AsyncIterator[Crew]:
    """A founded database's crew, without a member yet; every process is ended with it."""
    settings = Settings(
        data_dir=folder / "data",
        database_url=SecretStr(database),
        redis_url=SecretStr(redis_url),
        jwt_secret=SecretStr(SECRET),
        camera_networks=("127.0.0.1/32",),
    )
    world = build_world(settings)
    made = Crew(world, settings, folder / "workers.log")
    try:
        await open_database(database, away=Unavailable)
        yield made
        await asyncio.gather(*(_ended(each) for each in made.processes))
    finally:
        for each in made.processes:
            with contextlib.suppress(ProcessLookupError):
                each.running.kill()
            await each.running.wait()
        assert isinstance(world.bus, RedisBus)
        await world.bus.close()
        await close_database()


async def _ended(process: Process) -> None:
    if process.running.returncode is None:
        await process.end(SIGTERM)
