"""From the commit of an event to its subscribers: 1,000 of them, 5 events a second.

`python -m tests.benchmarks.delivery [subscribers [seconds]]` runs `vms api` on PostgreSQL and
Valkey. The clients are in this process and so is the writer, which notes the time of each commit:
what is measured ends when a client has the whole frame. It does so for GraphQL and for /v2, and
prints what half, 99 and all of a hundred deliveries took, and how busy the server was.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

from app.bus_redis import RedisBus
from models.camera import Camera
from resolvers.context import World
from resolvers.watch import place_now
from tests.benchmarks.crowd import Client, Door, dismiss, gather, until
from tests.benchmarks.fanout import AT, cpu_seconds, graphql, rest
from tests.benchmarks.lists import free_port, process
from tests.servers import Postgres, Valkey
from tests.world import SECRET, add_camera, add_events, beginning, context, found, open_world

EVENTS_A_SECOND = 5
BAR_MS = 50.0
PATIENCE_SECONDS = 30.0


class NotedBus(RedisBus):
    """Notes when it is rung, which is right after each commit."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.rung_at: list[float] = []

    async def ring(self, topic: str) -> None:
        if topic.startswith("events:"):
            self.rung_at.append(time.perf_counter())
        await super().ring(topic)


class Crowd:
    """Notes how long after its commit each client was given each event."""

    def __init__(self, committed_at: list[float]) -> None:
        self._committed_at = committed_at
        self.took: list[float] = []

    def on_text(self, client: Client, text: bytes) -> None:
        if text.startswith(b'{"type":"connection_ack"'):
            return
        assert b"evt-" in text, text
        self.took.append(time.perf_counter() - self._committed_at[client.count])
        client.count += 1


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs: a world whose bus is rung by each commit, and `vms api`."""

    world: World
    bus: NotedBus
    camera: Camera
    port: int
    pid: int
    subscribers: int
    seconds: int

    async def measure(self, name: str, door: Callable[[int, str], Door]) -> None:
        crowd = Crowd(self.bus.rung_at)
        at = door(self.port, await place_now(context(self.world)))
        clients = await gather(at, crowd.on_text, self.subscribers)
        try:
            await asyncio.sleep(2.0)  # subscriptions begin and join
            self.bus.rung_at.clear()
            cpu = cpu_seconds(self.pid)
            await self._write()
            wanted = self.subscribers * self.seconds * EVENTS_A_SECOND
            await until(lambda: len(crowd.took) == wanted, PATIENCE_SECONDS)
            share = (cpu_seconds(self.pid) - cpu) / self.seconds
        finally:
            await dismiss(clients)
        took = sorted(crowd.took)
        half, most = took[len(took) // 2], took[len(took) * 99 // 100]
        print(
            f"{name:8} {len(took)} deliveries: p50 {half * 1000:.1f} ms, p99 {most * 1000:.1f} ms "
            f"(bar {BAR_MS:.0f}), last {took[-1] * 1000:.1f} ms; "
            f"the server took {share * 100:.0f} % of a core",
            flush=True,
        )

    async def _write(self) -> None:
        began = time.perf_counter()
        for n in range(self.seconds * EVENTS_A_SECOND):
            await asyncio.sleep(max(0.0, began + n / EVENTS_A_SECOND - time.perf_counter()))
            await add_events(self.world, self.camera, [beginning(self.camera.key, AT + n)])


async def run(database_url: str, redis_url: str, folder: Path) -> None:
    await found(database_url)
    port = free_port()
    settings = {
        "VMS_DATABASE_URL": database_url,
        "VMS_REDIS_URL": redis_url,
        "VMS_DATA_DIR": str(folder),
        "VMS_PORT": str(port),
        "VMS_JWT_SECRET": SECRET,
        "VMS_LOG_LEVEL": "WARNING",
    }
    given = [int(each) for each in sys.argv[1:3]]
    subscribers, seconds = [*given, *(1_000, 10)[len(given) :]]
    bus = NotedBus(redis_url)
    try:
        with process(["app.cli", "api"], port, settings) as pid:
            async with open_world(database_url, folder) as opened:
                world = replace(opened, bus=bus)
                camera = await add_camera(world)
                bench = Bench(world, bus, camera, port, pid, subscribers, seconds)
                await bench.measure("GraphQL", graphql)
                await bench.measure("/v2", rest)
    finally:
        await bus.close()


def main() -> None:
    postgres, valkey = Postgres(), Valkey()
    try:
        postgres.start()
        valkey.start()
        with tempfile.TemporaryDirectory(prefix="vms-delivery-") as folder:
            uvloop.run(run(postgres.url("postgres"), valkey.url, Path(folder)))
    finally:
        valkey.remove()
        postgres.remove()


if __name__ == "__main__":
    main()
