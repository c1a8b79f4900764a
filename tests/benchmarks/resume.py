"""10,000 subscribers resume within a log of a million events, while more are written.

`python -m tests.benchmarks.resume [subscribers [events]]` runs `vms api` on PostgreSQL. The
clients are in this process, half over GraphQL and half over /v2. Of each half some were away for
long: their cursors lie anywhere in the log, and they leave when they have read on for 100 events.
The others were away for a moment: they catch up with the end of the log and are told of what is
written meanwhile. Every client must be told each number behind its cursor once, in order. It prints
how long that took, and the server's memory.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from media.clock import SystemClock
from models.camera import Camera
from models.event_days import make_event_days
from resolvers import cursors
from resolvers.context import World
from tests.benchmarks.crowd import Client, dismiss, join, until
from tests.benchmarks.fanout import cpu_seconds, graphql, rest
from tests.benchmarks.lists import free_port, process
from tests.servers import Postgres, run_sql
from tests.world import SECRET, add_camera, add_events, beginning, found, open_world

DAYS = 30
LONG_AWAY_EVENTS = 100
MOMENT_EVENTS = 200
CHUNK = 100_000
WRITTEN = 50
JOINING_AT_ONCE = 200
PATIENCE_SECONDS = 400.0
_ID = b'"id":"evt-'

FILL = """
INSERT INTO event (id, tenant_id, seq, began_seq, last_change, camera_key, camera_slug, type,
    confidence, at_us, track_id, boxes, trace_id, model_version)
SELECT 'evt-' || lpad(n::text, 9, '0'), 'default', n, n, 'began', '{key}', '{slug}', 'person',
    0.87, {first_us} + n::bigint * {step_us}, n,
    '[{{"x":0.1,"y":0.2,"w":0.3,"h":0.6,"label":"person","score":0.87}}]',
    gen_random_uuid(), 'yolox-nano@2021-08-19'
FROM generate_series({first}, {last}) AS n;
"""


@dataclass(slots=True)
class Resuming:
    """One client's way: it was told of everything up to `seen`, and is done at `goal`."""

    seen: int
    goal: int
    is_long: bool
    done_at: float | None = None


class Crowd:
    """Checks that each client is told the next number, and no other."""

    def __init__(self) -> None:
        self.ways: dict[Client, Resuming] = {}
        self.told = 0

    async def resume(self, port: int, way: Resuming, *, over_graphql: bool) -> Client:
        door = (graphql if over_graphql else rest)(port, cursors.encode_log("default", way.seen))

        def on_text(client: Client, text: bytes) -> None:
            if not text.startswith(b'{"type":"connection_ack"'):
                self._tell(client, way, text)

        client = await join(door, on_text)
        self.ways[client] = way
        return client

    def _tell(self, client: Client, way: Resuming, text: bytes) -> None:
        if way.is_long and way.done_at is not None:
            return  # it is leaving
        at = text.find(_ID) + len(_ID)
        number = int(text[at : at + 9])
        assert number == way.seen + 1, (number, way)
        way.seen = number
        self.told += 1
        if number == way.goal:
            way.done_at = time.perf_counter()
            if way.is_long:
                client.transport.abort()


async def fill(url: str, camera: Camera, events: int) -> None:
    now_us = SystemClock().now_us()
    step_us = DAYS * 86_400_000_000 // events
    values = {"key": camera.key, "slug": camera.slug, "step_us": step_us}
    for first in range(1, events + 1, CHUNK):
        last = min(first + CHUNK - 1, events)
        span = {"first": first, "last": last, "first_us": now_us - events * step_us}
        await run_sql(url, FILL.format(**span, **values))
    await make_event_days(now_us)
    await run_sql(
        url, f"UPDATE tenant SET event_seq = {events} WHERE id = 'default'; ANALYZE event"
    )


def ways(subscribers: int, events: int) -> list[Resuming]:
    chance = random.Random(7)
    found = []
    for n in range(subscribers):
        if n // 2 % 2:
            seen = chance.randrange(events - LONG_AWAY_EVENTS)
            found.append(Resuming(seen, seen + LONG_AWAY_EVENTS, is_long=True))
        else:
            seen = events - chance.randrange(MOMENT_EVENTS)
            found.append(Resuming(seen, events + WRITTEN, is_long=False))
    return found


async def resume_all(world: World, camera: Camera, port: int, wanted: list[Resuming]) -> Crowd:
    crowd, some = Crowd(), asyncio.Semaphore(JOINING_AT_ONCE)

    async def one(n: int, way: Resuming) -> Client:
        async with some:
            return await crowd.resume(port, way, over_graphql=n % 2 == 0)

    async def write(first: int) -> None:
        for n in range(first, first + WRITTEN):
            now_us = world.clock.now_us()
            event = beginning(camera.key, now_us, event_id=f"evt-{n:09}")
            await add_events(world, camera, [event])
            await asyncio.sleep(0.2)

    writing = asyncio.create_task(write(max(way.goal for way in wanted) - WRITTEN + 1))
    clients = await asyncio.gather(*(one(n, way) for n, way in enumerate(wanted)))
    try:
        await writing
        await until(lambda: all(way.done_at for way in wanted), PATIENCE_SECONDS)
    finally:
        await dismiss(clients)
    return crowd


def memory_mib(pid: int, line: str) -> float:
    """`VmRSS` is what a process has now, `VmHWM` the most that it had."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition(f"{line}:")[2].split()[0]) / 1024


async def run(url: str, folder: Path, subscribers: int, events: int) -> None:
    await found(url)
    port = free_port()
    settings = {
        "VMS_DATABASE_URL": url,
        "VMS_DATA_DIR": str(folder),
        "VMS_PORT": str(port),
        "VMS_JWT_SECRET": SECRET,
        "VMS_LOG_LEVEL": "WARNING",
    }
    async with open_world(url, folder) as world:
        camera = await add_camera(world)
        await fill(url, camera, events)
        with process(["app.cli", "api"], port, settings) as pid:
            wanted = ways(subscribers, events)
            idle, cpu, began = memory_mib(pid, "VmRSS"), cpu_seconds(pid), time.perf_counter()
            crowd = await resume_all(world, camera, port, wanted)
            took = max(way.done_at or 0 for way in wanted) - began
            print(
                f"{subscribers} resumed within {events} events: all complete, 0 lost, 0 repeated "
                f"in {took:.1f} s ({crowd.told} deliveries, {cpu_seconds(pid) - cpu:.1f} s of "
                f"CPU); memory {idle:.0f} MiB before, {memory_mib(pid, 'VmHWM'):.0f} at most"
            )


def main() -> None:
    given = [int(each) for each in sys.argv[1:3]]
    subscribers, events = [*given, *(10_000, 1_000_000)[len(given) :]]
    server = Postgres()
    try:
        server.start()
        with tempfile.TemporaryDirectory(prefix="vms-resume-") as folder:
            uvloop.run(run(server.url("postgres"), Path(folder), subscribers, events))
    finally:
        server.remove()


if __name__ == "__main__":
    main()
