from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace

import jwt
import pytest

from resolvers.access import Actor
from resolvers.context import World
from resolvers.identity import Identity, TokenPolicy
from schema import sockets
from tests.schema.buses import CountingBus
from tests.schema.service import served
from tests.schema.socket_client import PROTOCOL, opened
from tests.world import SECRET, add_camera, add_events, beginning, token

AT = 1_777_558_925_123_000
VIEWER = "{ viewer { tenantId } }"
EVENTS = "subscription { events { ... on EventChange { kind event { id } } } }"
CAMERAS = "subscription { cameras { kind id } }"


async def test_a_query_a_mutation_and_a_wrong_one_over_one_socket(world: World) -> None:
    await add_camera(world)
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        await socket.subscribe(VIEWER, operation_id="a")
        assert await socket.next("a") == {"viewer": {"tenantId": "default"}}
        assert await socket.receive() == {"id": "a", "type": "complete"}
        await socket.subscribe('mutation { cameraDelete(id: "cam-front-01") { deletedId } }')
        assert await socket.next() == {"cameraDelete": {"deletedId": "cam-front-01"}}
        assert await socket.receive() == {"id": "1", "type": "complete"}
        await socket.subscribe("{ nothing }")
        refusal = await socket.receive()
    assert (refusal["id"], refusal["type"]) == ("1", "error")
    [error] = refusal["payload"]
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


async def test_errors_of_fields_come_with_the_data(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init({"token": token(scope="")})
        await socket.subscribe("{ viewer { scopes } camera(id: 1) { id } }")
        message = await socket.receive()
    assert message["payload"]["data"] == {"viewer": {"scopes": []}, "camera": None}
    assert message["payload"]["errors"][0]["extensions"] == {"code": "SCOPE_MISSING"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("{}", "GRAPHQL_VALIDATION_FAILED"),
        ("query A {viewer{tenantId}} query B {viewer{tenantId}}", "BAD_REQUEST"),
        ('subscription { events(after: "x") { __typename } }', "BAD_CURSOR"),
        ("subscription ($a: Cursor!) { events(after: $a) { __typename } }", "INVALID_INPUT"),
    ],
)
async def test_an_operation_that_cannot_begin_ends_with_an_error(
    world: World, query: str, code: str
) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        await socket.subscribe(query)
        message = await socket.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"]["code"] == code
        await socket.subscribe(VIEWER)  # the id is free again
        assert await socket.next() == {"viewer": {"tenantId": "default"}}


@pytest.mark.parametrize(("query", "scope"), [(EVENTS, "cameras:read"), (CAMERAS, "events:read")])
async def test_subscriptions_need_their_scope(world: World, query: str, scope: str) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init({"token": token(scope=scope)})
        await socket.subscribe(query)
        message = await socket.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"] == {"code": "SCOPE_MISSING"}


async def test_pings_are_answered_with_their_payload_also_before_the_ack(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        await socket.send({"type": "ping", "payload": {"n": [1, None]}})
        assert await socket.receive() == {"type": "pong", "payload": {"n": [1, None]}}
        await socket.send({"type": "pong", "payload": None})
        await socket.init()


MALFORMED: list[str | bytes] = [
    "",
    "hello",
    "null",
    "7",
    "[]",
    '["type"]',
    "{}",
    '{"type": null}',
    '{"type": 7}',
    '{"type": "start"}',
    '{"type": "next", "id": "1", "payload": {}}',
    '{"type": "connection_init", "payload": []}',
    '{"type": "connection_init", "payload": "x"}',
    '{"type": "ping", "payload": 7}',
    '{"type": "pong", "payload": []}',
    '{"type": "subscribe"}',
    '{"type": "subscribe", "id": "1"}',
    '{"type": "subscribe", "id": "1", "payload": null}',
    '{"type": "subscribe", "id": "1", "payload": {}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": null}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 7}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": "x"}}',
    '{"type": "subscribe", "id": 1, "payload": {"query": "{ viewer { tenantId } }"}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{ viewer { tenantId } }"}}',
    '{"type": "subscribe", "id": ["1"], "payload": {"query": "{ viewer { tenantId } }"}}',
    '{"type": "complete"}',
    '{"type": "complete", "id": 1}',
    '{"type": "ping", "payload": {"n": NaN}}',
    '{"type": "ping", "payload": {"n": ' + "9" * 5_000 + "}}",
    '{"type": "ping", "payload": ' + '{"n":' * 50_000,
    b'{"type": "ping"}',
    b"\xff",
]


async def test_a_malformed_frame_closes_4400(world: World) -> None:
    async with served(world) as place:
        for frame in MALFORMED:
            async with opened(place) as socket:
                await socket.init()
                await socket.connection.send(frame)
                code, reason = await socket.closed()
                assert (code, reason[:5]) == (4400, "want "), frame[:80]


async def test_a_frame_of_more_than_a_mebibyte_is_too_big(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        await socket.send({"type": "ping", "payload": {"x": "x" * 1024 * 1024}})
        assert (await socket.closed())[0] == 1009


async def test_a_second_init_closes_4429(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        await socket.send({"type": "connection_init", "payload": {"token": token()}})
        assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_an_operation_before_the_ack_closes_4401(world: World) -> None:
    async with served(world) as place, opened(place, bearer=token()) as socket:
        await socket.subscribe(VIEWER)
        assert await socket.closed() == (4401, "Unauthorized")


async def test_a_taken_id_closes_4409(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        await socket.subscribe(EVENTS, operation_id="é" * 200)
        await socket.subscribe(EVENTS, operation_id="é" * 200)
        code, reason = await socket.closed()
    assert code == 4409
    assert reason.startswith("Subscriber for éé")


async def test_without_an_init_the_socket_closes_4408(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "INIT_SECONDS", 0.05)
    async with served(world) as place, opened(place) as socket:
        assert await socket.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize("protocol", [None, "graphql-ws"])
async def test_another_subprotocol_closes_4406(world: World, protocol: str | None) -> None:
    async with served(world) as place, opened(place, protocol=protocol) as socket:
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


@pytest.mark.parametrize(
    "payload",
    [
        {"token": token()},
        {"authorization": f"Bearer {token()}"},
        {"Authorization": f"bearer {token()}", "other": [1]},
    ],
    ids=["token", "authorization", "Authorization"],
)
async def test_the_token_may_come_in_the_init(world: World, payload: dict[str, object]) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init(payload)


async def test_the_token_may_come_with_the_handshake(world: World) -> None:
    async with served(world) as place:
        async with opened(place, bearer=token("acme")) as socket:
            await socket.init({})
            await socket.subscribe(VIEWER)
            assert await socket.next() == {"viewer": {"tenantId": "acme"}}
        async with opened(place, token=token("acme")) as socket:
            await socket.send({"type": "connection_init"})
            assert await socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    ("payload", "closed"),
    [
        ({}, (4403, "Forbidden")),
        (None, (4403, "Forbidden")),
        ({"token": None}, (4403, "Forbidden")),
        ({"token": 7}, (4403, "Forbidden")),
        ({"token": "x"}, (4403, "Forbidden")),
        ({"authorization": token()}, (4403, "Forbidden")),
        ({"token": jwt.encode({"exp": 4_102_444_800}, SECRET)}, (4403, "Forbidden")),
        ({"token": token(ttl_seconds=-60)}, (4401, "Token expired")),
    ],
)
async def test_a_refused_init_closes(
    world: World, payload: dict[str, object] | None, closed: tuple[int, str]
) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        assert await socket.closed() == closed


async def test_a_token_that_expires_meanwhile_closes_4401(world: World) -> None:
    bus = CountingBus()
    async with served(replace(world, bus=bus)) as place, opened(place) as socket:
        await socket.init({"token": token(ttl_seconds=2)})
        await socket.subscribe(EVENTS)
        await bus.until(1)
        assert await socket.closed() == (4401, "Token expired")
        await bus.until(0)


async def test_what_nobody_foresaw_in_the_socket_itself_closes_4500(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenIdentity(Identity):
        async def actor_of_token(self, token: str) -> Actor:
            raise ValueError("the password is hunter2")

    policy = TokenPolicy("HS256", SECRET)
    broken = replace(world, identity=BrokenIdentity(policy, "g" * 32, world.clock))
    async with served(broken) as place, opened(place) as socket:
        await socket.send({"type": "connection_init", "payload": {"token": token()}})
        assert await socket.closed() == (4500, "Internal server error")
    assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    ("origin", "allowed", "served_there"),
    [
        (None, None, True),
        ("http://{place}", None, True),
        ("https://{place}", None, True),
        ("https://evil.example", None, False),
        ("null", None, False),
        ("http://[", None, False),
        ("https://ui.example", frozenset({"https://ui.example"}), True),
        ("http://ui.example", frozenset({"https://ui.example"}), False),
        ("http://{place}", frozenset({"https://ui.example"}), True),
    ],
)
async def test_pages_of_other_origins_are_kept_out(
    world: World, origin: str | None, allowed: frozenset[str] | None, served_there: bool
) -> None:
    async with served(world, origins=allowed) as place:
        site = origin and origin.format(place=place)
        async with opened(place, origin=site) as socket:
            if served_there:
                await socket.init()
            else:
                assert await socket.closed() == (4403, "Forbidden origin")


async def test_a_completed_operation_ends_at_once_and_its_id_is_free(world: World) -> None:
    camera = await add_camera(world)
    bus = CountingBus()
    counted = replace(world, bus=bus)
    async with served(counted) as place, opened(place) as socket:
        await socket.init()
        await socket.subscribe(EVENTS)
        await bus.until(1)
        await socket.send({"type": "complete", "id": "1"})
        await socket.send({"type": "complete", "id": "never there"})
        await bus.until(0)
        await socket.subscribe(EVENTS)
        await bus.until(1)
        await add_events(counted, camera, [beginning(camera.key, AT, event_id="evt-1")])
        assert await socket.next() == {"events": {"kind": "BEGAN", "event": {"id": "evt-1"}}}


async def test_a_client_that_goes_away_ends_what_it_watched(world: World) -> None:
    bus = CountingBus()
    async with served(replace(world, bus=bus)) as place, opened(place) as socket:
        await socket.init()
        for number in range(5):
            await socket.subscribe(EVENTS, operation_id=f"e{number}")
            await socket.subscribe(CAMERAS, operation_id=f"c{number}")
        await bus.until(2)  # one waits for events and one for cameras, for all of them
        socket.connection.transport.abort()  # no close frame, no good-bye
        await bus.until(0)


async def test_a_server_that_stops_closes_its_sockets(world: World) -> None:
    bus = CountingBus()
    async with AsyncExitStack() as client:
        async with asyncio.timeout(30), served(replace(world, bus=bus)) as place:
            socket = await client.enter_async_context(opened(place))
            await socket.init()
            await socket.subscribe(EVENTS)
            await bus.until(1)
        assert (await socket.closed())[0] == 1012
    assert bus.waiting == 0


async def test_a_socket_runs_many_operations_but_not_any_number(world: World) -> None:
    bus = CountingBus()
    async with served(replace(world, bus=bus)) as place, opened(place) as socket:
        await socket.init()
        for number in range(sockets.MAX_OPERATIONS):
            await socket.subscribe(EVENTS, operation_id=f"{number}")
        await bus.until(1)
        await socket.subscribe(VIEWER, operation_id="one more")
        refusal = await socket.receive()
        assert (refusal["id"], refusal["type"]) == ("one more", "error")
        assert refusal["payload"][0]["extensions"] == {"code": "TOO_MANY_OPERATIONS", "limit": 100}
        await socket.send({"type": "complete", "id": "7"})
        await socket.subscribe(VIEWER, operation_id="one more")
        assert await socket.next("one more") == {"viewer": {"tenantId": "default"}}


async def test_what_nobody_foresaw_ends_the_operation_masked_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenBus:
        async def ring(self, topic: str) -> None: ...

        async def check(self) -> str:
            return "broken"

        def bell(self, topic: str) -> AbstractAsyncContextManager[asyncio.Event]:
            raise ValueError(f"password of {topic} is hunter2")

    async with served(replace(world, bus=BrokenBus())) as place, opened(place) as socket:
        await socket.init()
        await socket.subscribe(EVENTS)
        message = await socket.receive()
        assert message == {
            "id": "1",
            "type": "error",
            "payload": [{"message": "internal error", "extensions": {"code": "INTERNAL"}}],
        }
        await socket.subscribe(VIEWER)  # the socket goes on
        assert await socket.next() == {"viewer": {"tenantId": "default"}}
    [logged] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert "hunter2" in (logged.exc_text or "")


async def test_the_handshake_names_the_protocol(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        assert socket.connection.subprotocol == PROTOCOL
