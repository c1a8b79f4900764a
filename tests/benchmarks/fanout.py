"""Deliveries a second to 1,000 sockets of one process, against a bare broadcast of the same bytes.

`python -m tests.benchmarks.fanout [sockets]` runs `vms api` on PostgreSQL, and the yardstick: an
ASGI app on the same server with the same options that sends given texts to all its sockets in a
loop. The clients are in this process. Each in turn gives the same events to everybody, a few
rounds; it prints deliveries a second, and the ratio to the yardstick of the same round, then the
median of these. The ratio by CPU is what is left of it when other programs do not disturb, and that
of the best rounds what the machine does at its fastest.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import uvloop
from starlette.types import Receive, Scope, Send

from app.serving import serving
from models.camera import Camera
from resolvers.context import World
from resolvers.watch import place_now
from tests.benchmarks.crowd import Client, Door, dismiss, gather, until
from tests.benchmarks.lists import free_port, process
from tests.servers import Postgres
from tests.world import SECRET, add_camera, add_events, beginning, context, found, open_world, token

ROUNDS = 7
EVENTS = 100
PATIENCE_SECONDS = 60.0
AT = 1_780_000_000_000_000

QUERY = """subscription ($after: Cursor) { events(after: $after) {
  ... on EventChange { cursor kind event {
    id cameraId type confidence ts boxes { x y w h label score } traceId modelVersion } }
  ... on EventGap { cursor reason } } }"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a crowd was given: by the second, with how much CPU each, and as every client has it."""

    rate: float
    cpu_us: float
    texts: list[bytes]


class Broadcast:
    """The yardstick: WebSockets that are sent the texts of every POST, in a plain loop."""

    def __init__(self) -> None:
        self._sends: list[Send] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._post(receive, send)
            return
        await send({"type": "websocket.accept"})
        self._sends.append(send)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self._sends.remove(send)

    async def _post(self, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        for text in json.loads(body):
            for each in self._sends:
                await each({"type": "websocket.send", "text": text})
            await asyncio.sleep(0)


async def run_yardstick(port: int) -> None:
    async with serving(Broadcast(), "127.0.0.1", port):
        await asyncio.Event().wait()


class Crowd:
    """Clients at one door of a process that all must be told the same."""

    def __init__(self, count: int, pid: int) -> None:
        self._count, self._pid = count, pid
        self._began = self._heard = 0.0
        self._deliveries = 0
        self._texts: list[bytes] = []
        self._clients: list[Client] = []

    def _on_text(self, client: Client, text: bytes) -> None:
        if text.startswith(b'{"type":"connection_ack"'):
            return
        assert not text.startswith((b'{"id":"1","type":"error"', b'{"type":"close')), text
        if client is self._clients[0]:
            self._texts.append(text)
        if not self._deliveries:
            self._began = time.perf_counter()
        self._deliveries += 1
        client.count += 1
        client.digest = zlib.crc32(text, client.digest)
        if self._deliveries == self._count * EVENTS:
            self._heard = time.perf_counter()

    async def listen(self, door: Door, make_happen: Callable[[], Awaitable[None]]) -> Heard:
        self._clients = await gather(door, self._on_text, self._count)
        try:
            await asyncio.sleep(1.5)  # subscriptions begin and join
            cpu = cpu_seconds(self._pid)
            await make_happen()
            await until(lambda: self._heard > 0, PATIENCE_SECONDS)
            cpu = cpu_seconds(self._pid) - cpu
            assert {each.count for each in self._clients} == {EVENTS}
            assert len({each.digest for each in self._clients}) == 1
        finally:
            await dismiss(self._clients)
        rate = self._deliveries / (self._heard - self._began)
        return Heard(rate, cpu / self._deliveries * 1e6, self._texts)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def write(world: World, camera: Camera, round_: str) -> None:
    events = [beginning(camera.key, AT + n, event_id=f"evt-{round_}-{n}") for n in range(EVENTS)]
    await add_events(world, camera, events)


def graphql(port: int, after: str) -> Door:
    subscribe = {"query": QUERY, "variables": {"after": after}}
    says = (
        {"type": "connection_init", "payload": {"token": token()}},
        {"type": "subscribe", "id": "1", "payload": subscribe},
    )
    return Door(port, "/graphql", "graphql-transport-ws", says)


def rest(port: int, after: str) -> Door:
    return Door(port, f"/v2/ws/events?token={token()}&after={after}")


@dataclass(frozen=True, slots=True)
class Process:
    port: int
    pid: int


async def measure(world: World, camera: Camera, api: Process, bare: Process, count: int) -> None:
    bars = {"GraphQL": (graphql, 0.70), "/v2": (rest, 0.80)}
    ratios: dict[str, list[float]] = {name: [] for name in bars}
    costs: dict[str, list[float]] = {name: [] for name in bars}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in bars}
    for round_ in range(ROUNDS):
        for name, (door, _) in bars.items():
            written = partial(write, world, camera, f"{round_}{name[0]}")
            at = door(api.port, await place_now(context(world)))
            ours = await Crowd(count, api.pid).listen(at, written)
            same = partial(post, bare.port, ours.texts)
            theirs = await Crowd(count, bare.pid).listen(Door(bare.port, "/"), same)
            assert theirs.texts == ours.texts
            ratios[name].append(ours.rate / theirs.rate)
            costs[name].append(theirs.cpu_us / ours.cpu_us)
            rates[name].append((ours.rate, theirs.rate))
            print(
                f"{name:8} {ours.rate:6.0f} deliveries/s, {ours.cpu_us:3.0f} us of CPU each; "
                f"broadcast {theirs.rate:6.0f}, {theirs.cpu_us:3.0f} us; "
                f"{len(ours.texts[0])} bytes: {ratios[name][-1]:.2f} x",
                flush=True,
            )
    for name, (_, bar) in bars.items():
        rate, cost = statistics.median(ratios[name]), statistics.median(costs[name])
        ours, theirs = (max(each) for each in zip(*rates[name], strict=True))
        print(
            f"{name:8} {rate:.2f} x  (bar {bar:.2f}); by CPU {cost:.2f} x; "
            f"best of each {ours / theirs:.2f} x"
        )


async def post(port: int, texts: Sequence[bytes]) -> None:
    body = json.dumps([text.decode() for text in texts]).encode()
    request = Request(f"http://127.0.0.1:{port}/", body, method="POST")
    await asyncio.to_thread(lambda: urlopen(request).close())


async def run(url: str, folder: Path, count: int) -> None:
    await found(url)
    api, bare = free_port(), free_port()
    settings = {
        "VMS_DATABASE_URL": url,
        "VMS_DATA_DIR": str(folder),
        "VMS_PORT": str(api),
        "VMS_JWT_SECRET": SECRET,
        "VMS_LOG_LEVEL": "WARNING",
    }
    with (
        process(["app.cli", "api"], api, settings) as ours,
        process(["tests.benchmarks.fanout", "yardstick", str(bare)], bare, {}) as theirs,
    ):
        async with open_world(url, folder) as world:
            camera = await add_camera(world)
            await measure(world, camera, Process(api, ours), Process(bare, theirs), count)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    server = Postgres()
    try:
        server.start()
        with tempfile.TemporaryDirectory(prefix="vms-fanout-") as folder:
            uvloop.run(run(server.url("postgres"), Path(folder), count))
    finally:
        server.remove()


if __name__ == "__main__":
    if sys.argv[1:2] == ["yardstick"]:
        uvloop.run(run_yardstick(int(sys.argv[2])))
    else:
        main()
