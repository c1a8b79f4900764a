from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from media.clock import SystemClock
from resolvers.access import Actor, Interval, Scope
from resolvers.errors import NotAuthenticated, TokenExpired
from resolvers.identity import REMEMBERED_US, Identity, TokenPolicy

SECRET = "s" * 40
LATER = int(time.time()) + 86_400
GOOD: dict[str, Any] = {"tenant_id": "acme", "scope": "cameras:read", "exp": LATER}


def identity(**policy: Any) -> Identity:
    settings = {"algorithm": "HS256", "key": SECRET, **policy}
    return Identity(TokenPolicy(**settings), "g" * 40, SystemClock())


def signed(claims: dict[str, Any], key: str = SECRET) -> str:
    return jwt.encode(claims, key, algorithm="HS256")


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*texts, ""])


async def test_a_good_token_is_an_actor_of_its_tenant() -> None:
    actor = await identity().actor_of_token(signed(GOOD))
    assert actor == Actor("acme", frozenset({Scope.CAMERAS_READ}), expires_us=LATER * 1_000_000)


async def test_scope_may_be_a_list_and_unknown_names_grant_nothing() -> None:
    claims = GOOD | {"scope": ["events:read", "openid", "root"]}
    actor = await identity().actor_of_token(signed(claims))
    assert actor.scopes == {Scope.EVENTS_READ}


async def test_an_issuers_names_are_translated() -> None:
    mapped = identity(scope_claim="roles", tenant_claim="org", scope_map={"viewer": "cameras:read"})
    actor = await mapped.actor_of_token(signed({"org": "acme", "roles": ["viewer"], "exp": LATER}))
    assert (actor.tenant_id, actor.scopes) == ("acme", frozenset({Scope.CAMERAS_READ}))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        unsigned(GOOD),
        signed(GOOD, "another secret that is long enough to sign"),
        signed({k: v for k, v in GOOD.items() if k != "tenant_id"}),
        signed({k: v for k, v in GOOD.items() if k != "scope"}),
        signed({k: v for k, v in GOOD.items() if k != "exp"}),
        signed(GOOD | {"tenant_id": 7}),
        signed(GOOD | {"exp": "soon"}),
        signed(GOOD | {"exp": float("inf")}),
        signed(GOOD | {"tenant_id": ""}),
        signed(GOOD | {"tenant_id": "nul \0 byte"}),
        signed(GOOD | {"tenant_id": "surrogate \ud800"}),
        signed(GOOD | {"scope": 7}),
        signed(GOOD | {"scope": [7]}),
        signed(GOOD) + "x",
    ],
)
async def test_a_bad_token_is_nobody(token: str) -> None:
    with pytest.raises(NotAuthenticated):
        await identity().actor_of_token(token)


async def test_an_expired_token_is_nobody() -> None:
    with pytest.raises(TokenExpired):
        await identity().actor_of_token(signed(GOOD | {"exp": int(time.time()) - 1}))


async def test_a_public_key_cannot_be_used_as_a_secret() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    es256 = identity(algorithm="ES256", key=pem.decode())
    actor = await es256.actor_of_token(jwt.encode(GOOD, private, algorithm="ES256"))
    assert actor.tenant_id == "acme"
    for forged in (signed(GOOD), unsigned(GOOD)):
        with pytest.raises(NotAuthenticated):
            await es256.actor_of_token(forged)


async def test_issuer_and_audience_are_checked_where_configured() -> None:
    strict = identity(issuer="https://id.example", audience="vms")
    good = GOOD | {"iss": "https://id.example", "aud": "vms"}
    assert (await strict.actor_of_token(signed(good))).tenant_id == "acme"
    for claims in (GOOD, good | {"iss": "https://evil.example"}, good | {"aud": "other"}):
        with pytest.raises(NotAuthenticated):
            await strict.actor_of_token(signed(claims))
    with pytest.raises(NotAuthenticated):
        await identity().actor_of_token("Bearer " + signed(good))


def test_an_unknown_algorithm_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="none"):
        identity(algorithm="none")


def test_tenant_admin_may_all_within_its_tenant_and_platform_admin_sees_none_of_it() -> None:
    admin = Actor("acme", frozenset({Scope.TENANT_ADMIN}))
    platform = Actor("acme", frozenset({Scope.PLATFORM_ADMIN}))
    assert all(admin.may(scope) for scope in Scope if scope is not Scope.PLATFORM_ADMIN)
    assert not admin.may(Scope.PLATFORM_ADMIN)
    assert [scope for scope in Scope if platform.may(scope)] == [Scope.PLATFORM_ADMIN]


async def test_a_grant_plays_one_camera_and_is_no_token() -> None:
    issuer = identity()
    soon = int(time.time()) + 300
    actor = await issuer.actor_of_token(signed(GOOD | {"scope": "playback:read", "exp": soon}))
    grant = issuer.sign_grant(actor, "cam-a", Interval(5, 9))
    narrowed = issuer.actor_of_grant(grant)
    assert (narrowed.tenant_id, narrowed.cameras, narrowed.interval) == (
        "acme",
        frozenset({"cam-a"}),
        Interval(5, 9),
    )
    assert narrowed.scopes == {Scope.PLAYBACK_READ}
    assert narrowed.expires_us == actor.expires_us
    with pytest.raises(NotAuthenticated):
        await issuer.actor_of_token(grant)
    for forged in (signed(GOOD), "", unsigned({"t": "acme", "c": "x", "exp": LATER})):
        with pytest.raises(NotAuthenticated):
            issuer.actor_of_grant(forged)


async def test_a_grant_ends_with_the_token_it_came_from() -> None:
    issuer = identity()
    over = Actor("acme", frozenset({Scope.PLAYBACK_READ}), expires_us=1_000_000)
    with pytest.raises(TokenExpired):
        issuer.actor_of_grant(issuer.sign_grant(over, "cam-a", Interval(5, 9)))


class MovableClock(SystemClock):
    now = LATER * 1_000_000 - 5_000_000

    def now_us(self) -> int:
        return self.now


async def test_a_token_that_was_verified_before_still_ends_on_time() -> None:
    clock = MovableClock()
    who = Identity(TokenPolicy("HS256", SECRET), "g" * 40, clock)
    token = signed(GOOD)
    assert await who.actor_of_token(token) is await who.actor_of_token(token)
    clock.now = LATER * 1_000_000 - 1
    assert (await who.actor_of_token(token)).tenant_id == "acme"
    clock.now = LATER * 1_000_000
    with pytest.raises(TokenExpired):
        await who.actor_of_token(token)


async def test_a_withdrawn_key_is_noticed_soon() -> None:
    clock, keys = MovableClock(), [SECRET]
    who = Identity(TokenPolicy("HS256", lambda _: keys[0]), "g" * 40, clock)
    clock.now -= 60_000_000
    token = signed(GOOD)
    assert (await who.actor_of_token(token)).tenant_id == "acme"
    keys[0] = "another key that is long enough for it"
    clock.now += REMEMBERED_US
    with pytest.raises(NotAuthenticated):
        await who.actor_of_token(token)
