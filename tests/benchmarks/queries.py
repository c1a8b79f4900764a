"""Latency of event queries with 10 thousand and with 10 million events, in one PostgreSQL.

Run as `python -m tests.benchmarks.queries`. A young installation, its events of one day, and a
grown one of 60 days lie in two databases of one server. They are asked in turns, through the use
cases that both APIs call. Making 10 million events takes some minutes and 8 GB of disk; `--events`
makes fewer.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import asyncpg  # type: ignore[import-untyped]

from media.event_ids import DAY_US, dated_id
from models.database import close_database, migrate_database, open_database
from models.event_days import make_event_days
from resolvers import cursors
from resolvers.access import Scope
from resolvers.context import Context
from resolvers.events import EventFilter, EventOrder, event, events
from tests.servers import Postgres, run_sql
from tests.world import context, make_world

GOAL = 1.5
YOUNG_EVENTS, GROWN_DAYS, CAMERAS = 10_000, 60, 50
TURNS, LEFT_OUT = 400, 12
"""In each turn one installation is asked, then the other: both under the same load."""
PAGE = 50


@dataclass(frozen=True, slots=True)
class Site:
    """An installation: event `n` of 1…`count` has the log's numbers 2n-1 and 2n."""

    name: str
    url: str
    count: int
    first_day: int
    days: int

    @property
    def step_us(self) -> int:
        """From one event to the next."""
        return self.days * DAY_US // self.count

    def at_us(self, number: int) -> int:
        return self.first_day * DAY_US + (number - 1) * self.step_us


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each answer."""

    all: list[float]

    def share(self, part: float) -> float:
        return sorted(self.all)[int(len(self.all) * part)]


Question = Callable[[Context, Site, Random], Awaitable[int]]
"""Returns how many events came."""


async def latest(ctx: Context, site: Site, chance: Random) -> int:
    return len((await events(ctx, first=PAGE)).events)


def _deep(site: Site, chance: Random) -> str:
    """A place anywhere in the list."""
    number = chance.randrange(PAGE * 2, site.count - PAGE * 2)
    return cursors.encode(cursors.EVENTS, "default", site.at_us(number), "evt-")


async def page_back(ctx: Context, site: Site, chance: Random) -> int:
    return len((await events(ctx, first=PAGE, after=_deep(site, chance))).events)


async def page_forward(ctx: Context, site: Site, chance: Random) -> int:
    after = _deep(site, chance)
    found = await events(ctx, order=EventOrder.OLDEST_FIRST, first=PAGE, after=after)
    return len(found.events)


async def by_camera(ctx: Context, site: Site, chance: Random) -> int:
    wanted = EventFilter(camera_ids=[f"cam-{chance.randrange(CAMERAS):04d}"])
    return len((await events(ctx, wanted, first=PAGE)).events)


async def by_type(ctx: Context, site: Site, chance: Random) -> int:
    return len((await events(ctx, EventFilter(types=["face"]), first=PAGE)).events)


async def by_interval(ctx: Context, site: Site, chance: Random) -> int:
    since = site.at_us(chance.randrange(1, site.count - 200))
    wanted = EventFilter(since_us=since, until_us=since + 200 * site.step_us)
    return len((await events(ctx, wanted, first=PAGE)).events)


async def by_all(ctx: Context, site: Site, chance: Random) -> int:
    """A camera's events of a type in an interval that has some ten of them."""
    some = CAMERAS * 3 * 10
    since = site.at_us(chance.randrange(1, site.count - some))
    wanted = EventFilter(
        camera_ids=[f"cam-{chance.randrange(CAMERAS):04d}"],
        types=["vehicle"],
        since_us=since,
        until_us=since + some * site.step_us,
    )
    return len((await events(ctx, wanted, first=PAGE)).events)


async def one(ctx: Context, site: Site, chance: Random) -> int:
    number = chance.randrange(1, site.count)
    return int((await event(ctx, _id(site, number))).began_seq == 2 * number - 1)


QUESTIONS: dict[str, Question] = {
    "latest 50": latest,
    "50 deep inside, back": page_back,
    "50 deep inside, forward": page_forward,
    "latest 50 of a camera": by_camera,
    "latest 50 of a type": by_type,
    "50 of an interval": by_interval,
    "camera, type and interval": by_all,
    "one by its id": one,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="of the grown installation")
    parser.add_argument("--ask", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        url, *numbers = arguments.ask
        asyncio.run(_answer(Site("", url, *map(int, numbers))))
    else:
        _compare(arguments.events)


def _compare(count: int) -> None:
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    print(f"machine: {os.cpu_count()} cores, {platform.platform()}, load {os.getloadavg()[0]:.1f}")
    print(f"commit: {commit or 'unknown'}")
    server = Postgres(shared_buffers="1GB")
    try:
        server.start()
        today = int(time.time()) // 86400
        young = Site("young", server.url("young"), YOUNG_EVENTS, today, 1)
        grown = Site("grown", server.url("grown"), count, today - GROWN_DAYS + 1, GROWN_DAYS)
        for site in (young, grown):
            asyncio.run(_make(server, site))
        with _asked(young) as ask_young, _asked(grown) as ask_grown:
            _report(ask_young, ask_grown)
    finally:
        server.remove()


Ask = Callable[[str], float]
"""Asks a question; milliseconds until it was answered."""


@contextmanager
def _asked(site: Site) -> Iterator[Ask]:
    """A process that asks the installation, its plans made."""
    numbers = [str(number) for number in (site.count, site.first_day, site.days)]
    command = [sys.executable, "-m", "tests.benchmarks.queries", "--ask", site.url, *numbers]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def ask(name: str) -> float:
            print(name, file=questions, flush=True)
            return float(answers.readline())

        yield ask
        questions.close()


async def _answer(site: Site) -> None:
    """Answers to the names of questions that come in."""
    chance = Random(1)
    with tempfile.TemporaryDirectory() as folder:
        await open_database(site.url)
        try:
            ctx = context(make_world(Path(folder)), "default", Scope.EVENTS_READ)
            for line in sys.stdin:
                print(await _timed(line.strip(), ctx, site, chance), flush=True)
        finally:
            await close_database()


async def _timed(name: str, ctx: Context, site: Site, chance: Random) -> float:
    began = time.perf_counter()
    if not await QUESTIONS[name](ctx, site, chance):
        raise AssertionError(f"{name}: no events")
    return (time.perf_counter() - began) * 1000


async def _make(server: Postgres, site: Site) -> None:
    """Its database, with its events made by the server itself."""
    began = time.monotonic()
    await run_sql(server.url("postgres"), f"CREATE DATABASE {site.name}")
    await migrate_database(site.url)
    connection = await asyncpg.connect(site.url, command_timeout=600)
    try:
        await connection.execute("SET maintenance_work_mem = '256MB'")
        await connection.execute(
            "INSERT INTO tenant (id, camera_limit, features, event_seq, event_floor, camera_seq, "
            f"created_us) VALUES ('default', 1000, '[]', {2 * site.count}, 0, 0, 0)"
        )
        for day in range(site.first_day, site.first_day + site.days):
            await connection.execute(_DAY.format(**_day(site, day)))
        await connection.execute("VACUUM ANALYZE event")
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await connection.close()
    await open_database(site.url)
    await make_event_days(int(time.time()) * 1_000_000)
    await close_database()
    took = time.monotonic() - began
    print(
        f"{site.name}: {site.count:,} events made in {took:.0f} s, {size / 1e9:.1f} GB", flush=True
    )


_DAY = """
CREATE TABLE {name} (LIKE event);
INSERT INTO {name} (
    tenant_id, id, seq, began_seq, last_change, camera_key, camera_slug, type, confidence,
    at_us, ended_us, position, track_id, boxes, snapshot, trace_id, model_version, written_us
)
SELECT 'default', '{prefix}' || lpad(to_hex(n), 16, '0'), 2 * n, 2 * n - 1, 'ended',
    md5((n % {cameras})::text)::uuid, 'cam-' || lpad((n % {cameras})::text, 4, '0'),
    CASE WHEN n % 20 = 0 THEN 'face' WHEN n % 3 = 0 THEN 'vehicle' ELSE 'person' END,
    0.5 + (n % 50) / 100.0, at_us, at_us + 4000000, n * 90000, n,
    '[{{"x":0.1,"y":0.2,"w":0.3,"h":0.4,"label":"person","score":0.87}}]',
    '2026-11-22/13/snap-' || n || '.jpg', gen_random_uuid(), 'yolox-nano@2021-08-19', at_us
FROM (
    SELECT n, {first_us} + (n - 1) * {step_us} AS at_us
    FROM generate_series({first}::bigint, {last}::bigint) n
) made;
ALTER TABLE event ATTACH PARTITION {name} FOR VALUES FROM ({from_us}) TO ({to_us});
"""
"""Indexes are made when the day is full: a quarter of the time."""


def _day(site: Site, day: int) -> dict[str, str | int]:
    from_us, to_us = day * DAY_US, (day + 1) * DAY_US
    first_us = site.first_day * DAY_US
    return {
        "name": time.strftime("event_%Y%m%d", time.gmtime(day * 86400)),
        "prefix": dated_id("evt-", from_us),
        "cameras": CAMERAS,
        "first_us": first_us,
        "step_us": site.step_us,
        "first": -(-(from_us - first_us) // site.step_us) + 1,
        "last": min(-(-(to_us - first_us) // site.step_us), site.count),
        "from_us": from_us,
        "to_us": to_us,
    }


def _id(site: Site, number: int) -> str:
    return dated_id(f"evt-{number:016x}", site.at_us(number))


def _report(ask_young: Ask, ask_grown: Ask) -> None:
    columns = f"{'young p50':>10}{'p95':>7}{'grown p50':>11}{'p95':>7}{'ratio p50':>11}{'p95':>7}"
    print(f"{'milliseconds':28}{columns}")
    worst = 0.0
    for name in QUESTIONS:
        asked = [(ask_young(name), ask_grown(name)) for _ in range(LEFT_OUT + TURNS)]
        few, many = (Times(list(each)) for each in zip(*asked[LEFT_OUT:], strict=True))
        ratios = [many.share(part) / few.share(part) for part in (0.5, 0.95)]
        worst = max(worst, *ratios)
        print(
            f"{name:28}{few.share(0.5):10.2f}{few.share(0.95):7.2f}"
            f"{many.share(0.5):11.2f}{many.share(0.95):7.2f}{ratios[0]:11.2f}{ratios[1]:7.2f}",
            flush=True,
        )
    print(f"worst ratio {worst:.2f}, goal at most {GOAL}: {'met' if worst <= GOAL else 'NOT MET'}")


if __name__ == "__main__":
    main()
