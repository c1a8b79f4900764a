from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import Message

from compat_rest.ws import EventSocket
from resolvers import cursors
from resolvers.context import World
from tests.compat_rest.service import served
from tests.compat_rest.test_ws import begin, close_code, envelope, opened
from tests.world import add_camera, token


async def drive(
    world: World, query: dict[str, str], on_send: Callable[[Message], Awaitable[None]]
) -> None:
    """Runs the socket without a network; its client says nothing until it is cancelled."""
    app = Starlette(routes=[WebSocketRoute("/v2/ws/events", EventSocket(send_seconds=0.05))])
    app.state.world, app.state.origins = world, None
    coming: asyncio.Queue[Message] = asyncio.Queue()
    coming.put_nowait({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "path": "/v2/ws/events",
        "query_string": urlencode(query).encode(),
        "headers": [],
        "subprotocols": [],
    }
    await asyncio.wait_for(app(scope, coming.get, on_send), 10)


async def test_a_client_that_takes_no_frames_is_let_go(world: World) -> None:
    camera = await add_camera(world)
    await begin(world, camera, "evt-1", "evt-2")
    sent: list[Message] = []

    async def stuck(message: Message) -> None:
        sent.append(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    await drive(world, {"token": token(), "after": cursors.encode_log("default", 0)}, stuck)
    assert [(each["type"], each.get("code")) for each in sent] == [
        ("websocket.accept", None),
        ("websocket.send", None),
        ("websocket.close", 1013),
    ]


async def test_what_begins_once_the_socket_is_open_is_told(world: World) -> None:
    camera = await add_camera(world)
    sent: list[Message] = []

    async def quick(message: Message) -> None:
        """A client that makes something happen at the very moment it is let in."""
        if message["type"] == "websocket.accept":
            await begin(world, camera, "evt-1")
        else:
            sent.append(message)
            raise OSError("that is enough")

    await drive(world, {"token": token()}, quick)
    assert [json.loads(each["text"])["data"]["id"] for each in sent] == ["evt-1"]


async def test_what_nobody_foresaw_closes_1011(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(world) as server, opened(server, token=token()) as client:
        async with asyncio.timeout(30):
            while not world.following.tails.held():
                await asyncio.sleep(0.01)
        world.following.tails.held()[0].end(ValueError("the password is hunter2"))
        assert await close_code(client) == 1011
        assert client.close_reason == "internal error"
    assert "hunter2" in caplog.text


async def test_all_who_see_the_same_share_a_group(world: World) -> None:
    camera = await add_camera(world)
    async with (
        served(world) as server,
        opened(server, token=token()) as one,
        opened(server, token=token(ttl_seconds=60)) as other,
        opened(server, token=token(scope="events:read")) as poorer,
    ):
        await begin(world, camera, "evt-1")
        found = [await envelope(each) for each in (one, other, poorer)]
        assert found == [found[0]] * 3
        assert len(world.following.groups) == 2
