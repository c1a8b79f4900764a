"""What each client sees while PostgreSQL or Redis is away, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from app.api import ApiOptions, build_api
from app.bus_redis import RedisBus
from app.serving import serving
from app.writer import ChangeWriter
from media.bridge import Bridge
from media.types import EventChange, MediaChange
from models.camera import Camera
from models.event import EventTable
from models.tenant import last_number
from resolvers import events
from resolvers.context import World
from tests.schema.socket_client import opened
from tests.schema.test_subscriptions import EVENTS
from tests.servers import Postgres, Valkey
from tests.world import add_camera, add_events, beginning, context, open_world, token

AT = 1_780_000_000_000_000
Fault = Literal["stop", "kill", "freeze"]

CAMERA = {"name": "Lobby", "rtsp_url": "rtsp://10.9.8.7/x"}
ROUTES: dict[str, tuple[str, str, object]] = {
    "cameras": ("GET", "/v2/api/cameras", None),
    "create": ("POST", "/v2/api/cameras", CAMERA),
    "update": ("PATCH", "/v2/api/cameras/cam-front-01", {"name": "New"}),
    "delete": ("DELETE", "/v2/api/cameras/cam-front-01", None),
    "events": ("GET", "/v2/api/events?camera_id=cam-front-01&type=person", None),
    "timeline": ("GET", "/v2/api/playback/timeline?camera_id=cam-front-01&date=2026-05-29", None),
    "playback": ("GET", "/v2/api/playback/event/evt-1", None),
    "playlist": ("GET", "/v2/hls/cam-front-01/2026-05-29/12/index.m3u8", None),
}
OPERATIONS = {
    "query": "{ cameras(first: 5) { nodes { id } } }",
    "mutation": 'mutation { cameraUpdate(id: "cam-front-01", input: {name: "New"}) '
    "{ camera { id } userErrors { code } } }",
}


@pytest.fixture
async def world(
    mortal_postgres: Postgres, database: str, valkey: Valkey, tmp_path: Path
) -> AsyncIterator[World]:
    """On servers that the test may stop, with quick time-outs."""
    async with open_world(f"{database}&command_timeout=1&timeout=1", tmp_path) as opened_world:
        bus = RedisBus(valkey.url)
        yield replace(opened_world, bus=bus)
        await bus.close()


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = build_api(world, ApiOptions("prom", "secret"))
    headers = {"Authorization": f"Bearer {token()}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vms", headers=headers) as it:
        yield it


async def ready(http: httpx.AsyncClient) -> tuple[int, str, str]:
    """Status of the answer, and of each server; the answer must come within two seconds."""
    async with asyncio.timeout(2):
        answer = await http.get("/v2/health/ready")
    checks = answer.json()["checks"]
    assert (checks["postgres"]["engine"], checks["redis"]["engine"]) == ("postgres", "redis")
    return answer.status_code, checks["postgres"]["status"], checks["redis"]["status"]


async def until_ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while (await ready(http))[0] != 200:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze"])
async def test_readiness_follows_postgres(
    http: httpx.AsyncClient, mortal_postgres: Postgres, fault: Fault
) -> None:
    assert await ready(http) == (200, "ok", "ok")
    getattr(mortal_postgres, fault)()
    for _ in range(4):
        assert await ready(http) == (503, "unavailable", "ok")
    mortal_postgres.revive()
    await until_ready(http)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_readiness_follows_redis(
    http: httpx.AsyncClient, mortal_valkey: Valkey, fault: Fault
) -> None:
    assert await ready(http) == (200, "ok", "ok")
    getattr(mortal_valkey, fault)()
    for _ in range(2):
        assert await ready(http) == (503, "ok", "unavailable")
    mortal_valkey.revive()
    await until_ready(http)


@pytest.mark.parametrize("fault", ["stop", "freeze"])
async def test_every_route_says_unavailable_in_time_and_works_again(
    http: httpx.AsyncClient, world: World, mortal_postgres: Postgres, fault: Fault
) -> None:
    await add_camera(world)
    getattr(mortal_postgres, fault)()
    async with asyncio.timeout(6):
        answers = await asyncio.gather(
            *(http.request(method, path, json=body) for method, path, body in ROUTES.values()),
            *(http.post("/graphql", json={"query": text}) for text in OPERATIONS.values()),
        )
    for name, answer in zip(ROUTES, answers[: len(ROUTES)], strict=True):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (503, "UNAVAILABLE"), name
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Retry-After" in answer.headers
        assert problem["detail"] == "the database does not answer"
    for answer in answers[len(ROUTES) :]:
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["message"] == "the database does not answer"
    mortal_postgres.revive()
    await until_ready(http)
    answer = await http.get("/v2/api/cameras")
    assert [camera["id"] for camera in answer.json()] == ["cam-front-01"]


@dataclass
class Followed:
    """What a client of a socket was told."""

    ids: list[str]
    take: Callable[[], Awaitable[str]]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(15):
            while len(self.ids) < count:
                self.ids.append(await self.take())


@asynccontextmanager
async def both_sockets(world: World) -> AsyncIterator[tuple[Followed, Followed]]:
    """A follower of either dialect, behind a real server."""
    app = build_api(world, ApiOptions("prom", "secret"))
    async with serving(app, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.port}"
        address = f"ws://{place}/v2/ws/events?token={token()}"
        async with connect(address) as old, opened(place) as new:
            await new.init()
            await new.subscribe(EVENTS, {"after": await events.place_now(context(world))})

            async def take_new() -> str:
                return str((await new.next())["events"]["event"]["id"])

            yield Followed([], lambda: _envelope(old)), Followed([], take_new)


async def _envelope(client: ClientConnection) -> str:
    found: dict[str, Any] = json.loads(await client.recv())
    return str(found["data"]["id"])


def some_events(camera: Camera, count: int) -> Iterator[EventChange]:
    for number in range(count):
        yield beginning(camera.key, AT + number, event_id=f"evt-{uuid4().hex[:12]}")


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze"])
async def test_sockets_stay_open_and_go_on_where_they_were(
    world: World, mortal_postgres: Postgres, fault: Fault
) -> None:
    camera = await add_camera(world)
    before, after = list(some_events(camera, 10)), list(some_events(camera, 10))
    async with both_sockets(world) as followers:
        await add_events(world, camera, before)
        for each in followers:
            await each.until(10)
        getattr(mortal_postgres, fault)()
        await asyncio.sleep(1.5)
        mortal_postgres.revive()
        await write_in_order(world, camera, after)
        for each in followers:
            await each.until(20)
            assert each.ids == [change.event_id for change in (*before, *after)]


async def write_in_order(world: World, camera: Camera, changes: list[EventChange]) -> None:
    """As a media worker does, with all that its writer does about failures."""
    bridge: Bridge[MediaChange] = Bridge(asyncio.get_running_loop())
    writer = ChangeWriter(world, bridge)
    writer.know([camera])
    for change in changes:
        bridge.deliver(change)
    bridge.close()
    async with asyncio.timeout(20):
        await writer.run()


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze"])
async def test_a_workers_changes_are_written_in_order_once_each_over_an_outage(
    world: World, mortal_postgres: Postgres, fault: Fault
) -> None:
    """The server goes at any point of any transaction, several times."""
    camera = await add_camera(world)
    changes = list(some_events(camera, 400))
    bridge: Bridge[MediaChange] = Bridge(asyncio.get_running_loop())
    writer = ChangeWriter(world, bridge)
    writer.know([camera])
    writing = asyncio.create_task(writer.run())
    async with asyncio.timeout(40):
        for number, change in enumerate(changes):
            bridge.deliver(change)
            if number % 150 == 120:
                getattr(mortal_postgres, fault)()
            if number % 150 == 140:
                mortal_postgres.revive()
            await asyncio.sleep(0.002)
        bridge.close()
        await writing
    rows = EventTable.within("default").order_by("seq")
    assert await rows.values_list("id", "seq") == [
        (change.event_id, number) for number, change in enumerate(changes, start=1)
    ]
    assert await last_number("default", "event_seq") == len(changes)


async def test_what_the_tables_refuse_does_not_hold_up_the_rest(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    camera = await add_camera(world)
    first, wrong, last = some_events(camera, 3)
    wrong = replace(wrong, model_version="nul \0 byte")
    await write_in_order(world, camera, [first, wrong, last])
    rows = EventTable.within("default").order_by("seq")
    assert await rows.values_list("id", "seq") == [(first.event_id, 1), (last.event_id, 2)]
    assert "dropped, as the tables refuse it" in caplog.text
