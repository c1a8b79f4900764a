"""What each client sees while PostgreSQL or Redis is away, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
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
from app.spool_files import decode
from app.writer import writing_changes
from media.types import EventChange, MediaChange, RunEnded, SegmentClosed
from models.camera import Camera
from models.event import EventTable
from models.recording import RecordingHourTable
from models.tenant import last_number
from resolvers.context import World
from resolvers.watch import place_now
from tests.schema.socket_client import opened
from tests.schema.test_streams import SSE, ServerSent, stream
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
    """On servers that the test may stop."""
    async with open_world(database, tmp_path) as opened_world:
        bus = RedisBus(valkey.url)
        yield replace(opened_world, bus=bus)
        await bus.close()


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with http_to(world) as client:
        yield client


@asynccontextmanager
async def http_to(world: World) -> AsyncIterator[httpx.AsyncClient]:
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
    async with asyncio.timeout(30):
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
        assert answer.headers["content-type"].startswith("application/json")
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["message"] == "the database does not answer"
    mortal_postgres.revive()
    await until_ready(http)
    answer = await http.get("/v2/api/cameras")
    assert [camera["id"] for camera in answer.json()] == ["cam-front-01"]


async def test_a_silent_database_costs_nobody_more_than_a_moment(
    mortal_postgres: Postgres, database: str, valkey: Valkey, tmp_path: Path
) -> None:
    """With the time-outs of production: who waits is told soon, and who comes then at once."""
    async with open_world(database, tmp_path) as world, http_to(world) as http:
        camera = await add_camera(world)
        assert (await http.get("/v2/api/cameras")).status_code == 200
        mortal_postgres.freeze()
        async with asyncio.timeout(4):
            many = await asyncio.gather(*(http.get("/v2/api/cameras") for _ in range(30)))
        assert {answer.status_code for answer in many} == {503}
        async with asyncio.timeout(1):
            for _ in range(20):
                assert (await http.get("/v2/api/cameras")).status_code == 503
        mortal_postgres.thaw()
        async with asyncio.timeout(30):
            while (answer := await http.get("/v2/api/cameras")).status_code == 503:
                await asyncio.sleep(0.05)
        assert [each["id"] for each in answer.json()] == [camera.slug]


@dataclass
class Followed:
    """What a client of a socket was told."""

    ids: list[str]
    take: Callable[[], Awaitable[str]]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.ids) < count:
                self.ids.append(await self.take())


@asynccontextmanager
async def every_kind(world: World) -> AsyncIterator[list[Followed]]:
    """A follower over each kind of connection, behind a real server."""
    app = build_api(world, ApiOptions("prom", "secret"))
    after = {"after": await place_now(context(world))}
    async with serving(app, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.port}"
        address = f"ws://{place}/v2/ws/events?token={token()}"
        async with (
            connect(address) as old,
            opened(place) as new,
            stream(place, EVENTS, SSE, after) as response,
        ):
            await new.init()
            await new.subscribe(EVENTS, after)
            sent = ServerSent(response)

            async def take_new() -> str:
                return str((await new.next())["events"]["event"]["id"])

            async def take_sent() -> str:
                kind, message = await sent.next()
                assert kind == "next", (kind, message)
                assert message is not None
                return str(message["data"]["events"]["event"]["id"])

            takes = (lambda: _envelope(old), take_new, take_sent)
            yield [Followed([], take) for take in takes]


async def _envelope(client: ClientConnection) -> str:
    found: dict[str, Any] = json.loads(await client.recv())
    return str(found["data"]["id"])


def some_events(camera: Camera, count: int) -> Iterator[EventChange]:
    for number in range(count):
        yield beginning(camera.key, AT + number, event_id=f"evt-{uuid4().hex[:12]}")


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze"])
async def test_sockets_and_streams_stay_open_and_go_on_where_they_were(
    world: World, spool: Path, mortal_postgres: Postgres, fault: Fault
) -> None:
    camera = await add_camera(world)
    before, after = list(some_events(camera, 10)), list(some_events(camera, 10))
    async with every_kind(world) as followers:
        await add_events(world, camera, before)
        for each in followers:
            await each.until(10)
        getattr(mortal_postgres, fault)()
        await asyncio.sleep(1.5)
        mortal_postgres.revive()
        await write_in_order(world, spool, camera, after)
        for each in followers:
            await each.until(20)
            assert each.ids == [change.event_id for change in (*before, *after)]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def left_in(spool: Path) -> list[str]:
    """Files with changes, without the name of the process that left them."""
    return sorted("/".join(path.parts[-2:]) for path in spool.glob("*/*/*"))


async def write_in_order(
    world: World, spool: Path, camera: Camera, changes: Sequence[MediaChange]
) -> None:
    """As a media worker does, with all that its writer does about failures."""
    async with asyncio.timeout(60), writing_changes(world, spool) as writer:
        writer.know([camera])
        for change in changes:
            writer.deliver(change)


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze"])
async def test_a_workers_changes_are_written_in_order_once_each_over_an_outage(
    world: World, spool: Path, mortal_postgres: Postgres, fault: Fault
) -> None:
    """The server goes at any point of any transaction, several times."""
    camera = await add_camera(world)
    changes = list(some_events(camera, 400))
    async with asyncio.timeout(60), writing_changes(world, spool) as writer:
        writer.know([camera])
        for number, change in enumerate(changes):
            writer.deliver(change)
            if number % 150 == 120:
                getattr(mortal_postgres, fault)()
            if number % 150 == 140:
                mortal_postgres.revive()
            await asyncio.sleep(0.002)
    assert left_in(spool) == []
    rows = EventTable.within("default").order_by("seq")
    assert await rows.values_list("id", "seq") == [
        (change.event_id, number) for number, change in enumerate(changes, start=1)
    ]
    assert await last_number("default", "event_seq") == len(changes)


async def test_what_the_tables_refuse_does_not_hold_up_the_rest(
    world: World, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera = await add_camera(world)
    changes = list(some_events(camera, 40))
    for number in (7, 8, 31):
        changes[number] = replace(changes[number], model_version="nul \0 byte")
    await write_in_order(world, spool, camera, changes)
    good = [each.event_id for each in changes if "nul" not in each.model_version]
    rows = EventTable.within("default").order_by("seq")
    assert await rows.values_list("id", "seq") == list(zip(good, range(1, 38), strict=True))
    kept = [json.loads(line) for line in (spool / "refused").read_text().splitlines()]
    assert [decode(f"{each['line']}\n".encode()).change for each in kept] == [
        changes[number] for number in (7, 8, 31)
    ]
    assert all("CharacterNotInRepertoire" in each["why"] for each in kept)
    assert caplog.text.count("refused, and kept in") == 3


async def test_a_worker_that_stops_without_the_database_leaves_its_changes_to_the_next(
    world: World, spool: Path, mortal_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = await add_camera(world)
    changes = list(some_events(camera, 30))
    ended = RunEnded(camera.key, uuid4(), AT, "the camera hung up")
    recorded = SegmentClosed(
        *(camera.key, ended.run_id, "2026-05-29", "12", "0.m4s"), *(AT, AT + 4_000_000, 0, 9, 77)
    )
    await write_in_order(world, spool, camera, changes[:10])
    mortal_postgres.stop()
    with monkeypatch.context() as patched:
        patched.setattr("app.writer.LAST_WORDS_SECONDS", 0.5)
        await write_in_order(world, spool, camera, [*changes[10:], recorded, ended])
    assert left_in(spool) == ["events/00000001", "figures/00000001"]

    mortal_postgres.start()
    await write_in_order(world, spool, camera, [])

    assert left_in(spool) == []
    rows = EventTable.within("default").order_by("seq")
    assert await rows.values_list("id") == [(each.event_id,) for each in changes]
    assert await RecordingHourTable.within("default").values_list("size_bytes") == [(77,)]
    assert await last_number("default", "event_seq") == 30
