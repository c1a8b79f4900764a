"""Fixtures that every room may use."""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from resolvers.context import World
from tests.clips import share_clips
from tests.servers import Postgres, Valkey, run_sql
from tests.world import found, open_world

ON_BOTH = (
    *("tests.resolvers.", "tests.compat_rest.", "tests.schema.", "tests.models."),
    "tests.app.test_webhook",
)
"""Modules whose tests run on SQLite and on PostgreSQL."""
ON_POSTGRES = (
    "tests.app.test_outages",
    "tests.app.test_tenure",
    "tests.app.test_cli_database",
    "tests.scenarios.test_failover",
)
ON_ONE = (
    "tests.schema.test_playground",
    "tests.schema.test_sockets_fuzzed",
    "tests.schema.test_http_fuzzed",
)
"""Of those modules: what they ask is no matter of the database."""

DATABASE = "vms"
TABLES = (
    "worker",
    "camera_lease",
    "tenant",
    "camera",
    "camera_deletion",
    "event",
    "recording_run",
    "recording_hour",
    "evidence_lock",
    "removal",
    "token_revocation",
    "webhook",
    "footage_export",
    "comparison",
    "comparison_difference",
)
DROP_DAYS = """DO $$ DECLARE a_day text; BEGIN
    FOR a_day IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^event_[0-9]{8}$'
    LOOP EXECUTE format('DROP TABLE %I', a_day); END LOOP;
END $$;"""
"""A test that makes days of events leaves them behind; every later query would look there too."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__
    engines = ["postgres"] if name in ON_POSTGRES else ["sqlite", "postgres"]
    if name in ON_ONE or not name.startswith((*ON_BOTH, *ON_POSTGRES)):
        return
    for fixture in ("database", "empty_database"):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, engines, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scenarios first: they mostly wait, and quick tests fill the time beside and behind them."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/scenarios/"))


def pytest_collection_finish() -> None:
    """Half a million objects that stay: the garbage collector need not look at them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _clips_made_once(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if worker_id != "master":  # one of several processes
        share_clips(tmp_path_factory.getbasetemp().parent / "clips")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL. Who stops it starts it again."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A running Valkey. Who stops it starts it again."""
    server = Valkey()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_database(postgres: Postgres) -> Postgres:
    """The server, with a founded database."""
    _aside(run_sql(postgres.url("postgres"), f"CREATE DATABASE {DATABASE}"))
    _aside(found(postgres.url(DATABASE)))
    _aside(run_sql(postgres.url(DATABASE), "CREATE TABLE founded AS TABLE tenant"))
    return postgres


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "vms.db"
    _aside(found(f"sqlite://{path}"))
    return path


def _aside(work: Coroutine[None, None, None]) -> None:
    """Runs it on a loop of its own, whether or not one is running here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database with the tenants `default` and `acme` and nothing else.

    On PostgreSQL always the same one: to empty its tables takes a thousandth of the time that
    another database would.
    """
    if getattr(request, "param", "sqlite") == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "vms.db")
        return f"sqlite://{tmp_path}/vms.db"
    server: Postgres = request.getfixturevalue("postgres_database")
    emptied = DROP_DAYS + "".join(f"DELETE FROM {table};" for table in TABLES)
    await run_sql(server.url(DATABASE), f"{emptied} INSERT INTO tenant TABLE founded")
    return server.url(DATABASE)


@pytest.fixture
async def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Address of a database without a table."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite://{tmp_path}/empty.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    await run_sql(server.url("postgres"), "CREATE DATABASE empty")
    try:
        yield server.url("empty")
    finally:
        await run_sql(server.url("postgres"), "DROP DATABASE empty WITH (FORCE)")


@pytest.fixture
def mortal_postgres(postgres_database: Postgres) -> Iterator[Postgres]:
    """A server that the test may stop, kill or freeze: it runs again afterwards."""
    yield postgres_database
    postgres_database.revive()


@pytest.fixture
def mortal_valkey(valkey: Valkey) -> Iterator[Valkey]:
    yield valkey
    valkey.revive()


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(database, tmp_path) as opened:
        yield opened


# A busy machine is no fault of the code.
settings.register_profile("vms", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vms")
