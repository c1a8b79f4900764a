"""The days of the event table: on PostgreSQL one partition each, made ahead and dropped whole.

A day is a UTC day of `at_us`. Events of days that have no partition, as those of a camera whose
clock is years off, lie in `event_odd` until their day is made. SQLite keeps one table.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.functions import Max, Min
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from models.bulk import run
from models.event import EventTable
from models.removal import Gone, RemovalCause, note
from models.tenant import TenantTable, take_numbers

log = logging.getLogger(__name__)

DAY_US = 86_400_000_000
DAYS_AHEAD, DAYS_BACK = 2, 400
"""Days before today are made only where events wait for them, and none beyond these bounds: a
partition costs every query that spans it."""

BATCH = 5000
"""Rows deleted in one transaction, which holds the tenant's log."""

_MAKING_DAYS = 0x766D65
"""Key of PostgreSQL's advisory lock."""


class Dropped(msgspec.Struct, frozen=True):
    """What went: whole days, and events of days that other tenants keep."""

    days: int
    events: int


async def make_event_days(now_us: int) -> int:
    """Makes partitions for the days to come, and for those of the past that events wait for.

    Call it at start and every hour; any number of processes may, also at once.

    Returns:
        How many were made; 0 on SQLite.

    Raises:
        The database's `away`: it does not answer, or others used the table for too long.
    """
    if not has_days():
        return 0
    if not await _missing_days(now_us):
        return 0
    async with in_transaction() as connection:
        await connection.execute_query(f"SELECT pg_advisory_xact_lock({_MAKING_DAYS})")
        await _take_table(connection)
        missing = await _missing_days(now_us)
        for day in missing:
            await connection.execute_script(_of_day(day, _MAKE))
    return len(missing)


async def drop_event_days(before: Mapping[str, int], now_us: int) -> Dropped:
    """Removes events of days that retention no longer keeps, the oldest days first.

    A day goes as a whole where every tenant with events in it may lose them; else the rows of
    those that may are deleted. What was written or ended on a later day than its frame's counts as
    of that day: an import of old events stays as long as what else was told at that time. Each
    tenant's `event_floor` rises to the highest number that was removed, so that whoever resumes
    below it is told of the gap.

    Args:
        before: for each tenant the instant (µs) whose UTC day is the first that is kept. Tenants
            that are not named keep everything.
        now_us: what is removed is noted to have gone then.

    Raises:
        The database's `away`: it does not answer, or others used the table for too long. What was
        removed until then stays so; call it again later.
    """
    firsts = {tenant_id: at_us // DAY_US * DAY_US for tenant_id, at_us in before.items()}
    days = 0
    if has_days():
        may_go = max(firsts.values(), default=0) // DAY_US
        for day in sorted(day for day in await _days() if day < may_go):
            days += await _drop_day(day, firsts, now_us)
    events = sum([await _delete_before(name, first, now_us) for name, first in firsts.items()])
    if days or events:
        log.info("retention removed %d days of events, and %d events of others", days, events)
    return Dropped(days, events)


def has_days() -> bool:
    """Whether the table of events is kept by days in the database that is open."""
    return get_connection("default").capabilities.dialect == "postgres"


async def _take_table(connection: BaseDBAsyncClient) -> None:
    """From everybody, for the few milliseconds that the caller's transaction has left.

    A weaker lock would let a writer in that has read already: it would wait for us, and we for it.
    """
    await connection.execute_query("SET LOCAL lock_timeout = '1s'")
    await connection.execute_query('LOCK TABLE ONLY "event" IN ACCESS EXCLUSIVE MODE')


def _partition(day: int) -> str:
    """Its name; days count from 1970-01-01."""
    return f"event_{datetime.fromtimestamp(day * 86400, UTC):%Y%m%d}"


async def _days() -> set[int]:
    """The days that have a partition."""
    rows = await get_connection("default").execute_query_dict(
        "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = '\"event\"'::regclass AND c.relname ~ '^event_[0-9]{8}$'"
    )
    midnights = [datetime.strptime(f"{row['name']}Z", "event_%Y%m%d%z") for row in rows]
    return {int(midnight.timestamp()) // 86400 for midnight in midnights}


async def _missing_days(now_us: int) -> list[int]:
    """Days without a partition that should have one, in order."""
    today = now_us // DAY_US
    first, last = today - DAYS_BACK, today + DAYS_AHEAD
    waiting = await get_connection("default").execute_query_dict(
        'SELECT DISTINCT at_us / $1 AS day FROM "event_odd" WHERE at_us >= $2 AND at_us < $3',
        [DAY_US, first * DAY_US, (last + 1) * DAY_US],
    )
    wanted = {*range(today, last + 1), *(row["day"] for row in waiting)}
    return sorted(wanted - await _days())


_MAKE = """
CREATE TABLE "a_day" (LIKE "event" INCLUDING INDEXES);
WITH moved AS (DELETE FROM "event_odd" WHERE at_us >= from_us AND at_us < to_us RETURNING *)
INSERT INTO "a_day" SELECT * FROM moved;
ALTER TABLE "event" ATTACH PARTITION "a_day" FOR VALUES FROM (from_us) TO (to_us);
"""
"""What lies in the default partition moves into the new one before that is attached."""

_OWNERS = """
SELECT * FROM (SELECT t.id, (
    SELECT greatest(e.at_us, e.written_us, e.ended_us) FROM "a_day" e
    WHERE e.tenant_id = t.id ORDER BY e.seq DESC LIMIT 1
) AS latest_us FROM tenant t) owners WHERE latest_us IS NOT NULL
"""
"""The tenants with events of that day, and when the last step of them was."""
_COUNTS = 'SELECT tenant_id, count(*) AS events FROM "a_day" GROUP BY tenant_id'
_RAISE_FLOORS = """
UPDATE tenant t SET event_floor = greatest(
    t.event_floor, (SELECT max(e.seq) FROM "a_day" e WHERE e.tenant_id = t.id)
) WHERE t.id = ANY($1)
"""


def _of_day(day: int, statement: str) -> str:
    """The statement with the names of a day in place of `a_day`, `from_us` and `to_us`."""
    from_us, to_us = str(day * DAY_US), str((day + 1) * DAY_US)
    named = statement.replace("a_day", _partition(day))
    return named.replace("from_us", from_us).replace("to_us", to_us)


async def _drop_day(day: int, firsts: Mapping[str, int], now_us: int) -> bool:
    """Whether the day went: not where anybody keeps an event of it.

    The tenants' rows are locked before the table, as by whoever writes events. What is counted
    before that is still so: an event that came since would be one of today, and keep the day.
    """
    owners = await _owners(day, firsts)
    if owners is None:
        return False
    gone = await _events_of(day, now_us)
    async with in_transaction() as connection:
        await run("SELECT id FROM tenant WHERE id = ANY($1) ORDER BY id FOR UPDATE", owners)
        await _take_table(connection)
        if set(await _owners(day, firsts) or ()) != set(owners):
            return False
        await run(_of_day(day, _RAISE_FLOORS), owners)
        await run(_of_day(day, 'DROP TABLE "a_day"'))
        await note(*gone)
    return True


async def _events_of(day: int, now_us: int) -> list[Gone]:
    """What goes with a day, of each tenant."""
    from_us, to_us = day * DAY_US, (day + 1) * DAY_US
    return [
        Gone(
            row["tenant_id"],
            RemovalCause.AGE,
            now_us,
            from_us=from_us,
            to_us=to_us,
            events=row["events"],
        )
        for row in await run(_of_day(day, _COUNTS))
    ]


async def _owners(day: int, firsts: Mapping[str, int]) -> list[str] | None:
    """The tenants with events of that day; None where one of them keeps some."""
    rows = await run(_of_day(day, _OWNERS))
    end_us = (day + 1) * DAY_US
    if any(firsts.get(row["id"], 0) < max(end_us, row["latest_us"] + 1) for row in rows):
        return None
    return [row["id"] for row in rows]


async def _delete_before(tenant_id: str, first_us: int, now_us: int) -> int:
    """How many of the tenant's events were over before `first_us`; they are gone."""
    written = Q(written_us=None) | Q(written_us__lt=first_us)
    ended = Q(ended_us=None) | Q(ended_us__lt=first_us)
    rows = EventTable.within(tenant_id).filter(written, ended, at_us__lt=first_us)
    removed = 0
    while await rows.exists():
        async with in_transaction():
            await take_numbers(tenant_id, "event_seq", 0)  # locks the log
            removed += await _delete_some(tenant_id, rows, now_us)
    return removed


async def _delete_some(tenant_id: str, rows: QuerySet[EventTable], now_us: int) -> int:
    """The oldest BATCH of the rows, with those that began in the same instant as the last."""
    last = await rows.order_by("at_us", "id").offset(BATCH - 1).limit(1).values_list("at_us")
    if last:
        rows = rows.filter(at_us__lte=last[0][0])
    ends = rows.annotate(highest=Max("seq"), first=Min("at_us"), last=Max("at_us"))
    ((highest, first_us, last_us),) = await ends.values_list("highest", "first", "last")
    if highest is None:
        return 0
    floors = TenantTable.filter(id=tenant_id, event_floor__lt=highest)
    await floors.update(event_floor=highest)
    removed = await rows.delete()
    gone = Gone(tenant_id, RemovalCause.AGE, now_us, from_us=first_us, to_us=last_us + 1)
    await note(msgspec.structs.replace(gone, events=removed))
    return removed
