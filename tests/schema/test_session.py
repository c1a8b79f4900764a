from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import jwt
import pytest

from media.types import Snapshot
from resolvers.context import World
from tests.schema.service import served
from tests.schema.socket_client import opened
from tests.world import add_camera, add_events, beginning, token

AT = 1_777_558_925_123_000
EVENTS = "subscription { events { ... on EventChange { kind event { id } } } }"


def end_of(signed: str) -> int:
    return int(jwt.decode(signed, options={"verify_signature": False})["exp"])


async def test_a_ping_with_a_token_renews_the_credential(world: World) -> None:
    camera = await add_camera(world)
    later = token(ttl_seconds=600)
    async with served(world) as place, opened(place) as socket:
        await socket.init({"token": token(ttl_seconds=2)})
        await socket.subscribe(EVENTS)
        await socket.send({"type": "ping", "payload": {"token": later}})
        pong = await socket.receive()
        end = end_of(later)
        instant = f"{datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        assert pong == {"type": "pong", "payload": {"expiresAt": instant}}
        with pytest.raises(TimeoutError):  # the first token ends, and nothing comes of it
            await asyncio.wait_for(socket.connection.recv(), 3)
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        assert await socket.next() == {"events": {"kind": "BEGAN", "event": {"id": "evt-1"}}}


@pytest.mark.parametrize(
    ("renewal", "closed"),
    [
        (token(ttl_seconds=-60), (4401, "Token expired")),
        ("x", (4403, "Forbidden")),
        (token("acme"), (4403, "Forbidden")),
        (token(scope="events:read"), (4403, "Forbidden")),
    ],
    ids=["over", "bad", "another tenant", "other rights"],
)
async def test_a_renewal_that_is_none_closes(
    world: World, renewal: str, closed: tuple[int, str]
) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        await socket.send({"type": "ping", "payload": {"token": renewal}})
        assert await socket.closed() == closed


async def test_a_grant_after_a_renewal_ends_with_the_later_token(world: World) -> None:
    camera = await add_camera(world)
    first, later = token(ttl_seconds=100), token(ttl_seconds=300)
    shot = Snapshot("2026-04-30", "14", "snap-12.jpg")
    query = "subscription { events { ... on EventChange { event { snapshotUrl } } } }"
    ends = []
    async with served(world) as place, opened(place) as socket:
        await socket.init({"token": first})
        await socket.subscribe(query)
        for renewal in (None, later):
            if renewal is not None:
                await socket.send({"type": "ping", "payload": {"token": renewal}})
                assert (await socket.receive())["type"] == "pong"
            await asyncio.sleep(0.1)
            await add_events(world, camera, [beginning(camera.key, AT, snapshot=shot)])
            address = (await socket.next())["events"]["event"]["snapshotUrl"]
            grant = address.partition("grant=")[2]
            ends.append(end_of(grant))
    assert ends == [end_of(first), end_of(later)]
