from __future__ import annotations

import base64
import json
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from media.clock import SystemClock
from models.revocation import TokenRevocation
from resolvers.access import Actor, Interval, Scope
from resolvers.credential import Credential, holder_of
from resolvers.errors import NotAuthenticated, TokenExpired, TokenRevoked
from resolvers.identity import REMEMBERED_US, Identity, TokenPolicy

SECRET = "s" * 40
LATER = int(time.time()) + 86_400
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
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
    assert actor.rights == Actor("acme", frozenset({Scope.CAMERAS_READ}))
    assert actor.expires_us == LATER * 1_000_000


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


async def test_a_live_grant_is_for_one_camera_as_it_is_and_plays_nothing() -> None:
    issuer = identity()
    soon = int(time.time()) + 300
    actor = await issuer.actor_of_token(signed(GOOD | {"scope": "live:read", "exp": soon}))
    grant = issuer.sign_live_grant(actor, "cam-a")
    narrowed = issuer.actor_of_grant(grant)
    assert (narrowed.tenant_id, narrowed.cameras) == ("acme", frozenset({"cam-a"}))
    assert narrowed.scopes == {Scope.LIVE_READ}
    assert (narrowed.expires_us, narrowed.credential) == (actor.expires_us, actor.credential)
    with pytest.raises(NotAuthenticated):
        await issuer.actor_of_token(grant)
    claims = {"t": "acme", "c": "cam-a", "s": "everything", "f": 1, "u": 2, "exp": LATER}
    with pytest.raises(NotAuthenticated):
        issuer.actor_of_grant(jwt.encode(claims, "g" * 40, algorithm="HS256"))


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


async def credential(claims: dict[str, Any]) -> Credential:
    found = (await identity().actor_of_token(signed(claims))).credential
    assert found is not None
    return found


async def test_a_token_is_known_by_its_jti_or_else_by_what_was_signed() -> None:
    named, nameless = GOOD | {"jti": "a"}, GOOD
    assert await credential(named) == await credential(named | {"scope": "events:read"})
    assert await credential(named) != await credential(named | {"jti": "b"})
    assert await credential(nameless) != await credential(nameless | {"scope": "events:read"})
    for odd in ("", 7):
        claims = nameless | {"jti": odd}
        if isinstance(odd, str):
            assert (await credential(claims)).token != (await credential(named)).token
        else:
            with pytest.raises(NotAuthenticated):
                await credential(claims)


async def test_another_valid_signature_of_the_same_is_the_same_token() -> None:
    """With (r, s) also (r, n - s) is one, which anybody can compute."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    who = identity(algorithm="ES256", key=pem.decode())
    token = jwt.encode(GOOD, private, algorithm="ES256")
    text, _, signature = token.rpartition(".")
    both = base64.urlsafe_b64decode(signature + "==")
    flipped = (P256_ORDER - int.from_bytes(both[32:])).to_bytes(32)
    other = base64.urlsafe_b64encode(both[:32] + flipped).decode().rstrip("=")
    assert other != signature
    found = [(await who.actor_of_token(each)).credential for each in (token, f"{text}.{other}")]
    assert found[0] is not None
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("issued", "known_us"),
    [
        (1_700_000_000, 1_700_000_000_000_000),
        (1_700_000_000.25, 1_700_000_000_250_000),
        pytest.param(LATER * 1000, None, id="milliseconds"),
        (-5, None),
        ("yesterday", None),
        (True, None),
        (None, None),
    ],
)
async def test_a_time_of_issue_that_cannot_be_is_none(issued: object, known_us: int | None) -> None:
    assert (await credential(GOOD | {"iat": issued})).issued_us == known_us


@pytest.mark.parametrize(
    "known",
    [Credential("t"), Credential("t", "h"), Credential("t", "h", 5), Credential("t", None, 5)],
)
def test_a_credential_can_be_written_and_read(known: Credential) -> None:
    assert Credential.read(known.text) == known


def of_one(token: str) -> TokenRevocation:
    return TokenRevocation("acme", uuid4(), token, None, None, None, "somebody", 0)


def of_many(before_us: int, subject: str | None = None, tenant_id: str = "acme") -> TokenRevocation:
    return TokenRevocation(tenant_id, uuid4(), None, subject, before_us, None, "somebody", 0)


async def test_a_token_that_was_verified_before_is_refused_once_it_is_revoked() -> None:
    who, token, other = identity(), signed(GOOD | {"jti": "a"}), signed(GOOD | {"jti": "b"})
    found = (await who.actor_of_token(token)).credential
    assert found is not None
    who.revoked.learn([of_one(found.token)])
    with pytest.raises(TokenRevoked, match="the token was revoked"):
        await who.actor_of_token(token)
    assert (await who.actor_of_token(other)).tenant_id == "acme"


async def test_those_of_a_subject_or_tenant_that_were_issued_before_are_refused() -> None:
    now = int(time.time())

    async def good(who: Identity, **claims: object) -> bool:
        try:
            await who.actor_of_token(signed(GOOD | claims))
        except TokenRevoked:
            return False
        return True

    alice, nobody = {"sub": "alice"}, {"sub": "bob"}
    who = identity()
    who.revoked.learn([of_many(now * 1_000_000, "alice"), of_many(1, "alice")])
    assert not await good(who, **alice, iat=now - 1)
    assert not await good(who, **alice)
    assert await good(who, **alice, iat=now)
    assert await good(who, **nobody, iat=now - 1)
    assert await good(who, **alice, tenant_id="default")
    who.revoked.learn([of_many(now * 1_000_000), of_many(now * 1_000_000, tenant_id="other")])
    assert not await good(who, **nobody, iat=now - 1)
    assert not await good(who)
    assert await good(who, **nobody, iat=now)
    assert await good(who, **nobody, tenant_id="default")


async def test_a_grant_ends_when_the_token_it_came_from_is_revoked() -> None:
    who, interval = identity(), Interval(5, 9)
    claims = GOOD | {"scope": "playback:read", "sub": "alice@example.org", "iat": 1_700_000_000}
    one, other = [await who.actor_of_token(signed(claims | {"jti": each})) for each in "ab"]
    grants = [who.sign_grant(each, "cam-a", interval) for each in (one, other)]
    assert grants[0] == who.sign_grant(one, "cam-a", interval)
    shown = who.actor_of_grant(grants[0])
    assert shown.credential == one.credential
    assert "alice" not in str(jwt.decode(grants[0], options={"verify_signature": False}))
    further = who.sign_grant(shown, "cam-a", interval)
    assert one.credential is not None
    who.revoked.learn([of_one(one.credential.token)])
    for grant in (grants[0], further):
        with pytest.raises(TokenRevoked):
            who.actor_of_grant(grant)
    assert who.actor_of_grant(grants[1]).tenant_id == "acme"
    who.revoked.learn([of_many(1_700_000_001_000_000, "alice@example.org")])
    with pytest.raises(TokenRevoked):
        who.actor_of_grant(grants[1])


async def test_a_grant_of_nobody_ends_with_all_of_its_tenant() -> None:
    who = identity()
    grant = who.sign_grant(Actor("acme", frozenset()), "cam-a", Interval(5, 9))
    assert who.actor_of_grant(grant).credential is None
    who.revoked.learn([of_many(1)])
    with pytest.raises(TokenRevoked):
        who.actor_of_grant(grant)


def test_subjects_of_two_tenants_are_two() -> None:
    assert holder_of("a", "b") != holder_of("b", "b")
