from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from media.types import ChangeKind, EventChange, Snapshot
from models.camera import Camera
from models.tenant import TenantTable
from resolvers import cursors
from resolvers.access import Scope
from resolvers.context import World
from resolvers.event_review import ReviewWish, event_review
from resolvers.verdicts import Verdict
from resolvers.watch import place_now
from tests.compat_rest.service import Served, client_of, served
from tests.world import add_camera, add_events, beginning, context, token

AT = 1_777_558_925_123_000  # 2026-04-30T14:22:05.123Z
SECOND = 1_000_000


@asynccontextmanager
async def opened(
    server: Served, *, origin: str | None = None, bearer: str | None = None, **query: str
) -> AsyncIterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    address = f"{server.socket_base}/v2/ws/events?{urlencode(query)}"
    site = Origin(origin) if origin else None
    async with connect(address, origin=site, additional_headers=headers) as client:
        yield client


async def close_code(client: ClientConnection) -> int:
    """Reads until the server closes, which must be all it does."""
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(client.recv(), 10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def envelope(client: ClientConnection) -> dict[str, Any]:
    text = await asyncio.wait_for(client.recv(), 10)
    assert isinstance(text, str)
    found: dict[str, Any] = json.loads(text)
    return found


async def ids(client: ClientConnection, count: int) -> list[str]:
    return [(await envelope(client))["data"]["id"] for _ in range(count)]


def change_of(event: EventChange, kind: ChangeKind) -> EventChange:
    ended = event.at_us + SECOND if kind is ChangeKind.ENDED else None
    return replace(event, kind=kind, ended_at_us=ended)


async def begin(world: World, camera: Camera, *event_ids: str) -> None:
    many = [beginning(camera.key, AT, event_id=event_id) for event_id in event_ids]
    await add_events(world, camera, many)


async def test_an_event_comes_in_an_envelope_with_its_place(world: World) -> None:
    camera = await add_camera(world)
    shot = Snapshot("2026-04-30", "14", "snap-12.jpg")
    async with served(world) as server, opened(server, token=token()) as client:
        await add_events(
            world, camera, [beginning(camera.key, AT, snapshot=shot, event_id="evt-abc")]
        )
        text = await asyncio.wait_for(client.recv(), 10)
    assert isinstance(text, str)
    assert re.fullmatch(
        r'\{"v":2,"data":\{"id":"evt-abc","tenant_id":"default","camera_id":"cam-front-01",'
        r'"type":"person","confidence":0\.87,"payload":\{"boxes":\[\{[^]]+\}\],"track_id":42\},'
        r'"snapshot_url":"/v2/hls/cam-front-01/2026-04-30/14/snap-12\.jpg",'
        r'"trace_id":"[0-9a-f-]{36}","model_version":"yolox-nano@2021-08-19",'
        r'"ts":"2026-04-30T14:22:05\.123Z"\},"cursor":"[\w-]+"\}',
        text,
    )


async def test_an_old_client_sees_each_event_once_and_nothing_else(world: World) -> None:
    camera = await add_camera(world)
    event = beginning(camera.key, AT, event_id="evt-1")
    async with served(world) as server, opened(server, token=token()) as client:
        await add_events(world, camera, [event])
        assert await ids(client, 1) == ["evt-1"]
        await add_events(world, camera, [change_of(event, ChangeKind.CHANGED)])
        await add_events(world, camera, [change_of(event, ChangeKind.ENDED)])
        await event_review(context(world), "evt-1", ReviewWish(Verdict.FALSE_ALARM))
        await begin(world, camera, "evt-2")
        assert await ids(client, 1) == ["evt-2"]


async def test_the_token_may_come_in_the_header(world: World) -> None:
    camera = await add_camera(world)
    async with served(world) as server, opened(server, bearer=token()) as client:
        await begin(world, camera, "evt-1")
        assert await ids(client, 1) == ["evt-1"]


async def test_after_resumes_behind_a_place(world: World) -> None:
    camera = await add_camera(world)
    await begin(world, camera, "evt-1", "evt-2")
    start = cursors.encode_log("default", 0)
    async with served(world) as server:
        async with opened(server, token=token(), after=start) as client:
            first = await envelope(client)
        await begin(world, camera, "evt-3")
        async with opened(server, token=token(), after=first["cursor"]) as client:
            assert await ids(client, 2) == ["evt-2", "evt-3"]


async def test_a_client_killed_at_random_gets_each_event_once(world: World) -> None:
    camera = await add_camera(world)
    wanted = [f"evt-{n:03d}" for n in range(300)]
    chance = random.Random(7)
    cursor = await place_now(context(world))

    async def write() -> None:
        for start in range(0, len(wanted), 20):
            await begin(world, camera, *wanted[start : start + 20])

    seen: list[str] = []
    async with served(world) as server, asyncio.TaskGroup() as group:
        group.create_task(write())
        while len(seen) < len(wanted):
            async with opened(server, token=token(), after=cursor) as client:
                for _ in range(min(chance.randrange(1, 60), len(wanted) - len(seen))):
                    found = await envelope(client)
                    seen.append(found["data"]["id"])
                    cursor = found["cursor"]
                client.transport.abort()
    assert seen == wanted


async def test_what_retention_removed_is_no_message(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    camera = await add_camera(world)
    await begin(world, camera, "evt-1", "evt-2", "evt-3")
    await TenantTable.filter(id="default").update(event_floor=2)
    start = cursors.encode_log("default", 0)
    async with served(world) as server, opened(server, token=token(), after=start) as client:
        assert await ids(client, 1) == ["evt-3"]
    assert "resumed behind retention" in caplog.text


async def test_tenants_with_the_same_camera_see_their_own_events(world: World) -> None:
    tenants = ("default", "acme")
    mine = {tenant: await add_camera(world, "cam-a", tenant) for tenant in tenants}
    async with (
        served(world) as server,
        opened(server, token=token("default")) as one,
        opened(server, token=token("acme")) as other,
    ):
        for n in range(3):
            for tenant in tenants:
                await begin(world, mine[tenant], f"evt-{tenant}-{n}")
        assert await ids(one, 3) == [f"evt-default-{n}" for n in range(3)]
        assert await ids(other, 3) == [f"evt-acme-{n}" for n in range(3)]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"token": ""},
        {"token": "x"},
        {"token": "a.b.c"},
        {"token": token(ttl_seconds=-5)},
        {"token": token("")},
        {"token": token() + "x"},
        {"grant": token()},
    ],
    ids=["none", "empty", "word", "dots", "expired", "no tenant", "forged", "as a grant"],
)
async def test_without_a_good_token_it_closes_4401(world: World, query: dict[str, str]) -> None:
    async with served(world) as server, opened(server, **query) as client:
        assert await close_code(client) == 4401


async def test_without_the_scope_it_closes_4403(world: World) -> None:
    others = set(Scope) - {Scope.EVENTS_READ, Scope.TENANT_ADMIN}
    poor = token(scope=" ".join(others))
    async with served(world) as server, opened(server, token=poor) as client:
        assert await close_code(client) == 4403


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "\0",
        cursors.encode_log("acme", 0),
        cursors.encode_log("default", 5),
        cursors.encode(cursors.EVENTS, "default", 1, "evt-1"),
        cursors.encode(cursors.LOG, "default", "9" * 30),
    ],
    ids=["empty", "word", "nul", "of another tenant", "not reached", "of a list", "huge"],
)
async def test_a_bad_cursor_closes_4400(world: World, after: str) -> None:
    async with served(world) as server, opened(server, token=token(), after=after) as client:
        assert await close_code(client) == 4400


START = cursors.encode_log("default", 0)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"token={token()}&token={token('acme')}", 4401),
        (f"token={token()}&after={START}&after={START}", 4400),
    ],
    ids=["tokens", "cursors"],
)
async def test_two_of_a_kind_are_none(world: World, query: str, code: int) -> None:
    address = f"/v2/ws/events?{query}"
    async with served(world) as server, connect(server.socket_base + address) as client:
        assert await close_code(client) == code


async def test_a_token_that_expires_meanwhile_closes_4401(world: World) -> None:
    camera = await add_camera(world)
    async with served(world) as server, opened(server, token=token(ttl_seconds=2)) as client:
        await begin(world, camera, "evt-1")
        assert await ids(client, 1) == ["evt-1"]
        assert await close_code(client) == 4401


async def test_a_token_without_a_near_end_is_no_trouble(world: World) -> None:
    camera = await add_camera(world)
    endless = token(ttl_seconds=10**60)
    async with served(world) as server, opened(server, token=endless) as client:
        await begin(world, camera, "evt-1")
        assert await ids(client, 1) == ["evt-1"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://["])
async def test_a_page_of_another_origin_closes_4403(world: World, origin: str) -> None:
    async with served(world) as server, opened(server, token=token(), origin=origin) as client:
        assert await close_code(client) == 4403


async def test_pages_of_this_host_and_of_the_settings_may_connect(world: World) -> None:
    camera = await add_camera(world)
    async with served(world, frozenset({"https://spa.example"})) as server:
        for number, origin in enumerate((server.base, "https://spa.example")):
            async with opened(server, token=token(), origin=origin) as client:
                await begin(world, camera, f"evt-{number}")
                assert await ids(client, 1) == [f"evt-{number}"]
        async with opened(server, token=token(), origin="https://evil.example") as client:
            assert await close_code(client) == 4403


async def test_every_page_may_connect_where_the_settings_say_so(world: World) -> None:
    camera = await add_camera(world)
    async with (
        served(world, frozenset({"*"})) as server,
        opened(server, token=token(), origin="https://any.example") as client,
    ):
        await begin(world, camera, "evt-1")
        assert await ids(client, 1) == ["evt-1"]


async def test_what_a_client_says_is_ignored(world: World) -> None:
    camera = await add_camera(world)
    async with served(world) as server, opened(server, token=token()) as client:
        for message in ("hello", '{"type":"connection_init"}', b"\x00\xff", "x" * 100_000):
            await client.send(message)
        await begin(world, camera, "evt-1")
        assert await ids(client, 1) == ["evt-1"]


def socket_tasks() -> list[str]:
    names = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    ours = ("EventSocket", "_read_until_left", "Tail.run", "Group.run", "Endings.run")
    return [name for name in names if any(each in name for each in ours)]


async def test_a_client_that_leaves_leaves_no_task(world: World) -> None:
    async with served(world) as server:
        async with opened(server, token=token()) as client:
            async with asyncio.timeout(30):
                while not socket_tasks():
                    await asyncio.sleep(0.01)
            client.transport.abort()
        async with asyncio.timeout(30):
            while socket_tasks():
                await asyncio.sleep(0.01)


async def test_a_server_that_stops_says_so(world: World) -> None:
    async with served(world) as server, opened(server, token=token()) as client:
        server.server.should_exit = True
        assert await close_code(client) == 1012


@pytest.mark.parametrize("authorization", [None, ""])
async def test_a_plain_request_to_the_socket_is_told_to_upgrade(
    world: World, authorization: str | None
) -> None:
    async with client_of(world, authorization) as client:
        answer = await client.get("/v2/ws/events")
    assert (answer.status_code, answer.json()["code"]) == (426, "UPGRADE_REQUIRED")
    assert (answer.headers["upgrade"], answer.headers["connection"]) == ("websocket", "Upgrade")


async def test_the_token_shows_in_no_log_line_and_no_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    good, bad = token(), f"{uuid4()}"
    async with served(world) as server:
        for query in ({"token": bad}, {"token": good, "after": bad}):
            async with opened(server, **query) as client:
                assert await close_code(client) in {4400, 4401}
                assert bad not in (client.close_reason or "")
    assert "WebSocket /v2/ws/events" in caplog.text  # uvicorn does tell of the connection
    assert good not in caplog.text
    assert bad not in caplog.text
