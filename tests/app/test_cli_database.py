"""The commands on a real PostgreSQL: start-up, its failures, and the split into processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from models.database import close_database, migrate_database, open_database
from tests.servers import Postgres, Valkey, run_sql
from tests.world import SECRET, token


def environment(folder: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
    ours = {"VMS_DATA_DIR": str(folder), "VMS_JWT_SECRET": SECRET, "VMS_PORT": "0"}
    return {**kept, **ours, **settings}


async def started(words: str, settings: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *words.split()),
        env=settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(words: str, settings: dict[str, str]) -> tuple[int | None, str, str]:
    """Exit code, output and errors of a command that ends by itself."""
    process = await started(words, settings)
    async with asyncio.timeout(60):
        said, failed = await process.communicate()
    return process.returncode, said.decode(), failed.decode()


async def test_migrate_goes_up_and_down(empty_database: str, tmp_path: Path) -> None:
    settings = environment(tmp_path, VMS_DATABASE_URL=empty_database)
    assert await run("migrate", settings) == (0, "the database is up to date\n", "")
    await open_database(empty_database)
    await close_database()
    assert await run("migrate --to zero", settings) == (0, "the database is at zero\n", "")
    code, _, failed = await run("migrate --to 0042_what", settings)
    assert (code, failed) == (2, "vms: there is no migration 0042_what\n")


async def refused(settings: dict[str, str], *commands: str) -> str:
    """The last line of what they all say; they must fail, with no traceback and no password."""
    done = await asyncio.gather(*(run(command, settings) for command in commands))
    for command, (code, said, failed) in zip(commands, done, strict=True):
        assert (code, said) == (2, ""), f"{command}: {failed}"
        assert "Traceback" not in failed
        assert "hunter2" not in failed
    (line,) = {failed.splitlines()[-1] for _, _, failed in done}
    return line


async def test_a_database_that_cannot_be_used_stops_with_one_line(
    postgres: Postgres, tmp_path: Path
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # nobody takes what it is sent
    port = silent.getsockname()[1]
    await run_sql(postgres.url("postgres"), "CREATE ROLE clerk LOGIN PASSWORD 'right'")
    try:
        for commands, url, says in (
            (["worker"], postgres.url("ghost", "vms", "hunter2"), '"ghost" does not exist'),
            (["api"], postgres.url("postgres", "clerk", "hunter2"), "authentication failed"),
            (["migrate"], "postgres://vms:hunter2@127.0.0.1:1/vms", "refused"),
            (["serve"], f"postgres://vms:hunter2@127.0.0.1:{port}/vms", "it does not answer"),
        ):
            line = await refused(environment(tmp_path, VMS_DATABASE_URL=url), *commands)
            assert line.startswith("vms: the database cannot be used: ")
            assert says in line
    finally:
        silent.close()
        await run_sql(postgres.url("postgres"), "DROP ROLE clerk")


async def test_a_database_of_another_version_stops_with_one_line(
    empty_database: str, tmp_path: Path
) -> None:
    settings = environment(tmp_path, VMS_DATABASE_URL=empty_database)
    line = await refused(settings, "api", "worker", "tenants list")
    assert line.startswith("vms: the database lacks 0001_initial, ")
    assert line.endswith(": bring it up to date with `vms migrate`")
    await migrate_database(empty_database)
    later = "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES "
    await run_sql(empty_database, f"{later} ('models', '9999_later', now())")
    line = await refused(settings, "api", "worker", "migrate")
    assert line.startswith("vms: the database is newer than this program, which does not know 9999")


@asynccontextmanager
async def running(words: str, settings: dict[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """A command that runs until it is told to stop, which it must obey; gives its errors."""
    process = await started(words, settings)
    assert process.stderr is not None
    try:
        yield process.stderr
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            _, rest = await process.communicate()
        assert process.returncode == 0, rest.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def until_said(log: asyncio.StreamReader, text: str) -> str:
    """The line that says it."""
    async with asyncio.timeout(60):
        while line := (await log.readline()).decode():
            if text in line:
                return line
    raise AssertionError(f"it ended and never said {text}")


async def port_of(log: asyncio.StreamReader) -> int:
    return int((await until_said(log, "listening on")).rpartition(":")[2])


@pytest.mark.parametrize("fault", ["stop", "freeze"])
async def test_processes_stop_when_told_though_the_database_is_away(
    database: str, mortal_postgres: Postgres, tmp_path: Path, fault: str
) -> None:
    settings = environment(tmp_path, VMS_DATABASE_URL=database)
    async with running("worker", settings) as worker_log, running("api", settings) as log:
        await port_of(log)
        await until_said(worker_log, "looks after its share")
        getattr(mortal_postgres, fault)()
    mortal_postgres.revive()


async def test_api_and_worker_start_together_and_work_as_one(
    database: str, valkey: Valkey, tmp_path: Path
) -> None:
    """The worker's word on a camera is read from the API."""
    settings = environment(
        tmp_path,
        VMS_DATABASE_URL=database,
        VMS_REDIS_URL=valkey.url,
        VMS_CAMERA_NETWORKS="default,127.0.0.1/32",
    )
    async with running("worker", settings), running("api", settings) as log:
        address = f"http://127.0.0.1:{await port_of(log)}"
        headers = {"Authorization": f"Bearer {token()}"}
        async with httpx.AsyncClient(base_url=address, headers=headers) as http:
            checks = (await http.get("/v2/health/ready")).json()["checks"]
            assert checks["postgres"] == {"status": "ok", "engine": "postgres"}
            assert checks["redis"] == {"status": "ok", "engine": "redis"}
            body = {"name": "Lobby", "rtsp_url": "rtsp://127.0.0.1:1/x"}
            made = (await http.post("/v2/api/cameras", json=body)).json()
            assert made["status"] == "connecting"
            async with asyncio.timeout(60):
                while (await http.get("/v2/api/cameras")).json()[0]["status"] == "connecting":
                    await asyncio.sleep(0.1)
            shown = (await http.get("/v2/api/cameras")).json()[0]
            assert shown["status"] in {"offline", "error"}
