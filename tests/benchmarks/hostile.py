"""CPU of hostile requests: each shape of `tests.hostile`, never seen before, over 100 cameras.

`python -m tests.benchmarks.hostile` prints the ten worst of them. The process has its database,
SQLite, inside; the least of three tries counts, as others may use the machine.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message

from models.tenant import TenantTable
from resolvers.context import World
from schema import documents
from tests.hostile import Hostile, every_shape
from tests.schema.service import service
from tests.world import add_camera, add_events, beginning, found, open_world, token

BAR_MS = 50.0
CAMERAS, EVENTS, TRIES, SHOWN = 100, 6, 3, 10
HOUR_US = 3_600_000_000


async def fill(world: World) -> None:
    await TenantTable.filter(id="default").update(camera_limit=CAMERAS)
    before_us = world.clock.now_us() - HOUR_US
    for n in range(CAMERAS):
        camera = await add_camera(world, f"cam-{n:02}")
        times = (before_us - 1_000_000 * (m * CAMERAS + n) for m in range(EVENTS))
        await add_events(world, camera, [beginning(camera.key, at, position=9_000) for at in times])


async def cpu_ms(app: ASGIApp, asked: Hostile, bearer: str) -> float:
    """Of one request, whose client is gone as soon as it has sent it."""
    head = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET" if asked.body is None else "POST",
        "path": "/graphql",
        "query_string": urlencode(asked.parameters).encode(),
        "headers": [
            *((name.encode(), value.encode()) for name, value in head.items()),
            (b"accept", b"application/json, text/event-stream"),
        ],
    }
    coming = iter([{"type": "http.request", "body": asked.body or b""}])

    async def receive() -> Message:
        for each in coming:
            return each
        await asyncio.sleep(0.2)  # time for a subscription to begin
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None: ...

    documents._cached.cache_clear()
    before = time.process_time()
    await app(scope, receive, send)
    return (time.process_time() - before) * 1000


async def measure(folder: Path) -> list[tuple[float, str]]:
    url, bearer = f"sqlite://{folder}/vms.db", token()
    await found(url)
    async with open_world(url, folder) as world:
        await fill(world)
        app = service(world)
        took = []
        for name, make in every_shape().items():
            asked = make()
            took.append((min([await cpu_ms(app, asked, bearer) for _ in range(TRIES)]), name))
        return sorted(took, reverse=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="vms-hostile-") as folder:
        took = asyncio.run(measure(Path(folder)))
    for ms, name in took[:SHOWN]:
        print(f"{name:45} {ms:6.1f} ms of CPU")
    print(f"worst of {len(took)} shapes {took[0][0]:6.1f} ms  (bar {BAR_MS:.0f})")


if __name__ == "__main__":
    main()
