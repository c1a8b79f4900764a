"""Lists of 100 cameras by GraphQL and /v2, against the same rows by asyncpg, orjson and no more.

`python -m tests.benchmarks.lists [seconds]` runs `vms api` and the yardstick, a bare Starlette
route, on one PostgreSQL; each is asked in turn for so long, by the same client, on the same
connections. It prints requests a second, and the ratio to the yardstick of the same round.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import orjson
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.settings import Settings
from app.world import build_world
from models.database import close_database, migrate_database, open_database
from resolvers import cameras, tenants
from resolvers.access import Scope
from resolvers.camera_input import CameraDraft
from tests.benchmarks.load import Call, requests_per_second
from tests.servers import Postgres
from tests.world import SECRET, context, token

CAMERAS = 100
ROUNDS = 3
FIELDS = "id name features fps enabled record status statusReason createdAt updatedAt"
COLUMNS = (
    "slug, name, features, fps, enabled, record, status, status_reason, created_us, updated_us"
)
NODES = f"{{ cameras(first: 100) {{ nodes {{ {FIELDS} }} }} }}"
PAGE = "pageInfo { endCursor hasNextPage }"
EDGES = f"{{ cameras(first: 100) {{ edges {{ cursor node {{ {FIELDS} }} }} {PAGE} }} }}"


def yardstick(database_url: str) -> Starlette:
    """The rows as they come from the driver, as JSON."""

    @asynccontextmanager
    async def lifespan(app: Starlette):  # type: ignore[no-untyped-def]
        app.state.pool = await asyncpg.create_pool(database_url, min_size=4, max_size=10)
        yield
        await app.state.pool.close()

    async def rows(request: Request) -> Response:
        found = await request.app.state.pool.fetch(
            f"SELECT {COLUMNS} FROM camera WHERE tenant_id = $1"
            " ORDER BY created_us, slug LIMIT 100",
            "acme",
        )
        body = orjson.dumps([dict(row) for row in found])
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/rows", rows)], lifespan=lifespan)


@dataclass(frozen=True, slots=True)
class Work:
    name: str
    call: Call
    bar: float


@contextmanager
def process(arguments: Sequence[str], port: int, settings: dict[str, str]) -> Iterator[int]:
    """The id of a Python process that listens on a port, ended with the context."""
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield child.pid
    finally:
        child.terminate()
        child.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def fill(database_url: str, folder: Path) -> None:
    """A tenant with cameras, written by the use case."""
    await migrate_database(database_url)
    await open_database(database_url)
    world = build_world(Settings(data_dir=folder, jwt_secret=SecretStr(SECRET)))
    try:
        platform = context(world, "", Scope.PLATFORM_ADMIN)
        plan = tenants.PlanChanges(camera_limit=CAMERAS, features=["person", "vehicle"])
        await tenants.tenant_create(platform, "acme", plan)
        for n in range(CAMERAS):
            draft = CameraDraft(
                id=f"cam-{n:03}",
                name=f"Gate {n}",
                rtsp_url=f"rtsp://user:secret@10.0.0.{n}/stream",
                features=["person", "vehicle"],
            )
            await cameras.camera_create(context(world, "acme"), draft)
    finally:
        await close_database()


def works(api: int, bare: int) -> list[Work]:
    head = {"authorization": f"Bearer {token('acme', 'cameras:read')}"}

    def asks(query: str) -> Call:
        return Call(api, "/graphql", json.dumps({"query": query}).encode(), head)

    return [
        Work("asyncpg + orjson", Call(bare, "/rows"), 1.0),
        Work("GraphQL nodes", asks(NODES), 0.60),
        Work("GraphQL edges", asks(EDGES), 0.50),
        Work("/v2 cameras", Call(api, "/v2/api/cameras", None, head), 0.75),
    ]


async def measure(found: list[Work], seconds: float) -> None:
    rounds: list[list[float]] = []
    for _ in range(ROUNDS):
        rates = []
        for work in found:
            rate, body = await requests_per_second(work.call, seconds)
            assert b"cam-099" in body, body[:300]
            rates.append(rate)
        rounds.append(rates)
    for n, work in enumerate(found):
        rate = statistics.median(each[n] for each in rounds)
        ratio = statistics.median(each[n] / each[0] for each in rounds)
        print(f"{work.name:18} {rate:8.0f} requests/s  {ratio:5.2f} x  (bar {work.bar:.2f})")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    server = Postgres()
    try:
        server.start()
        with tempfile.TemporaryDirectory(prefix="vms-lists-") as folder:
            url = server.url("postgres")
            asyncio.run(fill(url, Path(folder)))
            run(url, folder, seconds)
    finally:
        server.remove()


def run(url: str, folder: str, seconds: float) -> None:
    api, bare = free_port(), free_port()
    settings = {
        "VMS_DATABASE_URL": url,
        "VMS_DATA_DIR": folder,
        "VMS_PORT": str(api),
        "VMS_JWT_SECRET": SECRET,
        "VMS_LOG_LEVEL": "WARNING",
    }
    with (
        process(["app.cli", "api"], api, settings),
        process(["tests.benchmarks.lists", "yardstick", str(bare), url], bare, {}),
    ):
        asyncio.run(measure(works(api, bare), seconds))


if __name__ == "__main__":
    if sys.argv[1:2] == ["yardstick"]:
        uvicorn.run(yardstick(sys.argv[3]), port=int(sys.argv[2]), log_level="error")
    else:
        main()
