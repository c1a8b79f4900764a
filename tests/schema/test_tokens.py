"""Tokens revoked over GraphQL, and what that does to everything that is open with them."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import uuid4

import jwt
import pytest

from media.types import Snapshot
from models.revocation import revocations_from
from resolvers.context import World
from resolvers.errors import TokenRevoked
from tests.schema.buses import CountingBus
from tests.schema.service import ask, client_of, codes, data, served
from tests.schema.socket_client import opened
from tests.schema.test_groups import until_groups
from tests.schema.test_streams import APOLLO, EVENTS, SSE, stream
from tests.world import EVERY_SCOPE, SECRET, add_camera, add_events, beginning

AT = 1_777_558_925_123_000
ONE = """mutation ($token: String!) { done: tokenRevoke(token: $token) {
  revocation { subject issuedBefore revokedBy } userErrors { code field } } }"""
MANY = """mutation ($subject: ID, $before: DateTime, $tenant: ID) {
  done: tokensRevoke(subject: $subject, issuedBefore: $before, tenantId: $tenant) {
    revocation { subject issuedBefore revokedBy } userErrors { code field } } }"""
PICTURES = "subscription { events { ... on EventChange { event { snapshotUrl } } } }"


def token(subject: str = "alice", scope: str = EVERY_SCOPE, **claims: object) -> str:
    now = int(time.time())
    base = {"tenant_id": "default", "scope": scope, "exp": now + 600, "iat": now - 60}
    named = {"sub": subject, "jti": uuid4().hex}
    return jwt.encode({**base, **named, **claims}, SECRET, algorithm="HS256")


async def revoke(world: World, bearer: str) -> None:
    done = (await data(world, ONE, {"token": bearer}, token("root")))["done"]
    assert done["userErrors"] == []


async def test_a_token_ends_itself_and_the_next_request_is_a_401(world: World) -> None:
    bearer = token(scope="cameras:read")
    done = (await data(world, ONE, {"token": bearer}, bearer))["done"]
    assert done["revocation"] == {"subject": "alice", "issuedBefore": None, "revokedBy": "alice"}
    async with client_of(world, bearer) as client:
        for answer in (
            await client.post("/graphql", json={"query": "{ viewer { tenantId } }"}),
            await client.get("/graphql", params={"query": "{ viewer { tenantId } }"}),
        ):
            assert (answer.status_code, codes(answer.json())) == (401, ["TOKEN_REVOKED"])
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["errors"][0]["message"] == "the token was revoked"


async def test_who_may_not_is_refused_and_nothing_is_written(world: World) -> None:
    poor, other = token(scope="cameras:read cameras:write"), token()
    assert codes(await ask(world, ONE, {"token": other}, poor)) == ["SCOPE_MISSING"]
    for variables in ({"subject": "bob"}, {}, {"tenant": "acme"}):
        assert codes(await ask(world, MANY, variables, poor)) == ["SCOPE_MISSING"]
    foreign = {"subject": "bob", "tenant": "acme"}
    assert codes(await ask(world, MANY, foreign, token("root"))) == ["SCOPE_MISSING"]
    assert await revocations_from(0) == []


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"subject": None}, ("INVALID_INPUT", "subject")),
        ({"subject": ""}, ("INVALID_INPUT", "subject")),
        ({"subject": "a", "before": "2999-01-01T00:00:00Z"}, ("INVALID_INPUT", "issuedBefore")),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_written(
    world: World, variables: dict[str, object], error: tuple[str, str]
) -> None:
    done = (await data(world, MANY, variables, token("root")))["done"]
    assert done["revocation"] is None
    assert [(each["code"], each["field"]) for each in done["userErrors"]] == [error]
    assert await revocations_from(0) == []


async def test_another_tenants_token_is_as_none(world: World) -> None:
    found = [
        (await data(world, ONE, {"token": each}, token("root")))["done"]
        for each in (token(tenant_id="acme"), "rubbish")
    ]
    errors = [{"code": "INVALID_INPUT", "field": "token"}]
    assert found == [{"revocation": None, "userErrors": errors}] * 2
    assert await revocations_from(0) == []


async def test_an_unknown_tenant_is_not_found_by_the_platform(world: World) -> None:
    platform = token("root", "platform:admin")
    done = (await data(world, MANY, {"tenant": "ghost"}, platform))["done"]
    assert [each["code"] for each in done["userErrors"]] == ["NOT_FOUND"]


async def test_a_socket_closes_and_one_of_another_token_stays(world: World) -> None:
    first, other = token(), token()
    async with served(world) as place, opened(place) as socket, opened(place) as stays:
        for each, bearer in ((socket, first), (stays, other)):
            await each.init({"token": bearer})
            await each.subscribe(EVENTS)
        await revoke(world, first)
        assert await socket.closed() == (4401, "Token revoked")
        await stays.send({"type": "ping"})
        assert await stays.receive() == {"type": "pong"}
        async with opened(place) as late:
            await late.send({"type": "connection_init", "payload": {"token": first}})
            assert await late.closed() == (4401, "Token revoked")


async def test_a_renewed_socket_hangs_on_the_new_token_alone(world: World) -> None:
    first, later = token(), token()
    async with served(world) as place, opened(place) as socket:
        await socket.init({"token": first})
        await socket.send({"type": "ping", "payload": {"token": later}})
        assert (await socket.receive())["type"] == "pong"
        await revoke(world, first)
        await socket.subscribe("{ viewer { tenantId } }")
        assert await socket.next() == {"viewer": {"tenantId": "default"}}
        assert (await socket.receive())["type"] == "complete"
        await socket.send({"type": "ping", "payload": {"token": first}})
        assert await socket.closed() == (4401, "Token revoked")
    third = token()
    async with served(world) as place, opened(place) as socket:
        await socket.init({"token": later})
        await socket.send({"type": "ping", "payload": {"token": third}})
        assert (await socket.receive())["type"] == "pong"
        await revoke(world, third)
        assert await socket.closed() == (4401, "Token revoked")


async def test_pings_are_answered_before_the_acknowledgement(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.send({"type": "ping", "payload": {"a": 1}})
        assert await socket.receive() == {"type": "pong", "payload": {"a": 1}}
        await socket.init()


@pytest.mark.parametrize("accept", [SSE, APOLLO])
async def test_a_stream_says_so_and_ends(world: World, accept: str) -> None:
    bus, bearer = CountingBus(), token()
    async with (
        served(replace(world, bus=bus)) as place,
        stream(place, EVENTS, accept, bearer=bearer) as response,
    ):
        await bus.until(1)
        await revoke(world, bearer)
        body = await response.aread()
        await bus.until(0)
    assert b'"code":"TOKEN_REVOKED"' in body
    assert body.endswith((b"event: complete\ndata:\n\n", b"--graphql--\r\n"))


async def test_a_grant_given_to_a_follower_is_its_own_tokens(world: World) -> None:
    camera = await add_camera(world)
    shot = Snapshot("2026-04-30", "14", "snap-12.jpg")
    bearers = [token(), token()]
    async with served(world) as place, opened(place) as one, opened(place) as other:
        for socket, bearer in zip((one, other), bearers, strict=True):
            await socket.init({"token": bearer})
            await socket.subscribe(PICTURES)
        await until_groups(world, 2)
        await add_events(world, camera, [beginning(camera.key, AT, snapshot=shot)])
        urls = [(await each.next())["events"]["event"]["snapshotUrl"] for each in (one, other)]
    grants = [each.partition("grant=")[2] for each in urls]
    actors = [await world.identity.actor_of_token(each) for each in bearers]
    given = [world.identity.actor_of_grant(each).credential for each in grants]
    assert given == [each.credential for each in actors]
    await revoke(world, bearers[0])
    with pytest.raises(TokenRevoked):
        world.identity.actor_of_grant(grants[0])
    assert world.identity.actor_of_grant(grants[1]).tenant_id == "default"
