"""What both clients promise of transactions and cancellation, and PostgreSQL's of its absence."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError, OperationalError
from tortoise.transactions import in_transaction

from models.base import select
from models.database import close_database, open_database
from models.recording import RecordingRun, RecordingRunTable
from models.tenant import Tenant, TenantTable, take_numbers
from tests.servers import Postgres, run_sql


class Away(Exception):
    pass


@pytest.fixture
async def opened(database: str) -> AsyncIterator[str]:
    """The database, open; on PostgreSQL with one connection alone, so that none may be lost."""
    query = "" if database.startswith("sqlite") else "&max_size=1&command_timeout=1"
    await open_database(database + query, away=Away)
    yield database
    await close_database()


@pytest.fixture
async def server(mortal_postgres: Postgres) -> AsyncIterator[Postgres]:
    """Open with quick time-outs, on a server that the test may stop."""
    await open_database(
        mortal_postgres.url("vms") + "&max_size=3&command_timeout=1&timeout=1", away=Away
    )
    yield mortal_postgres
    await close_database()


async def camera_limits() -> dict[str, int]:
    found = await select(TenantTable.all(), Tenant)
    return {each.id: each.camera_limit for each in found}


async def found_tenant(name: str) -> None:
    await TenantTable.create(id=name, camera_limit=1, features=[], created_us=0)


async def until_back() -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await camera_limits()
            except Away:
                await asyncio.sleep(0.02)
            else:
                return


async def test_a_refused_row_takes_the_whole_transaction_with_it(opened: str) -> None:
    async def refused() -> None:
        async with in_transaction():
            await found_tenant("fresh")
            await found_tenant("acme")

    with pytest.raises(IntegrityError):
        await refused()
    assert set(await camera_limits()) == {"acme", "default"}


async def test_a_refused_row_in_an_inner_transaction_leaves_the_outer(opened: str) -> None:
    async with in_transaction():
        await found_tenant("fresh")
        with pytest.raises(IntegrityError):
            async with in_transaction():
                await found_tenant("acme")
        await found_tenant("more")
    assert set(await camera_limits()) == {"acme", "default", "fresh", "more"}


async def test_whoever_is_cancelled_anywhere_takes_nothing_along(opened: str) -> None:
    """No connection, no lock, no transaction of a task that goes on."""
    chance = random.Random(11)

    async def work() -> None:
        async with in_transaction():
            await take_numbers("acme", "event_seq", 1)
            await take_numbers("acme", "camera_seq", 1)
        await camera_limits()

    for _ in range(60):
        task = asyncio.create_task(work())
        await asyncio.sleep(chance.random() * 0.004)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(30):
        await work()
    row = await TenantTable.get(id="acme")
    assert row.event_seq == row.camera_seq > 0


async def test_values_come_back_as_they_went(opened: str) -> None:
    run_id, camera_key = uuid4(), uuid4()
    widest = 2**63 - 1
    await RecordingRunTable.create(
        run_id=run_id,
        tenant_id="acme",
        camera_key=camera_key,
        started_us=-widest,
        recorded_until_us=widest,
        end_reason="Cổng \N{VIDEO CAMERA} 'quoted' \\ \n",
    )
    rows = RecordingRunTable.within("acme")
    (found,) = await select(rows.filter(camera_key=camera_key), RecordingRun)
    assert (found.started_us, found.recorded_until_us) == (-widest, widest)
    assert (found.store_id, found.end_position, found.ended_us) == (None, None, None)
    assert found.end_reason == "Cổng \N{VIDEO CAMERA} 'quoted' \\ \n"
    assert {found.run_id: 1} == {run_id: 1}
    assert {run_id: 1}[found.run_id] == 1
    assert isinstance(found.run_id, UUID)
    assert await select(rows.filter(pk__in=[]), RecordingRun) == []
    assert await select(rows.filter(pk__in=[run_id, uuid4()]), RecordingRun) == [found]


async def test_what_no_column_can_hold_is_no_absence(database: str) -> None:
    if database.startswith("sqlite"):
        pytest.skip("SQLite holds anything")
    await open_database(database, away=Away)
    try:
        for wrong in ("nul \0 byte", "surrogate \ud800"):
            with pytest.raises(OperationalError):
                await TenantTable.filter(id=wrong).exists()
        with pytest.raises(OperationalError):
            await TenantTable.filter(camera_limit=2**40).exists()
    finally:
        await close_database()


async def test_a_server_that_is_away_is_said_at_once_and_used_when_it_is_back(
    server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "models")
    await camera_limits()
    server.stop()
    async with asyncio.timeout(2):
        for _ in range(20):
            with pytest.raises(Away, match="the database does not answer"):
                await camera_limits()
            with pytest.raises(Away):
                async with in_transaction():
                    await camera_limits()
    server.start()
    await until_back()
    said = [each.message for each in caplog.records if each.name == "models.postgres"]
    assert [text.partition(":")[0] for text in said] == [
        "the database is away",
        "the database is back",
    ]


async def test_a_server_that_falls_silent_is_given_up_in_time(server: Postgres) -> None:
    await asyncio.gather(*(camera_limits() for _ in range(3)))
    server.freeze()
    async with asyncio.timeout(6):
        done = await asyncio.gather(
            *(camera_limits() for _ in range(10)),
            *(take_numbers("acme", "event_seq", 1) for _ in range(3)),
            return_exceptions=True,
        )
    assert {type(each) for each in done} == {Away}
    server.thaw()
    await until_back()


async def test_a_wait_that_is_given_up_ends_though_the_server_is_silent(server: Postgres) -> None:
    await camera_limits()
    server.freeze()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await camera_limits()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), in_transaction():
            await camera_limits()
    server.thaw()
    await until_back()


async def test_closing_does_not_wait_for_a_silent_server(server: Postgres) -> None:
    await asyncio.gather(*(camera_limits() for _ in range(3)))
    server.freeze()
    async with asyncio.timeout(4):
        await close_database()


async def test_a_task_outlives_the_connection_of_its_transaction(server: Postgres) -> None:
    """One task for all of it: a transaction that broke must not stay its transaction."""
    before = (await TenantTable.get(id="acme")).event_seq

    async def broken() -> None:
        async with in_transaction():
            await take_numbers("acme", "event_seq", 1)
            server.kill()
            await take_numbers("acme", "event_seq", 1)

    with pytest.raises(Away):
        await broken()
    with pytest.raises(Away):
        async with in_transaction():
            await take_numbers("acme", "event_seq", 1)
    server.start()
    await until_back()
    async with in_transaction():
        assert await take_numbers("acme", "event_seq", 1) == before + 1
    assert (await TenantTable.get(id="acme")).event_seq == before + 1


async def test_connections_that_are_cut_by_hand_are_replaced(server: Postgres) -> None:
    for _ in range(10):
        await asyncio.gather(*(camera_limits() for _ in range(3)))
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='vms'"
        await run_sql(server.url("postgres"), cut)
        await until_back()


async def test_a_lock_that_is_not_given_free_is_an_absence(server: Postgres) -> None:
    """Whoever holds a tenant's log for ever must not hold up every request for ever."""
    holder = await asyncpg.connect(server.url("vms"))
    try:
        async with holder.transaction():
            await holder.execute("UPDATE tenant SET event_seq = 7 WHERE id = 'acme'")
            with pytest.raises(Away):
                await take_numbers("acme", "event_seq", 1)
        assert await take_numbers("acme", "event_seq", 1) == 8
    finally:
        await holder.close()


async def test_the_server_ends_a_transaction_whose_client_fell_silent(server: Postgres) -> None:
    await camera_limits()
    (row,) = await get_connection("default").execute_query_dict(
        "SHOW idle_in_transaction_session_timeout"
    )
    assert row["idle_in_transaction_session_timeout"] == "15s"
