"""The `vms` command's processes, as an operator starts them; none outlives its test."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from tests.world import SECRET

STARTED = re.compile(
    r"(?:listening on|footage is served to API processes at) (?:http://)?(\S+:\d+)"
)
START_SECONDS, STOP_SECONDS = 60, 60


def installation(database_url: str, redis_url: str) -> dict[str, str]:
    """Settings that all processes of one installation share."""
    return {
        "PATH": os.defpath,
        "VMS_DATABASE_URL": database_url,
        "VMS_REDIS_URL": redis_url,
        "VMS_JWT_SECRET": SECRET,
        "VMS_GRANT_KEY": "a key for grants and calls, long enough",
        "VMS_CAMERA_KEYS": Fernet.generate_key().decode(),
        "VMS_CAMERA_NETWORKS": "127.0.0.1/32",
        "VMS_PORT": "0",
        "VMS_WORKER_PORT": "0",
    }


@dataclass(slots=True)
class VmsProcess:
    """`vms <role>` with a data directory of its own. `address` is where it listens."""

    role: str
    data_dir: Path
    settings: Mapping[str, str]
    address: str = ""
    _process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        path = self.data_dir / f"{self.role}.log"
        return path.read_text() if path.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    async def start(self) -> None:
        """Returns once it says where it listens."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        seen = len(self.log)
        environment = {**self.settings, "VMS_DATA_DIR": str(self.data_dir)}
        with (self.data_dir / f"{self.role}.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.cli", self.role),
                env=environment,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(START_SECONDS):
            while not (found := STARTED.search(self.log, seen)):
                assert self._process.returncode is None, self.log
                await asyncio.sleep(0.05)
        self.address = found[1]

    async def kill(self) -> None:
        """As by `kill -9`."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Lets it end in good order; nothing happens when it has ended before."""
        await self._end(signal.SIGTERM)

    async def _end(self, kind: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(kind)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise


@dataclass(slots=True)
class Fleet:
    """Processes of one installation; `folder` holds a data directory for each."""

    folder: Path
    settings: Mapping[str, str]
    members: list[VmsProcess] = field(default_factory=list)

    async def start(self, role: str, name: str) -> VmsProcess:
        process = VmsProcess(role, self.folder / name, self.settings)
        self.members.append(process)
        await process.start()
        return process


@asynccontextmanager
async def fleet(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Fleet]:
    running = Fleet(folder, settings)
    try:
        yield running
    finally:
        for process in running.members:
            await process.kill()
