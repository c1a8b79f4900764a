"""Opens the database and brings its tables to the version that this code wants."""

from __future__ import annotations

import pkgutil
from typing import Any

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connection
from tortoise.exceptions import ConfigurationError, DBConnectionError
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.transactions import in_transaction

import models.migrations
from models.base import Away
from models.postgres import PoolState, PostgresClient

APP = "models"
MODULES = [
    "models.tenant",
    "models.camera",
    "models.event",
    "models.recording",
    "models.lease",
    "models.evidence",
    "models.revocation",
    "models.removal",
    "models.webhook",
    "models.export",
    "models.comparison",
]

SQLITE = {"journal_mode": "WAL", "synchronous": "NORMAL", "busy_timeout": 5000}
"""WAL lets the command line read beside the server; NORMAL survives a crash of the process, and
a power cut without corruption (sqlite.org/pragma.html#pragma_synchronous)."""

POSTGRES: dict[str, Any] = {
    "min_size": 0,
    "max_size": 10,
    "timeout": 2.0,
    "command_timeout": 5.0,
    "application_name": "vms",
    "server_settings": {
        "idle_in_transaction_session_timeout": "15s",
        "plan_cache_mode": "force_custom_plan",
    },
}
"""A pool that opens connections as they are wanted; seconds to connect and for one query. The
server ends a transaction whose client fell silent, else it would hold its tenant's log for hours.
Statements are planned for their values: for the days of events that they name, that is. A plan for
any values spans all days: 20 ms for each statement and connection, and again when a day is added.
`?max_size=20` and the like in the address change what is here (asyncpg's `create_pool`)."""

MIGRATION_SECONDS = 600.0
"""For one statement of a migration, and to wait for another process that migrates."""
_MIGRATING = 0x766D73
"""Key of PostgreSQL's advisory lock."""


class DatabaseUnusable(Exception):
    """The database cannot be used; the text is one line that says what to do, without a secret."""


class SchemaMismatch(DatabaseUnusable):
    """The tables are older or newer than this code."""


def config(
    url: str, away: Away = DBConnectionError, command_seconds: float | None = None
) -> dict[str, Any]:
    """Tortoise's configuration for a database address (`sqlite://path`, `postgres://…`).

    `away` is the error that is raised while the database cannot be used. `command_seconds`
    bounds one query on PostgreSQL, in place of what the address says.
    """
    return {
        "connections": {"default": _connection(url, away, command_seconds)},
        "apps": {
            APP: {
                "models": MODULES,
                "default_connection": "default",
                "migrations": models.migrations.__name__,
            }
        },
        "use_tz": True,
    }


def _connection(url: str, away: Away, command_seconds: float | None) -> dict[str, Any]:
    wanted = "VMS_DATABASE_URL: want postgres://user:password@host:port/database"
    if not url.startswith(("sqlite://", "postgres://", "postgresql://")):
        raise DatabaseUnusable(wanted)
    try:
        found: dict[str, Any] = expand_db_url(url)["credentials"]
    except (ConfigurationError, ValueError) as error:
        raise DatabaseUnusable(wanted) from error
    if url.startswith("sqlite://"):
        return {"engine": "models.sqlite", "credentials": {**SQLITE, **found, "away": away}}
    merged = {**POSTGRES, **found, "away": away}
    merged["command_timeout"] = command_seconds or float(merged["command_timeout"])
    if (password := merged["password"]) is not None:
        merged["password"] = lambda: password  # Tortoise logs a third of one that is a string
    return {"engine": "models.postgres", "credentials": merged}


TORTOISE_ORM = config("sqlite://:memory:")
"""For `make migrations` alone."""


async def open_database(url: str, away: Away = DBConnectionError) -> None:
    """Connects for the whole process; from then on `away` is the error of its absence.

    The global fallback is what makes the connection visible outside the task that opened it
    (requests, workers): without it Tortoise keeps it in that task's context.

    Raises:
        DatabaseUnusable: it does not answer, or refuses us.
        SchemaMismatch: its tables are older or newer than this code.
    """
    await Tortoise.init(config=config(url, away), _enable_global_fallback=True)
    try:
        applied = await _applied(get_connection("default"))
    except away as error:
        raise _unusable(error) from error
    _refuse_newer(applied)
    if missing := sorted(known_migrations() - applied):
        raise SchemaMismatch(
            f"the database lacks {', '.join(missing)}: bring it up to date with `vms migrate`"
        )


async def migrate_database(url: str, target: str | None = None) -> None:
    """Brings the tables to a migration, up or down; to the latest when none is named.

    All of it happens or nothing. Of several processes that start together one migrates and the
    others wait for it. `zero` as the target removes every table.

    Raises:
        DatabaseUnusable: it does not answer, or refuses us; or no migration has that name.
        SchemaMismatch: its tables are newer than this code.
    """
    if target not in {None, "zero", *known_migrations()}:
        raise DatabaseUnusable(f"there is no migration {target}")
    settings = config(url, command_seconds=MIGRATION_SECONDS)
    await Tortoise.init(config=settings, init_connections=False)
    try:
        async with in_transaction() as connection:
            await _migrate(connection, settings["apps"], target)
    except DBConnectionError as error:
        raise _unusable(error) from error
    finally:
        await close_database()


async def _migrate(connection: BaseDBAsyncClient, apps: dict[str, Any], target: str | None) -> None:
    """In the transaction of `connection`; SQLite's write lock is already held."""
    if connection.capabilities.dialect == "postgres":
        await connection.execute_query(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    _refuse_newer(await _applied(connection))
    executor = MigrationExecutor(connection, apps)
    # It would else ask for a table that is not there, which spoils PostgreSQL's transaction.
    await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
    name = {None: "__latest__", "zero": "__first__"}.get(target, target)
    await executor.migrate([MigrationTarget(APP, str(name))])


async def _applied(connection: BaseDBAsyncClient) -> set[str]:
    """The migrations that the database has seen."""
    tables = {
        "postgres": "SELECT to_regclass('tortoise_migrations') IS NOT NULL AS found",
        "sqlite": "SELECT 1 AS found FROM sqlite_master WHERE name = 'tortoise_migrations'",
    }
    rows = await connection.execute_query_dict(tables[connection.capabilities.dialect])
    if not rows or not rows[0]["found"]:
        return set()
    query = f"SELECT name FROM tortoise_migrations WHERE app = '{APP}'"  # noqa: S608 - a constant
    return {row["name"] for row in await connection.execute_query_dict(query)}


def known_migrations() -> set[str]:
    return {each.name for each in pkgutil.iter_modules(models.migrations.__path__)}


def _refuse_newer(applied: set[str]) -> None:
    if unknown := sorted(applied - known_migrations()):
        raise SchemaMismatch(
            f"the database is newer than this program, which does not know {', '.join(unknown)}: "
            "start the version that made it"
        )


def _unusable(error: Exception) -> DatabaseUnusable:
    cause = error.__cause__ or error
    why = str(cause) or "it does not answer"  # what a TimeoutError says
    return DatabaseUnusable(f"the database cannot be used: {why} (see VMS_DATABASE_URL)")


async def close_database() -> None:
    """Another one may be opened after it."""
    await Tortoise.close_connections()
    EXECUTOR_CACHE.clear()  # SQL by the connection's name alone: the next may need another dialect


def pool_state() -> PoolState:
    """As it is known here, without asking the database: SQLite is one connection, always there."""
    client = get_connection("default")
    return client.state if isinstance(client, PostgresClient) else PoolState(True, 1, 1)
