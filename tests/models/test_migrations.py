"""Migrations that move rows: up and down with data in the tables, on both engines."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from tortoise import Tortoise
from tortoise.connection import get_connection

from models.bulk import run
from models.database import close_database, config, known_migrations, migrate_database
from models.event_days import DAY_US

BEFORE_DAYS = "0002_leases_and_plans"
BEFORE_PLATES = "0016_comparisons"
TODAY = int(time.time()) // 86400
TIMES = [0, (TODAY - 3) * DAY_US - 1, (TODAY - 3) * DAY_US, TODAY * DAY_US, (TODAY + 9999) * DAY_US]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[None]:
    """Without a look at the version of the tables."""
    await Tortoise.init(config=config(url))
    try:
        yield
    finally:
        await close_database()


async def add_old_events() -> None:
    await run(
        "INSERT INTO tenant (id, camera_limit, features, event_seq, event_floor, camera_seq, "
        "created_us) VALUES ('acme', 1, '[]', 5, 0, 0, 0)"
    )
    for number, at_us in enumerate(TIMES, start=1):
        connection = get_connection("default")
        key = uuid4() if connection.capabilities.dialect == "postgres" else str(uuid4())
        await run(
            "INSERT INTO event (tenant_id, id, seq, began_seq, last_change, camera_key, "
            "camera_slug, type, confidence, at_us, boxes, trace_id, model_version) VALUES "
            "('acme', $1, $2, $2, 'began', $3, 'cam', 'person', 0.5, $4, '[{\"x\":0.5}]', $3, 'm')",
            f"evt-{number}",
            number,
            key,
            at_us,
        )


async def rows() -> list[dict[str, Any]]:
    """What the columns hold that were there before."""
    names = (
        "tenant_id, id, seq, began_seq, last_change, camera_key, camera_slug, type, at_us, boxes"
    )
    return await run(f"SELECT {names}, trace_id FROM event ORDER BY id")


async def test_events_are_carried_over_into_days_and_back(empty_database: str) -> None:
    await migrate_database(empty_database, BEFORE_DAYS)
    async with connected(empty_database):
        await add_old_events()
        before = await rows()
    for target in (None, BEFORE_DAYS, "0003_event_partitions", None, BEFORE_DAYS):
        await migrate_database(empty_database, target)
        async with connected(empty_database):
            assert await rows() == before


async def test_old_events_lie_in_their_days(empty_database: str) -> None:
    await migrate_database(empty_database, BEFORE_DAYS)
    async with connected(empty_database):
        await add_old_events()
    await migrate_database(empty_database)
    async with connected(empty_database):
        if get_connection("default").capabilities.dialect != "postgres":
            return
        found = await run("SELECT tableoid::regclass::text AS place FROM event ORDER BY id")
    assert [row["place"] for row in found] == [
        "event_odd",
        named(TODAY - 4),
        named(TODAY - 3),
        named(TODAY),
        "event_odd",
    ]


def named(day: int) -> str:
    return time.strftime("event_%Y%m%d", time.gmtime(day * 86400))


async def test_plates_of_before_are_found(empty_database: str) -> None:
    await migrate_database(empty_database, BEFORE_PLATES)
    async with connected(empty_database):
        await add_old_events()
        plate = '{"text":"51F-123.45","raw":"51F 12345","score":0.9,"model_version":"m"}'
        await run("UPDATE event SET plate = $1 WHERE id = 'evt-3'", plate)
    await migrate_database(empty_database)
    async with connected(empty_database):
        found = await run("SELECT id, plate_key FROM event WHERE plate_key IS NOT NULL")
    assert found == [{"id": "evt-3", "plate_key": "51F12345"}]


async def test_every_step_down_and_up_keeps_the_indexes(empty_database: str) -> None:
    await migrate_database(empty_database)
    async with connected(empty_database):
        before = await indexes()
    for step in [*sorted(known_migrations(), reverse=True), None]:
        await migrate_database(empty_database, step)
    async with connected(empty_database):
        assert await indexes() == before
    for columns in before:
        assert columns


async def indexes() -> set[str]:
    """Those of tables as they are kept, without names that a database makes up."""
    if get_connection("default").capabilities.dialect == "postgres":
        found = await run(
            "SELECT indexdef AS made FROM pg_indexes WHERE schemaname = 'public' "
            "AND tablename !~ '^event_[0-9]+$'"
        )
    else:
        found = await run("SELECT sql AS made FROM sqlite_master WHERE type = 'index'")
    return {str(row["made"]) for row in found}


async def test_every_index_of_events_begins_with_the_tenant(empty_database: str) -> None:
    await migrate_database(empty_database)
    async with connected(empty_database):
        made = [each for each in await indexes() if '"event"' in each or " public.event " in each]
    lists = [each[each.index("(") :].replace('"', "").split(",")[0] for each in made]
    assert len(lists) >= 4
    assert set(lists) == {"(tenant_id"}
