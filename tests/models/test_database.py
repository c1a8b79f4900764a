from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError

from models.base import UnscopedQueryError
from models.camera import CameraTable
from models.database import (
    DatabaseUnusable,
    SchemaMismatch,
    close_database,
    config,
    known_migrations,
    migrate_database,
    open_database,
)
from models.tenant import TenantTable
from resolvers.context import World
from tests.servers import Postgres, run_sql

TABLES = {"tenant", "camera", "camera_deletion", "event", "recording_run", "recording_hour"}


async def execute(url: str, *statements: str) -> None:
    await Tortoise.init(config=config(url))
    try:
        for statement in statements:
            await get_connection("default").execute_query(statement)
    finally:
        await close_database()


async def tables(url: str) -> set[str]:
    catalogue = {"sqlite": "sqlite_master", "postgres": "pg_tables"}
    column = {"sqlite": "name", "postgres": "tablename"}
    await Tortoise.init(config=config(url))
    try:
        connection = get_connection("default")
        engine = connection.capabilities.dialect
        query = f"SELECT {column[engine]} AS name FROM {catalogue[engine]}"
        return {row["name"] for row in await connection.execute_query_dict(query)}
    finally:
        await close_database()


async def test_migrating_twice_changes_nothing(empty_database: str) -> None:
    for _ in range(2):
        await migrate_database(empty_database)
        assert await tables(empty_database) >= TABLES


async def test_migrations_go_down_and_up_again(empty_database: str) -> None:
    await migrate_database(empty_database)
    await migrate_database(empty_database, "zero")
    assert not await tables(empty_database) & TABLES
    await migrate_database(empty_database, "0001_initial")
    assert await tables(empty_database) >= TABLES


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database: str) -> None:
    await execute(empty_database, "CREATE TABLE tenant (id INT)")
    with pytest.raises(OperationalError):
        await migrate_database(empty_database)
    assert await tables(empty_database) & {*TABLES, "tortoise_migrations"} == {"tenant"}


async def test_processes_that_migrate_at_once_wait_for_each_other(empty_database: str) -> None:
    code = (
        "import asyncio, sys; from models.database import *; "
        "asyncio.run(migrate_database(sys.argv[1]))"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, empty_database, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    said = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    await open_database(empty_database)
    await close_database()


async def test_a_database_from_a_later_version_is_left_alone(empty_database: str) -> None:
    await migrate_database(empty_database)
    later = "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES "
    await execute(empty_database, f"{later} ('models', '9999_later', '2099-01-01')")
    for refused in (open_database(empty_database), migrate_database(empty_database)):
        with pytest.raises(SchemaMismatch, match=r"newer than this program.* 9999_later: start"):
            await refused
        await close_database()


async def test_a_database_that_lacks_a_migration_says_what_to_do(empty_database: str) -> None:
    with pytest.raises(SchemaMismatch, match=r"lacks 0001_initial.*`vms migrate`"):
        await open_database(empty_database)
    await close_database()


async def test_a_target_that_is_no_migration_is_refused(empty_database: str) -> None:
    with pytest.raises(DatabaseUnusable, match="no migration 0042_what"):
        await migrate_database(empty_database, "0042_what")


async def test_the_migrations_say_what_the_tables_say() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tortoise", "-c", "models.database.TORTOISE_ORM", "makemigrations", "models"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert "No changes detected" in output.decode(), "run: make migrations"
    assert "0001_initial" in known_migrations()


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


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "oracle://x/y", "postgres://vms:hunter2@host:port/vms", "sqlite://"],
)
async def test_an_address_that_is_none_names_its_setting(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="VMS_DATABASE_URL") as caught:
        await migrate_database(url)
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_refuses_us_is_said_in_one_line(postgres: Postgres) -> None:
    await run_sql(postgres.url("postgres"), "CREATE ROLE clerk LOGIN PASSWORD 'right'")
    try:
        for url, says in (
            (postgres.url("postgres", "clerk", "hunter2"), 'failed for user "clerk"'),
            (postgres.url("ghost"), 'database "ghost" does not exist'),
            ("postgres://vms:hunter2@127.0.0.1:1/vms", "Connect call failed"),
        ):
            for opening in (migrate_database(url), open_database(url)):
                with pytest.raises(DatabaseUnusable, match=says) as caught:
                    await opening
                assert "hunter2" not in str(caught.value)
                assert "\n" not in str(caught.value)
                await close_database()
    finally:
        await run_sql(postgres.url("postgres"), "DROP ROLE clerk")


async def test_the_password_reaches_no_log(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await Tortoise.init(config=config(postgres.url("postgres", "vms", "hunter2-hunter2")))
    await get_connection("default").execute_query("SELECT 1")
    await close_database()
    assert "hunt" not in caplog.text


async def test_keys_are_compared_byte_by_byte(world: World) -> None:
    """As Python compares them: a place in a list means the same everywhere."""
    names = ["a", "a-1", "a1", "aa", "a-", "b", "0", "9-", "z"]
    for name in names:
        await TenantTable.create(id=name, camera_limit=1, features=[], created_us=0)
    kept = TenantTable.filter(id__in=names)
    in_order = await kept.order_by("id").values_list("id", flat=True)
    assert list(map(str, in_order)) == sorted(names)
    for name in names:
        later = await kept.filter(id__gt=name).values_list("id", flat=True)
        assert sorted(map(str, later)) == sorted(each for each in names if each > name)


async def test_no_key_depends_on_the_language_of_the_server(postgres_database: Postgres) -> None:
    """The server of the tests sorts by bytes anyway, so its catalogue is asked."""
    await Tortoise.init(config=config(postgres_database.url("vms")))
    try:
        rows = await get_connection("default").execute_query_dict(
            "SELECT c.relname || '.' || a.attname AS name, l.collname AS collation "
            "FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) "
            "JOIN pg_collation l ON l.oid = a.attcollation "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'tortoise_migrations'"
        )
    finally:
        await close_database()
    assert {row["name"] for row in rows} >= {"tenant.id", "event.id", "camera.slug", "event.type"}
    assert {row["collation"] for row in rows} == {"C"}
