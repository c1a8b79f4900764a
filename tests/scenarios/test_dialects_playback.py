"""Footage and the event log come to the same by /v2 and by GraphQL, asked at random places."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from websockets.asyncio.client import connect

from app.api import ApiOptions, build_api
from app.serving import serving
from models.camera import Camera
from resolvers import cursors
from resolvers.context import World
from tests.footage import TICKS, lay_down, segment, summarise
from tests.world import add_camera, add_events, beginning, token

BEGIN_US = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
HOURS = """query Q($id: ID!, $date: Date!) {
  camera(id: $id) { hours(date: $date) { hour start end duration complete playlistUrl } } }"""
EVENT = "query Q($id: ID!) { event(id: $id) { cameraId ts playback { playlistUrl offset ts } } }"
FOLLOW = """subscription S($after: Cursor) { events(after: $after) { ... on EventChange {
  cursor kind event { id cameraId typeName confidence ts trackId traceId modelVersion } } } }"""


def client_of(world: World) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build_api(world, ApiOptions("prom", "password")))
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://vms.test",
        headers={"Authorization": f"Bearer {token()}"},
    )


async def graphql(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]
    return found


async def record(world: World, dice: random.Random) -> Camera:
    """Runs of a few segments in several hours of two days, with gaps between them."""
    camera = await add_camera(world)
    position = 0
    for hour in sorted(dice.sample(range(20), 6)):
        start_us = BEGIN_US + hour * HOUR_US + dice.randrange(1800) * SECOND_US
        first = segment(start_us, position)
        parts = [first]
        for n in range(1, dice.randrange(2, 5)):
            at_us = start_us + 4 * n * SECOND_US
            parts.append(segment(at_us, position + 4 * n * TICKS, run_id=first.run_id))
        lay_down(world, camera, parts, ended=True)
        await summarise(world, camera, parts, "camera offline")
        position += 4 * len(parts) * TICKS
        for n, each in enumerate(parts):
            event_id = f"evt-{hour}-{n}"
            change = beginning(
                camera.key,
                each.start_us + SECOND_US,
                event_id=event_id,
                position=each.position + TICKS,
            )
            await add_events(world, camera, [change])
    unrecorded = beginning(camera.key, BEGIN_US + 21 * HOUR_US, event_id="evt-none")
    await add_events(world, camera, [unrecorded])
    return camera


def place(url: str | None) -> tuple[str, list[str]] | None:
    """What an address names, without the authority that GraphQL's carry."""
    if url is None:
        return None
    parts = urlsplit(url)
    return parts.path, parse_qs(parts.query).get("from_position", [])


async def test_hours_are_the_same(world: World) -> None:
    await record(world, random.Random(1))
    async with client_of(world) as client:
        seen = 0
        for date in ("2026-05-28", "2026-05-29", "2026-05-30"):
            asked = {"camera_id": "cam-front-01", "date": date}
            left = (await client.get("/v2/api/playback/timeline", params=asked)).json()["hours"]
            found = await graphql(client, HOURS, id="cam-front-01", date=date)
            right = found["camera"]["hours"]
            for each in left:
                each["playlistUrl"] = place(each.pop("playlist_url"))
            for each in right:
                each["playlistUrl"] = place(each["playlistUrl"])
            assert left == right
            seen += len(left)
    assert seen == 6


async def test_events_play_at_the_same_place(world: World) -> None:
    await record(world, random.Random(2))
    async with client_of(world) as client:
        events = (await client.get("/v2/api/events", params={"limit": 100})).json()
        refused = 0
        for each in events:
            answer = await client.get(f"/v2/api/playback/event/{each['id']}")
            right = (await graphql(client, EVENT, id=each["id"]))["event"]
            assert (each["camera_id"], each["ts"]) == (right["cameraId"], right["ts"])
            if right["playback"] is None:
                refused += 1
                assert answer.json()["code"] == "NOT_RECORDED"
                continue
            left = answer.json()
            shown = right["playback"]
            assert (left["offset"], left["ts"]) == (shown["offset"], shown["ts"])
            assert place(left["playlist_url"]) == place(shown["playlistUrl"])
    assert refused == 1
    assert len(events) > 10


async def test_both_sockets_tell_the_same_events_with_the_same_cursors(world: World) -> None:
    await record(world, random.Random(3))
    after = cursors.encode_log("default", 3)
    app = build_api(world, ApiOptions("prom", "password"))
    async with serving(app, "127.0.0.1", 0) as server:
        base = f"ws://127.0.0.1:{server.port}"
        expected = len(await _listed(world)) - 3
        left = await _by_rest(f"{base}/v2/ws/events?token={token()}&after={after}", expected)
        right = await _by_graphql(f"{base}/graphql", after, expected)
    assert left == right


async def _listed(world: World) -> list[Any]:
    async with client_of(world) as client:
        found: list[Any] = (await client.get("/v2/api/events", params={"limit": 100})).json()
        return found


async def _by_rest(address: str, count: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    async with connect(address) as socket:
        while len(found) < count:
            told = json.loads(await socket.recv())
            event = told["data"]
            names = ("id", "camera_id", "type", "confidence", "ts", "trace_id", "model_version")
            shown = (*(event[name] for name in names), event["payload"]["track_id"])
            found.append((told["cursor"], *shown))
    return found


async def _by_graphql(address: str, after: str, count: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    says = [
        {"type": "connection_init", "payload": {"token": token()}},
        {
            "type": "subscribe",
            "id": "1",
            "payload": {"query": FOLLOW, "variables": {"after": after}},
        },
    ]
    async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        for each in says:
            await socket.send(json.dumps(each))
        while len(found) < count:
            told = json.loads(await socket.recv())
            if told["type"] != "next":
                assert told["type"] == "connection_ack", told
                continue
            step = told["payload"]["data"]["events"]
            assert step["kind"] == "BEGAN"
            event = step["event"]
            names = ("id", "cameraId", "typeName", "confidence", "ts", "traceId", "modelVersion")
            found.append((step["cursor"], *(event[name] for name in names), event["trackId"]))
    return found
