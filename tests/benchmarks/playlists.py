"""Time to a playlist with a million segments of one camera, and with one hour of it alone.

`python -m tests.benchmarks.playlists [hours]` has 1,112 hours of 900 segments on disk and in the
tables of one installation, and a single hour in those of another; the tables of the first also
have the hours of 200 other cameras. Two `vms api` processes on one PostgreSQL are asked over /v2 in
turns, on one connection each. Goal: any hour's playlist within 20 ms, 19 times of 20.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import asyncpg  # type: ignore[import-untyped]

from media.clock import SystemClock
from media.store import CameraFolder, Hour
from tests.benchmarks.archive import HOUR_US, SEGMENTS_AN_HOUR, lay_hour, segments_of
from tests.benchmarks.fanout import cpu_seconds
from tests.benchmarks.lists import free_port, process
from tests.benchmarks.queries import Times
from tests.footage import summarise
from tests.servers import Postgres, run_sql
from tests.world import SECRET, add_camera, found, open_world, token

HOURS = 1112
OTHERS = 200
RANDOM_HOURS, TURNS, RANGES = 50, 6, 20
GOAL_MS = 20.0
HEAD = {"authorization": f"Bearer {token()}"}

LATER_HOURS = f"""
INSERT INTO recording_hour (id, tenant_id, camera_key, store_id, date, hour,
    start_us, end_us, duration_us, size_bytes, segments)
SELECT gen_random_uuid(), tenant_id, camera_key, store_id,
    to_char(moment, 'YYYY-MM-DD'), to_char(moment, 'HH24'),
    start_us + later_us, end_us + later_us, duration_us, size_bytes, segments
FROM recording_hour, generate_series(1, {{hours}} - 1) AS n,
    LATERAL (SELECT n::bigint * {HOUR_US} AS later_us) AS a,
    LATERAL (SELECT to_timestamp((start_us + later_us) / 1000000) AT TIME ZONE 'UTC' AS moment) AS b
"""
OTHERS_HOURS = f"""
INSERT INTO recording_hour (id, tenant_id, camera_key, store_id, date, hour,
    start_us, end_us, duration_us, size_bytes, segments)
SELECT gen_random_uuid(), tenant_id, md5(n::text)::uuid, store_id, date, hour,
    start_us, end_us, duration_us, size_bytes, segments
FROM recording_hour, generate_series(1, {OTHERS}) AS n
"""


@dataclass(frozen=True, slots=True)
class Site:
    """An installation whose camera has footage of so many hours, the first from `first_us`."""

    name: str
    url: str
    folder: Path
    first_us: int
    hours: int

    def hour(self, number: int) -> Hour:
        moment = time.gmtime((self.first_us + number * HOUR_US) // 1_000_000)
        return Hour(time.strftime("%Y-%m-%d", moment), time.strftime("%H", moment))


@dataclass(slots=True)
class Answer:
    ms: float
    status: int
    tag: str
    body: bytes


class Client:
    """One kept connection to an API process."""

    def __init__(self, port: int, pid: int) -> None:
        self.pid, self.asked = pid, 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str, tag: str | None = None) -> Answer:
        return self._ask("GET", path, HEAD if tag is None else {**HEAD, "if-none-match": tag})

    def graphql(self, query: str) -> bytes:
        content = {"content-type": "application/json"}
        return self._ask("POST", "/graphql", HEAD | content, json.dumps({"query": query})).body

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> Answer:
        self.asked += 1
        began = time.perf_counter()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        ms = (time.perf_counter() - began) * 1000
        assert response.status in (200, 304), content[:300]
        return Answer(ms, response.status, response.headers.get("etag", ""), content)


@dataclass(slots=True)
class Taken:
    """Milliseconds by what was asked for."""

    cold: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)
    same: list[float] = field(default_factory=list)


async def make(site: Site, filled: range) -> None:
    """Its database and its folder; hours in `filled` have pictures.

    The first hour is told as a worker tells it, the rows of the others are like its own.
    """
    began = time.monotonic()
    await found(site.url)
    async with open_world(site.url, site.folder) as world:
        camera = await add_camera(world, "cam-a")
        place = CameraFolder(camera.tenant_id, camera.folder)
        for number in range(site.hours):
            made = segments_of(number, site.first_us)
            lay_hour(world.store, place, made, filled=number in filled)
            if number == 0:
                await summarise(world, camera, made)
    if site.hours > 1:
        connection = await asyncpg.connect(site.url, command_timeout=600)
        for statement in (LATER_HOURS, OTHERS_HOURS, "VACUUM ANALYZE"):
            await connection.execute(statement.format(hours=site.hours))
        await connection.close()
    took, count = time.monotonic() - began, site.hours * SEGMENTS_AN_HOUR
    print(f"{site.name}: {count:,} segments laid down in {took:.0f} s", flush=True)


@contextmanager
def served(site: Site) -> Iterator[Client]:
    """A new API process."""
    port = free_port()
    settings = {
        "VMS_DATABASE_URL": site.url,
        "VMS_DATA_DIR": str(site.folder),
        "VMS_PORT": str(port),
        "VMS_JWT_SECRET": SECRET,
        "VMS_LOG_LEVEL": "WARNING",
    }
    with process(["app.cli", "api"], port, settings) as pid:
        yield Client(port, pid)


def ask_hour(client: Client, path: str, taken: Taken) -> None:
    """Whole, then as who has it already; a grant that is renewed in between is asked again."""
    answer = client.get(path)
    assert answer.body.count(b"#EXTINF") == SEGMENTS_AN_HOUR
    taken.full.append(answer.ms)
    for _ in range(2):
        again = client.get(path, answer.tag)
        if again.status == 304:
            taken.same.append(again.ms)
            return
        answer = again
    raise AssertionError("a playlist that does not change has no tag that stays")


def ask_hours(grown: tuple[Site, Client], alone: tuple[Site, Client]) -> None:
    """In turns: both under the same load."""
    site, client = grown
    numbers = [0, site.hours // 2, site.hours - 1]
    picked = Random(1).choices(range(1, site.hours - 1), k=RANDOM_HOURS)
    named = dict(zip(("first hour", "middle hour", "last hour"), numbers, strict=True))
    taken = {name: Taken() for name in (*named, "any of 50", "hour alone")}
    asked = [*named.items(), *(("any of 50", number) for number in picked)]
    own = f"/v2/hls/cam-a/{alone[0].hour(0)}/index.m3u8"
    spent, before = cpu_seconds(client.pid), client.asked
    for turn in range(TURNS):
        for name, number in asked:
            ask_hour(client, f"/v2/hls/cam-a/{site.hour(number)}/index.m3u8", taken[name])
            if turn == 0:
                taken[name].cold.append(taken[name].full.pop())
            ask_hour(alone[1], own, taken["hour alone"])
    print(f"{'':22}{'cold p50':>9}{'p95':>7}{'full p50':>10}{'p95':>7}{'304 p50':>9}{'p95':>7}")
    for name, each in taken.items():
        figures = [
            Times(some).share(part) if some else float("nan")
            for some in (each.cold, each.full, each.same)
            for part in (0.5, 0.95)
        ]
        print(f"{name:22}" + "{:9.1f}{:7.1f}{:10.1f}{:7.1f}{:9.1f}{:7.1f} ms".format(*figures))
    cpu_ms = 1000 * (cpu_seconds(client.pid) - spent) / (client.asked - before)
    print(f"any hour: {cpu_ms:.1f} ms of the API's CPU an answer, whole or 304")
    _judge(taken)


def _judge(taken: dict[str, Taken]) -> None:
    alone = Times(taken.pop("hour alone").full)
    every = Times([ms for each in taken.values() for ms in (*each.cold, *each.full)])
    ratio = every.share(0.5) / alone.share(0.5)
    p95 = every.share(0.95)
    print(f"any hour: p50 {every.share(0.5):.1f} ms, {ratio:.2f} x one hour alone")
    print(f"any hour: p95 {p95:.1f} ms (goal: at most {GOAL_MS:.0f}) {_verdict(p95 <= GOAL_MS)}")


def _verdict(holds: bool) -> str:
    return "holds" if holds else "MISSED"


def ask_others(site: Site, client: Client, filled: range) -> None:
    """Ranges anywhere, and key pictures where there are some."""
    chance = Random(2)
    for name, hours in (("range of 2 hours", 2), ("range of 24 hours", 24)):
        if hours > site.hours:
            continue
        numbers = [chance.randrange(site.hours - hours + 1) for _ in range(RANGES)]
        _told(name, [_range(site, client, number, hours) for number in numbers])
    for name, hours in (("key pictures, 1 hour", 1), ("key pictures, 2 hours", 2)):
        numbers = [chance.randrange(filled.start, filled.stop - hours + 1) for _ in range(RANGES)]
        _told(name, [_range(site, client, number, hours, pictures=True) for number in numbers])


def _range(
    site: Site, client: Client, number: int, hours: int, *, pictures: bool = False
) -> tuple[float, int]:
    """Milliseconds, and how many segments are listed."""
    begin, end = (site.first_us // 1_000_000 + n * 3600 for n in (number, number + hours))
    times = ", ".join(
        f'{name}: "{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))}"'
        for name, at in (("from", begin), ("to", end))
    )
    query = f'{{ camera(id: "cam-a") {{ playback({times}) {{ playlistUrl iFramesUrl }} }} }}'
    urls = json.loads(client.graphql(query))["data"]["camera"]["playback"]
    answer = client.get(urls["iFramesUrl" if pictures else "playlistUrl"])
    listed = answer.body.count(b"#EXTINF")
    assert listed >= hours * SEGMENTS_AN_HOUR, answer.body[:300]
    return answer.ms, listed


def _told(name: str, found: list[tuple[float, int]]) -> None:
    times, listed = Times([ms for ms, _ in found]), found[0][1]
    p50, p95 = times.share(0.5), times.share(0.95)
    each_us = p50 * 1000 / listed
    print(f"{name:22}{p50:9.1f}{p95:7.1f} ms  {listed:,} segments, {each_us:.0f} us each")


def compare(server: Postgres, folder: Path, hours: int) -> None:
    now_us = SystemClock().now_us()
    last_us = (now_us // HOUR_US - 1) * HOUR_US
    first_us = last_us - (hours - 1) * HOUR_US
    sites = []
    for name, begin_us, count in (("alone", last_us, 1), ("grown", first_us, hours)):
        asyncio.run(run_sql(server.url("postgres"), f"CREATE DATABASE {name}"))
        (folder / name).mkdir()
        sites.append(Site(name, server.url(name), folder / name, begin_us, count))
    alone, grown = sites
    filled = range(hours // 2, hours // 2 + min(4, hours - hours // 2))
    asyncio.run(make(alone, range(1)))
    asyncio.run(make(grown, filled))
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with served(alone) as one, served(grown) as many:
        for client in (one, many):
            client.graphql("{ cameras(first: 1) { nodes { id } } }")
        ask_hours((grown, many), (alone, one))
        ask_others(grown, many, filled)


def main() -> None:
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    server = Postgres(shared_buffers="256MB")
    try:
        server.start()
        with tempfile.TemporaryDirectory(prefix="vms-playlists-") as folder:
            compare(server, Path(folder), hours)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
