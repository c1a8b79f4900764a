"""What OpenAPI states of scopes is so: each route with each scope, each object and each token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.asyncio.client import connect

from compat_rest.openapi import document
from compat_rest.routes import operations, sockets
from resolvers.access import Actor, Interval, Scope
from resolvers.context import World
from tests.compat_rest.service import client_of, served
from tests.compat_rest.test_ws import close_code, envelope
from tests.matrix import (
    ABSENT,
    FOREIGN,
    NOON,
    OWN,
    SECOND,
    Stage,
    bearer,
    may,
    scope_sets,
    set_up,
    tables,
)
from tests.world import add_camera

PATHS: dict[str, dict[str, Any]] = document(operations, sockets)["paths"]
HOUR = "/v2/hls/{id}/2026-05-29/12"


class Ask(NamedTuple):
    """`{id}` in the address is an object of `kind`, None without; `fine` is the status of success.

    `fresh`: a success uses the object up, so each has its own.
    """

    address: str
    kind: str | None = None
    fine: int = 200
    fresh: bool = False
    json: Any = None
    content: str | None = None


ASKS = {
    "GET /v2/api/cameras": Ask("/v2/api/cameras"),
    "POST /v2/api/cameras": Ask(
        "/v2/api/cameras", None, 201, json={"name": "New", "rtsp_url": "rtsp://10.0.0.1/x"}
    ),
    "PATCH /v2/api/cameras/{id}": Ask("/v2/api/cameras/{id}", "camera", json={"name": "Other"}),
    "DELETE /v2/api/cameras/{id}": Ask("/v2/api/cameras/{id}", "camera", 204, fresh=True),
    "GET /v2/api/events": Ask("/v2/api/events"),
    "GET /v2/api/playback/timeline": Ask(
        "/v2/api/playback/timeline?camera_id={id}&date=2026-05-29", "camera"
    ),
    "GET /v2/api/playback/event/{id}": Ask("/v2/api/playback/event/{id}", "event"),
    "GET /v2/hls/{cam}/index.m3u8": Ask(
        f"/v2/hls/{{id}}/index.m3u8?from_us={NOON}&to_us={NOON + 8 * SECOND}", "camera"
    ),
    "GET /v2/hls/{cam}/iframes.m3u8": Ask(
        f"/v2/hls/{{id}}/iframes.m3u8?from_us={NOON}&to_us={NOON + 8 * SECOND}", "camera"
    ),
    "GET /v2/hls/{cam}/{date}/{hour}/index.m3u8": Ask(f"{HOUR}/index.m3u8", "camera"),
    "GET /v2/hls/{cam}/{date}/{hour}/iframes.m3u8": Ask(f"{HOUR}/iframes.m3u8", "camera"),
    "GET /v2/hls/{cam}/{date}/{hour}/{name}": Ask(f"{HOUR}/120000_000.m4s", "camera"),
    "GET /v2/exports/{id}/{name}": Ask("/v2/exports/{id}/manifest.json", "export"),
    # The camera sends what WebRTC can't show: whoever may look is told so.
    "POST /v2/live/{cam}/whep": Ask("/v2/live/{id}/whep", "camera", 406, content="v=0"),
    "DELETE /v2/live/{cam}/whep/{session}": Ask(f"/v2/live/{{id}}/whep/{'0' * 32}", "camera"),
    "GET /v2/live/{cam}/snapshot.jpg": Ask("/v2/live/{id}/snapshot.jpg", "camera"),
}


def secured() -> dict[str, tuple[frozenset[Scope], set[str]]]:
    """What OpenAPI says of each route that wants a token: its scope, and where that may stand."""
    found = {}
    for path, item in PATHS.items():
        for method, described in item.items():
            names = {
                name: scopes for each in described["security"] for name, scopes in each.items()
            }
            if "bearer" in names:
                scopes = frozenset(map(Scope, names["bearer"]))
                found[f"{method.upper()} {path}"] = scopes, set(names)
    return found


ROUTES = secured()
SOCKETS = {f"GET {each.path}" for each in sockets}


def test_every_route_with_a_scope_is_tried_and_no_other() -> None:
    assert ROUTES.keys() == ASKS.keys() | SOCKETS, "say in ASKS how it is asked for"
    assert all(scopes for scopes, _ in ROUTES.values())


async def asked(
    client: httpx.AsyncClient, route: str, object_id: str, **credential: str
) -> httpx.Response:
    ask = ASKS[route]
    headers, query = {}, {}
    if "bearer" in credential:
        headers["Authorization"] = f"Bearer {credential['bearer']}"
    if ask.content is not None:
        headers["Content-Type"] = "application/sdp"
    query = {name: value for name, value in credential.items() if name != "bearer"}
    address = httpx.URL(ask.address.replace("{id}", object_id)).copy_merge_params(query)
    return await client.request(
        route.partition(" ")[0], address, json=ask.json, content=ask.content, headers=headers
    )


def said(answer: httpx.Response, object_id: str) -> tuple[int, bytes]:
    body = answer.content
    return answer.status_code, body.replace(object_id.encode(), b"ID") if object_id else body


def object_id(stage: Stage, route: str, place: str) -> str:
    kind = ASKS[route].kind
    return "" if kind is None else stage.id(kind, place)


def places(route: str) -> list[str]:
    return [OWN] if ASKS[route].kind is None else [OWN, FOREIGN, ABSENT]


@pytest.mark.parametrize("route", sorted(ASKS))
async def test_a_route_demands_what_openapi_states(world: World, route: str) -> None:
    stage = await set_up(world)
    needed, credentials = ROUTES[route]
    async with client_of(stage.world, "") as client:
        before = await tables()
        for name in sorted(credentials & {"bearer", "token"}):
            for scopes in scope_sets(needed):
                await refused_or_not_there(client, stage, route, name, scopes)
            await strangers(client, stage, route, name)
        await without_credential(client, stage, route)
        assert await tables() == before, "a refusal changed something"
        for name in sorted(credentials & {"bearer", "token"}):
            for number, scopes in enumerate(scope_sets(needed)):
                if not may(scopes, needed):
                    continue
                own = object_id(stage, route, OWN)
                if ASKS[route].fresh:
                    own = (await add_camera(stage.world, f"cam-{name}-{number}")).slug
                answer = await asked(client, route, own, **{name: bearer(scopes)})
                assert answer.status_code == ASKS[route].fine, (scopes, answer.text)


async def refused_or_not_there(
    client: httpx.AsyncClient, stage: Stage, route: str, name: str, scopes: frozenset[Scope]
) -> None:
    needed, _ = ROUTES[route]
    told = {}
    for place in places(route):
        own = object_id(stage, route, place)
        if place == OWN and may(scopes, needed):
            continue
        answer = await asked(client, route, own, **{name: bearer(scopes)})
        told[place] = said(answer, own)
        code = answer.json()["code"]
        wanted = (404, "NOT_FOUND") if may(scopes, needed) else (403, "SCOPE_MISSING")
        assert (answer.status_code, code) == wanted, (scopes, place)
    assert told.get(FOREIGN) == told.get(ABSENT)


async def strangers(client: httpx.AsyncClient, stage: Stage, route: str, name: str) -> None:
    """A token that is over, and one of a tenant that there is not."""
    over, nobody = bearer(Scope, ttl_seconds=-60), bearer([Scope.TENANT_ADMIN], "nobody")
    told = set()
    for place in places(route):
        own = object_id(stage, route, place)
        answer = await asked(client, route, own, **{name: over})
        assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_EXPIRED")
        told.add(said(await asked(client, route, own, **{name: nobody}), own))
    [(status, body)] = told
    assert status == 404 or (status, body) == (200, b"[]")


async def without_credential(client: httpx.AsyncClient, stage: Stage, route: str) -> None:
    """None at all; and a token in the address of a route that reads it from the header alone."""
    _, credentials = ROUTES[route]
    own = object_id(stage, route, OWN)
    attempts: list[dict[str, str]] = [{}]
    if "token" not in credentials:
        attempts.append({"token": bearer(Scope)})
    for credential in attempts:
        answer = await asked(client, route, own, **credential)
        assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")


def grants(stage: Stage, actor: Actor) -> dict[str, str]:
    """Every kind of grant, of the tenant's own objects."""
    identity, camera = stage.world.identity, stage.id("camera", OWN)
    interval = Interval(NOON - 3600 * SECOND, NOON + 3600 * SECOND)
    return {
        "footage": identity.sign_grant(actor, camera, interval),
        "live": identity.sign_live_grant(actor, camera),
        "export": identity.sign_export_grant(actor, stage.id("export", OWN)),
    }


def kind_of_grant(route: str) -> str:
    if ASKS[route].kind == "export":
        return "export"
    return "live" if ROUTES[route][0] == {Scope.LIVE_READ} else "footage"


@pytest.mark.parametrize("route", sorted(each for each in ASKS if "grant" in ROUTES[each][1]))
async def test_a_grant_shows_its_own_object_alone_and_in_its_own_way(
    world: World, route: str
) -> None:
    """As it is handed out; of the other tenant's objects there is none."""
    stage = await set_up(world)
    own = object_id(stage, route, OWN)
    actor = await stage.world.identity.actor_of_token(bearer(ROUTES[route][0]))
    others = grants(stage, actor)
    grant = others.pop(kind_of_grant(route))
    over = grants(stage, replace(actor, expires_us=1_000_000))[kind_of_grant(route)]
    async with client_of(stage.world, "") as client:
        assert (await asked(client, route, own, grant=grant)).status_code == 200
        for other in others.values():
            refused = await asked(client, route, own, grant=other)
            assert refused.status_code in {403, 404}, refused.text
        answers = [
            said(await asked(client, route, each, grant=grant), each)
            for each in (object_id(stage, route, FOREIGN), object_id(stage, route, ABSENT))
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
        late = await asked(client, route, own, grant=over)
        assert (late.status_code, late.json()["code"]) == (401, "TOKEN_EXPIRED")


@pytest.mark.parametrize("route", sorted(SOCKETS))
async def test_a_socket_demands_what_openapi_states(world: World, route: str) -> None:
    stage = await set_up(world)
    needed, credentials = ROUTES[route]
    assert credentials == {"bearer", "token"}
    before = await tables()
    async with served(stage.world) as server:
        base = f"{server.socket_base}{route.partition(' ')[2]}"
        for scopes in scope_sets(needed):
            for address, headers in _carried(base, bearer(scopes)):
                url = f"{address}after={stage.before}"
                async with connect(url, additional_headers=headers) as client:
                    if may(scopes, needed):
                        assert (await envelope(client))["data"]["id"] == stage.id("event", OWN)
                    else:
                        assert await close_code(client) == 4403
        for address, headers in _carried(base, bearer(Scope, ttl_seconds=-60)):
            async with connect(address, additional_headers=headers) as client:
                assert await close_code(client) == 4401
    assert await tables() == before


def _carried(base: str, token: str) -> list[tuple[str, dict[str, str]]]:
    """An address to which a query may be added, and headers: each place for a token."""
    return [(f"{base}?", {"Authorization": f"Bearer {token}"}), (f"{base}?token={token}&", {})]
