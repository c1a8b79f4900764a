from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest

from models.base import UnscopedQueryError
from models.camera import CameraTable
from models.database import close_database, migrate_database, open_database
from resolvers.context import World


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/vms.db"
    for _ in range(2):
        await migrate_database(url)
        await close_database()
    with sqlite3.connect(tmp_path / "vms.db") as database:
        names = {row[0] for row in database.execute("select name from sqlite_master")}
    database.close()
    assert {"tenant", "camera", "event", "recording_run", "recording_hour"} <= names


async def test_the_migrations_say_what_the_tables_say() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tortoise", "-c", "models.database.TORTOISE_ORM", "makemigrations", "models"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert "No changes detected" in output.decode(), "run: make migrations"


async def test_the_embedded_database_writes_ahead(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/vms.db"
    await migrate_database(url)
    await open_database(url)
    await close_database()
    with sqlite3.connect(tmp_path / "vms.db") as database:
        (mode,) = database.execute("pragma journal_mode").fetchone()
    database.close()
    assert mode == "wal"


async def test_a_query_that_names_no_tenant_is_refused(world: World) -> None:
    with pytest.raises(UnscopedQueryError, match=r"CameraTable\.within"):
        CameraTable.all()
