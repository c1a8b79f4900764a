"""Rows a second through `resolvers.ingest` against a bare COPY of the same rows.

Run as `python -m tests.benchmarks.ingest`. Both write into the same partitioned table with all its
indexes, in batches of the same size, each a transaction, in turns. Ours numbers the events, looks
for those that it knows, and encodes them besides. The segments of a batch are written for its
cameras' runs and hours.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg  # type: ignore[import-untyped]

from media.event_ids import dated_id
from media.types import ChangeKind, EventChange, MediaChange, SegmentClosed
from models.database import close_database, open_database
from models.event_days import make_event_days
from resolvers import ingest
from resolvers.context import World
from resolvers.ingest_events import EVENT_TYPES
from tests.servers import Postgres, run_sql
from tests.world import beginning, found, make_world

ROUNDS = 3
BATCHES = (1, 10, 100, 1000, 5000)
CAMERAS = {UUID(int=n): f"cam-{n:04d}" for n in range(1, 51)}

Batch = Sequence[MediaChange]
Write = Callable[[Batch], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rate:
    batch: int
    ours: float
    copy: float

    @property
    def ratio(self) -> float:
        return self.ours / self.copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    print(f"machine: {os.cpu_count()} cores, {platform.platform()}, load {os.getloadavg()[0]:.1f}")
    print(f"commit: {commit or 'unknown'}; Python {platform.python_version()}")
    asyncio.run(_compare(seconds))


async def _compare(seconds: float) -> None:
    server = Postgres()
    try:
        server.start()
        url = server.url("bench")
        await run_sql(server.url("postgres"), "CREATE DATABASE bench")
        await found(url)
        connection = await asyncpg.connect(url)
        print(f"PostgreSQL {await connection.fetchval('SHOW server_version')}", flush=True)
        await open_database(url)
        with tempfile.TemporaryDirectory() as folder:
            world = make_world(Path(folder))
            await make_event_days(world.clock.now_us())
            print(f"{'events a batch':28}{'ours/s':>10}{'COPY/s':>10}{'ratio':>8}")
            for size in BATCHES:
                rates = [await _round(world, connection, size, seconds) for _ in range(ROUNDS)]
                _print(sorted(rates, key=lambda rate: rate.ratio)[ROUNDS // 2])
            await _lives(world, seconds)
            await _segments(world, seconds)
        await close_database()
        await connection.close()
    finally:
        server.remove()


def _print(rate: Rate) -> None:
    print(f"{rate.batch:<28,}{rate.ours:10,.0f}{rate.copy:10,.0f}{rate.ratio:8.2f}", flush=True)


async def _round(world: World, connection: asyncpg.Connection, size: int, seconds: float) -> Rate:
    async def ours(batch: Batch) -> None:
        await ingest.record(world, "default", CAMERAS, batch)

    began_seq = await connection.fetchval("SELECT event_seq FROM tenant WHERE id = 'default'")
    mine = await _rate(ours, lambda: [_event(world, n) for n in range(size)], seconds)
    written = await connection.fetch(
        f"SELECT {', '.join(EVENT_TYPES)} FROM event WHERE began_seq > $1 LIMIT 100000", began_seq
    )
    await connection.execute("DELETE FROM event")
    await connection.execute("VACUUM event")
    rows = [tuple(row) for row in written]
    copy = await _copied(connection, rows, size, seconds)
    await connection.execute("DELETE FROM event")
    await connection.execute("VACUUM event")
    return Rate(size, mine, copy)


async def _copied(
    connection: asyncpg.Connection, rows: list[tuple[object, ...]], size: int, seconds: float
) -> float:
    """Rows a second by COPY alone, until the time or the rows are over."""
    names = list(EVENT_TYPES)
    began, done = time.perf_counter(), 0
    while done < len(rows) and time.perf_counter() - began < seconds:
        batch = rows[done : done + size]
        async with connection.transaction():
            await connection.copy_records_to_table("event", columns=names, records=batch)
        done += len(batch)
    return done / (time.perf_counter() - began)


async def _rate(write: Write, batch: Callable[[], Batch], seconds: float) -> float:
    """Changes a second; the time to make them is left out."""
    spent, done = 0.0, 0
    while spent < seconds and done < 100_000:
        changes = batch()
        began = time.perf_counter()
        await write(changes)
        spent += time.perf_counter() - began
        done += len(changes)
    return done / spent


def _event(world: World, number: int) -> EventChange:
    key = list(CAMERAS)[number % len(CAMERAS)]
    at_us = world.clock.now_us()
    return beginning(key, at_us, position=1, event_id=dated_id(f"evt-{uuid4().hex[:16]}", at_us))


async def _lives(world: World, seconds: float) -> None:
    """Events that begin in one batch and end in the next."""
    open_events: list[EventChange] = []

    def batch() -> Batch:
        ends = [
            replace(each, kind=ChangeKind.ENDED, ended_at_us=each.at_us + 1) for each in open_events
        ]
        open_events[:] = [_event(world, number) for number in range(500)]
        return [*ends, *open_events]

    async def write(changes: Batch) -> None:
        await ingest.record(world, "default", CAMERAS, changes)

    print(f"{'begun and ended, by 500':28}{await _rate(write, batch, seconds):10,.0f} changes/s")


async def _segments(world: World, seconds: float) -> None:
    """A segment of each camera in a batch."""
    clock = [world.clock.now_us()]

    def batch() -> Batch:
        start_us = clock[0]
        clock[0] += 4_000_000
        return [
            SegmentClosed(
                *(key, key, "2026-11-22", "13", "a.m4s"),
                *(start_us, start_us + 4_000_000, 0, 360_000, 2_000_000),
            )
            for key in CAMERAS
        ]

    async def write(changes: Batch) -> None:
        await ingest.record(world, "default", CAMERAS, changes)

    rate = await _rate(write, batch, seconds)
    print(f"{'segments, by ' + str(len(CAMERAS)):28}{rate:10,.0f} /s: {rate * 4:,.0f} cameras")


if __name__ == "__main__":
    main()
