from __future__ import annotations

import base64
import hmac
import json
import time
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from compat_rest.routes import operations
from resolvers.access import Scope
from resolvers.cameras import cameras
from resolvers.context import World
from resolvers.identity import Identity, TokenPolicy
from tests.compat_rest.service import PROBLEM, client_of
from tests.world import EVERY_SCOPE, SECRET, add_camera, context, token

CAMERAS = "/v2/api/cameras"
LOBBY = {"name": "Lobby", "rtsp_url": "rtsp://10.0.0.7/stream"}
NAMED = {
    "id": "x-1",
    "cam": "cam-a",
    "date": "2026-05-29",
    "hour": "12",
    "name": "a",
    "session": "0",
}
ADDRESSES = [(each.method, each.path.format_map(NAMED)) for each in operations]
LATER = int(time.time()) + 86_400
CLAIMS = {"tenant_id": "default", "scope": EVERY_SCOPE, "exp": LATER}
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = (
    PRIVATE.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def signed(key: Any = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    given = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(given, key, algorithm=algorithm)


def unsigned(header: object, claims: object, signature: str = "") -> str:
    """A token put together by hand, as an attacker does."""

    def encoded(part: object) -> str:
        text = part if isinstance(part, bytes) else json.dumps(part).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    return f"{encoded(header)}.{encoded(claims)}.{signature}"


def macked(algorithm: str, key: str, digest: str) -> str:
    """An HMAC over claims that are good, whatever the library thinks of the key."""
    body = unsigned({"alg": algorithm, "typ": "JWT"}, CLAIMS).rpartition(".")[0]
    mac = hmac.digest(key.encode(), body.encode(), digest)
    return f"{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


BAD_TOKENS = {
    "empty": "",
    "a word": "secret",
    "dots": "..",
    "not base64": "%.%.%",
    "not ascii": "ü.é.x",
    "expired": token(ttl_seconds=-5),
    "another key": signed("another secret, as long as the right one"),
    "no exp": signed(exp=None),
    "exp is no number": signed(exp="soon"),
    "not yet": signed(nbf=LATER),
    "no tenant": signed(tenant_id=None),
    "tenant is empty": signed(tenant_id=""),
    "tenant is a number": signed(tenant_id=5),
    "tenant has a NUL": signed(tenant_id="a\0b"),
    "tenant is long": signed(tenant_id="a" * 500),
    "no scope": signed(scope=None),
    "scope is a number": signed(scope=7),
    "scope is an object": signed(scope={"cameras:read": True}),
    "scope lists numbers": signed(scope=["cameras:read", 1]),
    "alg none": unsigned({"alg": "none", "typ": "JWT"}, CLAIMS),
    "alg None": unsigned({"alg": "None"}, CLAIMS, "x"),
    "alg is a list": unsigned({"alg": ["HS256"]}, CLAIMS, "x"),
    "alg is missing": unsigned({"typ": "JWT"}, CLAIMS, "x"),
    "another alg": macked("HS512", SECRET, "sha512"),
    "RS256 where HS256 is wanted": signed(PRIVATE, "RS256"),
    "signature cut off": signed().rpartition(".")[0] + ".",
    "claims changed": ".".join(
        [signed().split(".")[0], unsigned({}, {**CLAIMS, "x": 1}).split(".")[1], "abc"]
    ),
    "header nests deeply": unsigned(b"[" * 20_000, CLAIMS, "x"),
    "header is a list": unsigned([], CLAIMS, "x"),
    "claims are a list": unsigned({"alg": "HS256"}, [], "x"),
}


def refused(answer: httpx.Response) -> bool:
    """Whether it is a whole 401: problem, challenge, nothing of the token."""
    problem = answer.json()
    return (
        (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
        and problem["code"] in {"NOT_AUTHENTICATED", "TOKEN_EXPIRED"}
        and answer.headers["www-authenticate"].startswith("Bearer")
    )


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_refused_and_nothing_changes(world: World, name: str) -> None:
    bad = BAD_TOKENS[name]
    header = f"Bearer {bad}".encode()
    async with client_of(world, "") as client:
        answer = await client.post(CAMERAS, json=LOBBY, headers={b"Authorization": header})
    assert refused(answer)
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert not bad or bad not in answer.text
    assert await cameras(context(world)) == []


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
async def test_every_address_wants_a_token(world: World, method: str, address: str) -> None:
    async with client_of(world, "") as client:
        naked = await client.request(method, address)
        expired = await client.request(
            method, address, headers={"Authorization": f"Bearer {token(ttl_seconds=-5)}"}
        )
    assert refused(naked)
    assert naked.headers["www-authenticate"] == "Bearer"
    assert refused(expired)
    assert expired.json()["code"] == "TOKEN_EXPIRED"


async def test_the_hand_made_signature_is_a_good_one(world: World) -> None:
    async with client_of(world, f"Bearer {macked('HS256', SECRET, 'sha256')}") as client:
        assert (await client.get(CAMERAS)).status_code == 200


@pytest.mark.parametrize("operation", operations, ids=lambda each: f"{each.method} {each.path}")
async def test_every_address_demands_the_scope_it_names(world: World, operation: Any) -> None:
    address = operation.path.format_map({**NAMED, "name": "120000_000.m4s"})
    others = [each for each in Scope if each not in {operation.scope, Scope.TENANT_ADMIN}]
    poor = f"Bearer {token(scope=' '.join(others))}"
    async with client_of(world, poor) as client:
        answer = await client.request(operation.method, address, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_MISSING")
        assert operation.scope in answer.json()["detail"]
    for enough in (operation.scope, Scope.TENANT_ADMIN):
        async with client_of(world, f"Bearer {token(scope=enough)}") as client:
            answer = await client.request(operation.method, address, json={})
            assert answer.status_code in {200, 404, 415, 422}
    assert await cameras(context(world)) == []


async def test_platform_admin_sees_no_tenants_cameras(world: World) -> None:
    await add_camera(world)
    async with client_of(world, f"Bearer {token(scope='platform:admin')}") as client:
        assert (await client.get(CAMERAS)).status_code == 403


@pytest.mark.parametrize(
    "scope",
    ["cameras:read", "openid  cameras:read profile", ["cameras:read"], ["x", "cameras:read"]],
)
async def test_scopes_come_as_text_or_as_a_list(world: World, scope: str | list[str]) -> None:
    async with client_of(world, f"Bearer {token(scope=scope)}") as client:
        assert (await client.get(CAMERAS)).status_code == 200
        assert (await client.post(CAMERAS, json=LOBBY)).status_code == 403
    assert await cameras(context(world)) == []


async def test_the_schemes_name_is_read_in_any_case(world: World) -> None:
    for scheme in ("bearer", "BEARER", "Bearer  "):
        async with client_of(world, f"{scheme} {token()}") as client:
            assert (await client.get(CAMERAS)).status_code == 200


async def test_other_schemes_are_no_credential(world: World) -> None:
    for header in (f"Basic {token()}", token(), "Bearer", "Digest x"):
        async with client_of(world, header) as client:
            assert refused(await client.get(CAMERAS))


async def test_two_credentials_are_none(world: World) -> None:
    both = [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token('acme')}")]
    async with client_of(world, "") as client:
        assert refused(await client.get(CAMERAS, headers=both))


async def test_the_api_takes_no_token_from_the_address(world: World) -> None:
    async with client_of(world, "") as client:
        assert refused(await client.get(f"{CAMERAS}?token={token()}"))


async def test_with_a_public_key_an_hmac_over_it_is_no_signature(world: World) -> None:
    identity = Identity(TokenPolicy("RS256", PUBLIC_PEM), "g" * 32, world.clock)
    asymmetric = replace(world, identity=identity)
    confused = macked("HS256", PUBLIC_PEM, "sha256")
    for bad in (confused, signed(), unsigned({"alg": "none"}, CLAIMS)):
        async with client_of(asymmetric, f"Bearer {bad}") as client:
            assert refused(await client.get(CAMERAS))
    async with client_of(asymmetric, f"Bearer {signed(PRIVATE, 'RS256')}") as client:
        assert (await client.get(CAMERAS)).status_code == 200
