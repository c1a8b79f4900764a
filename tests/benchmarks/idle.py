"""Memory of subscribers that wait: what a process takes for each socket on which nothing happens.

`python -m tests.benchmarks.idle [sockets]` runs `vms api` on PostgreSQL, and a bare ASGI app on the
same server as the yardstick, and opens so many sockets to each: GraphQL subscriptions and /v2
sockets, every client with a token of its own. It prints what one socket added to the process's
resident memory; sockets of a first crowd, which is gone by then, have made its arenas.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import jwt
import uvloop

from resolvers.context import World
from resolvers.watch import place_now
from tests.benchmarks.crowd import Client, Door, dismiss, join
from tests.benchmarks.fanout import graphql, rest
from tests.benchmarks.lists import free_port, process
from tests.benchmarks.resume import memory_mib
from tests.servers import Postgres
from tests.world import EVERY_SCOPE, SECRET, add_camera, context, found, open_world, token

BAR_KB = 60.0
WARMING = 100
SETTLE_SECONDS = 3.0

DoorOf = Callable[[int], Door]
"""The door for the client of a number."""


def own_token(number: int) -> str:
    claims = {
        "tenant_id": "default",
        "scope": EVERY_SCOPE,
        "sub": f"person-{number}",
        "exp": int(time.time()) + 86_400,
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def with_own_token(door: Door, number: int) -> Door:
    """The same door, where client `number` says who it is."""
    path = door.path.replace(token(), own_token(number))
    says = list(door.says)
    if says:
        says[0] = {"type": "connection_init", "payload": {"token": own_token(number)}}
    return replace(door, path=path, says=says)


async def crowd(door_of: DoorOf, count: int) -> list[Client]:
    def on_text(_: Client, text: bytes) -> None:
        assert text.startswith(b'{"type":"connection_ack"'), text

    return [await join(door_of(number), on_text) for number in range(count)]


async def bytes_each(door_of: DoorOf, pid: int, count: int) -> float:
    await dismiss(await crowd(door_of, WARMING))
    await asyncio.sleep(SETTLE_SECONDS)
    before = memory_mib(pid, "VmRSS")
    clients = await crowd(door_of, count)
    await asyncio.sleep(SETTLE_SECONDS)
    after = memory_mib(pid, "VmRSS")
    assert not any(each.closed.done() for each in clients)
    await dismiss(clients)
    return (after - before) * 1024 * 1024 / count


async def measure(world: World, folder: Path, url: str, count: int) -> None:
    """Each kind in a process of its own: what another has left behind would be taken again."""
    settings = {
        "VMS_DATABASE_URL": url,
        "VMS_DATA_DIR": str(folder),
        "VMS_JWT_SECRET": SECRET,
        "VMS_LOG_LEVEL": "WARNING",
    }
    place = await place_now(context(world))
    for name, kind in {"GraphQL": graphql, "/v2": rest}.items():
        port = free_port()
        with process(["app.cli", "api"], port, {**settings, "VMS_PORT": str(port)}) as pid:
            door = kind(port, place)
            each = await bytes_each(partial(with_own_token, door), pid, count)
        print(f"{name:8} {each / 1000:5.1f} kB each of {count}  (bar {BAR_KB:g})", flush=True)
    port = free_port()
    with process(["tests.benchmarks.fanout", "yardstick", str(port)], port, {}) as pid:
        each = await bytes_each(lambda _: Door(port, "/"), pid, count)
    print(f"{'bare':8} {each / 1000:5.1f} kB")


async def run(url: str, folder: Path, count: int) -> None:
    await found(url)
    async with open_world(url, folder) as world:
        await add_camera(world)
        await measure(world, folder, url, count)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    server = Postgres()
    try:
        server.start()
        with tempfile.TemporaryDirectory(prefix="vms-idle-") as folder:
            uvloop.run(run(server.url("postgres"), Path(folder), count))
    finally:
        server.remove()


if __name__ == "__main__":
    main()
