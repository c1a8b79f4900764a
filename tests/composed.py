"""compose.yaml as Compose reads it, and its services as plain processes of this machine."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

from tests.world import SECRET

SECRETS = {
    "POSTGRES_PASSWORD": "p-g",
    "VMS_JWT_SECRET": SECRET,
    "VMS_GRANT_KEY": "a key for grants and calls, long enough",
    "VMS_CAMERA_KEYS": Fernet.generate_key().decode(),
    "VMS_METRICS_PASSWORD": "s3cret",
    "RENDER_GID": "104",
}
HEALTHY_SECONDS, STOP_SECONDS = 60, 60


def interpolated(text: str, variables: Mapping[str, str] = SECRETS) -> str:
    """What Compose does with `${NAME:-default}` and `${NAME:?what to do}`.

    Raises:
        KeyError: one that must be given is not; with its name.
    """

    def put(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        given = variables.get(name)
        if not given and kind == ":?":
            raise KeyError(f"{name}: {rest}")
        return given or rest

    return re.sub(r"\$\{(\w+)(:-|:\?)([^}]*)\}", put, text)


def services(path: str = "compose.yaml") -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(interpolated(Path(path).read_text()))[
        "services"
    ]
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class ServiceProcess:
    """One copy of a service: its command and environment, but for what `instead` puts in place."""

    service: Mapping[str, Any]
    log_file: Path
    instead: Mapping[str, str]
    environment: dict[str, str] = field(init=False)
    _process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        given = {name: str(value) for name, value in self.service["environment"].items()}
        path = f"{Path(sys.executable).parent}:{os.defpath}"
        self.environment = {**given, **self.instead, "PATH": path}

    @property
    def port(self) -> int:
        """The one that the service is asked at."""
        is_api = self.service["command"] == ["api"]
        return int(self.environment["VMS_PORT" if is_api else "VMS_WORKER_PORT"])

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    async def start(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.cli", *self.service["command"]),
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    async def until_healthy(self) -> None:
        """By the service's own health check, asked as soon as its port is open."""
        kind, *words = self.service["healthcheck"]["test"]
        assert kind == "CMD"
        async with asyncio.timeout(HEALTHY_SECONDS):
            while True:
                while not is_open(self.port):
                    assert self._process is not None
                    assert self._process.returncode is None, self.log
                    await asyncio.sleep(0.05)
                check = await asyncio.create_subprocess_exec(
                    *words, env=self.environment, stderr=asyncio.subprocess.DEVNULL
                )
                if await check.wait() == 0:
                    return

    async def exit_code(self) -> int:
        assert self._process is not None
        async with asyncio.timeout(HEALTHY_SECONDS):
            return await self._process.wait()

    async def stop(self, kind: signal.Signals = signal.SIGTERM) -> int | None:
        """The exit code; None when it never began."""
        if self._process is None:
            return None
        if self._process.returncode is None:
            self._process.send_signal(kind)
        async with asyncio.timeout(STOP_SECONDS):
            return await self._process.wait()
