from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from starlette.types import Message
from starlette.types import Scope as Scope_

from media.types import Snapshot
from resolvers import cursors
from resolvers.access import Actor, Interval, Scope
from resolvers.context import World
from resolvers.errors import TokenExpired
from schema import sockets
from schema.root import schema
from tests.schema.service import served, service
from tests.schema.socket_client import Socket, opened
from tests.schema.test_streams import SSE, ServerSent, stream
from tests.world import add_camera, add_events, beginning, token

AT = 1_777_558_925_123_000
EVENTS = """subscription ($after: Cursor, $filter: EventFilter, $with: Boolean = true) {
  events(after: $after, filter: $filter) {
    ... on EventChange { cursor event { id type @include(if: $with) camera { id name } } } } }"""
PICTURES = "subscription { events { ... on EventChange { event { id snapshotUrl } } } }"
SCOPE: Scope_ = {
    "type": "websocket",
    "path": "/graphql",
    "query_string": b"",
    "headers": [],
    "subprotocols": ["graphql-transport-ws"],
}
CAMERAS = "subscription { cameras { kind id camera { id rtspUrl } } }"

Asked = tuple[str, dict[str, Any] | None, str]


@asynccontextmanager
async def followed(place: str, *asked: Asked) -> AsyncIterator[list[Socket]]:
    """A socket for each query with variables and token, its subscription named by its number."""
    async with AsyncExitStack() as stack:
        found = []
        for number, (query, variables, bearer) in enumerate(asked):
            socket = await stack.enter_async_context(opened(place))
            await socket.init({"token": bearer})
            await socket.subscribe(query, variables, operation_id=f"{number}")
            found.append(socket)
        yield found


async def until_groups(world: World, count: int) -> None:
    async with asyncio.timeout(30):
        while len(world.following.groups) != count:
            await asyncio.sleep(0.01)


async def told(found: Sequence[Socket]) -> list[dict[str, Any]]:
    return [(await each.next(f"{number}"))["events"] for number, each in enumerate(found)]


async def test_who_asks_for_the_same_shares_a_group_whatever_the_cursor_and_the_token(
    world: World,
) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-0")])
    start, here = (cursors.encode_log("default", place) for place in (0, 1))
    asked: list[Asked] = [
        (EVENTS, {"after": here}, token()),
        (EVENTS, {"after": here}, token(ttl_seconds=60)),
        (EVENTS, {"after": here, "with": True}, token()),
        (EVENTS, {"after": start}, token()),
    ]
    async with served(world) as place, followed(place, *asked) as found:
        assert (await found[3].next("3"))["events"]["event"]["id"] == "evt-0"
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        steps = await told(found)
        assert [each["event"] for each in steps] == [
            {"id": "evt-1", "type": "PERSON", "camera": {"id": camera.slug, "name": camera.name}}
        ] * 4
        assert len(world.following.groups) == 2  # `with: true` is said by one, and meant by all
    await until_groups(world, 0)


async def test_other_answers_other_filters_and_other_rights_are_other_groups(
    world: World,
) -> None:
    camera = await add_camera(world)
    poor = token(scope=Scope.EVENTS_READ)
    start = {"after": cursors.encode_log("default", 0)}
    asked: list[Asked] = [
        (EVENTS, start, token()),
        (EVENTS, {**start, "with": False}, token()),
        (EVENTS, {**start, "filter": {"types": ["PERSON"]}}, token()),
        (EVENTS, start, poor),
        (EVENTS.replace("cursor", "at: cursor"), start, token()),
    ]
    async with served(world) as place, followed(place, *asked) as found:
        await until_groups(world, 5)
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        whole, short, filtered = [(await found[n].next(f"{n}"))["events"] for n in range(3)]
        refused = await found[3].receive()
    assert "type" in whole["event"]
    assert "type" not in short["event"]
    assert filtered == whole
    assert refused["payload"]["errors"][0]["extensions"] == {"code": "SCOPE_MISSING"}


async def test_tenants_share_nothing(world: World) -> None:
    camera = await add_camera(world, tenant_id="acme")
    asked = [(EVENTS, None, token("default")), (EVENTS, None, token("acme"))]
    async with served(world) as place, followed(place, *asked) as found:
        await until_groups(world, 2)
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-acme")])
        assert (await found[1].next("1"))["events"]["event"]["id"] == "evt-acme"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(found[0].connection.recv(), 0.2)


async def test_credentials_of_cameras_stay_with_those_who_may_see_them(world: World) -> None:
    await add_camera(world)
    asked = [(CAMERAS, None, token()), (CAMERAS, None, token(scope=Scope.CAMERAS_READ))]
    async with served(world) as place, followed(place, *asked) as found:
        shown = [(await each.next(f"{n}"))["cameras"] for n, each in enumerate(found)]
        await until_groups(world, 2)
    assert [each["camera"]["rtspUrl"] for each in shown] == [
        "rtsp://user:secret@10.9.8.7/stream",
        "rtsp://***@10.9.8.7/stream",
    ]


async def test_a_grant_ends_with_the_token_of_who_is_given_it(world: World) -> None:
    camera = await add_camera(world)
    shot = Snapshot("2026-04-30", "14", "snap-12.jpg")
    tokens = [token(ttl_seconds=120), token(ttl_seconds=300)]
    asked = [(PICTURES, None, each) for each in tokens]
    async with served(world) as place, followed(place, *asked) as found:
        await until_groups(world, 2)
        await add_events(world, camera, [beginning(camera.key, AT, snapshot=shot)])
        addresses = [each["event"]["snapshotUrl"] for each in await told(found)]
    grants = [parse_qs(urlsplit(each).query)["grant"][0] for each in addresses]
    ends = [_end_of(each) for each in grants]
    assert ends == [_end_of(each) for each in tokens]


def _end_of(signed: str) -> int:
    return int(jwt.decode(signed, options={"verify_signature": False})["exp"])


async def test_a_grant_made_for_a_whole_group_would_be_worth_nothing(world: World) -> None:
    """What would happen if a new field signed grants and `…Url` did not tell of it."""
    actor = Actor("default", frozenset({Scope.PLAYBACK_READ}), expires_us=0)
    grant = world.identity.sign_grant(actor, "cam-1", Interval(0, 1))
    with pytest.raises(TokenExpired):
        world.identity.actor_of_grant(grant)


def test_addresses_that_carry_a_grant_are_told_by_their_names() -> None:
    names = {
        field.name
        for kind in schema.schema_converter.type_map.values()
        for field in getattr(kind.definition, "fields", [])
        if "authority" in (field.description or "")
    }
    assert names, "some descriptions speak of authority"
    assert all(name.endswith(("_url", "Url")) for name in names)


async def test_one_socket_may_follow_the_same_twice(world: World) -> None:
    camera = await add_camera(world)
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        for name in ("a", 'b"\\'):
            await socket.subscribe(EVENTS, operation_id=name)
        await until_groups(world, 1)
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        seen = {(await socket.receive())["id"] for _ in range(2)}
        assert seen == {"a", 'b"\\'}
        await socket.send({"type": "complete", "id": "a"})
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-2")])
        assert (await socket.next('b"\\'))["events"]["event"]["id"] == "evt-2"


async def test_sockets_and_streams_share_a_group(world: World) -> None:
    camera = await add_camera(world)
    asked = (EVENTS, None, token())
    async with (
        served(world) as place,
        followed(place, asked) as found,
        stream(place, EVENTS, SSE, bearer=token()) as response,
    ):
        sent = ServerSent(response)
        await until_members(world, 2)
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        kind, body = await sent.next()
        assert (kind, body) == ("next", {"data": await found[0].next("0")})
        assert len(world.following.groups) == 1


async def test_what_ends_a_group_is_told_to_every_member_and_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    asked = [(EVENTS, None, token())] * 5
    async with served(world) as place, followed(place, *asked) as found:
        await until_members(world, 5)
        [tail] = world.following.tails.held()
        tail.end(ValueError("the password is hunter2"))
        messages = [await each.receive() for each in found]
        await found[0].subscribe("{ viewer { tenantId } }", operation_id="after")
        assert await found[0].next("after") == {"viewer": {"tenantId": "default"}}
    for number, message in enumerate(messages):
        errors = [{"message": "internal error", "extensions": {"code": "INTERNAL"}}]
        assert message == {"id": f"{number}", "type": "error", "payload": errors}
    assert len([each for each in caplog.records if "hunter2" in (each.exc_text or "")]) == 1


async def test_a_client_that_takes_nothing_is_closed_and_the_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.2)
    camera = await add_camera(world)
    app, sent = service(world), list[Message]()

    async def stuck(message: Message) -> None:
        sent.append(message)
        if '"next"' in message.get("text", ""):
            await asyncio.Event().wait()

    says = [
        {"type": "connection_init", "payload": {"token": token()}},
        {"type": "subscribe", "id": "1", "payload": {"query": EVENTS}},
    ]
    coming: asyncio.Queue[Message] = asyncio.Queue()
    coming.put_nowait({"type": "websocket.connect"})
    for each in says:
        coming.put_nowait({"type": "websocket.receive", "text": json.dumps(each)})
    many = [f"evt-{n}" for n in range(300)]
    async with served(world) as place, followed(place, (EVENTS, None, token())) as [quick]:
        serving = asyncio.create_task(app(dict(SCOPE), coming.get, stuck))
        await until_members(world, 2)
        for first in range(0, len(many), 100):
            batch = [beginning(camera.key, AT, event_id=name) for name in many[first : first + 100]]
            await add_events(world, camera, batch)
        seen = [(await quick.next("0"))["events"]["event"]["id"] for _ in many]
        await asyncio.wait_for(serving, 30)
    assert seen == many
    kinds = [message["type"].removeprefix("websocket.") for message in sent]
    assert kinds == ["accept", "send", "send", "close"]  # the acknowledgement, one answer, the end
    assert sent[-1]["code"] == 1013


async def until_members(world: World, count: int) -> None:
    async with asyncio.timeout(30):
        while sum(each.members for each in world.following.groups.held()) != count:
            await asyncio.sleep(0.01)
