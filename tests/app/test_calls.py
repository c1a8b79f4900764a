from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any
from uuid import uuid4

import jwt
import pytest

from app.calls import CALL_SECONDS, Call, CallKey
from media.clock import SystemClock
from media.store import CameraFolder
from resolvers.access import Interval, Scope
from resolvers.context import World
from resolvers.errors import NotAuthenticated
from tests.world import StandingClock, context

CLOCK = SystemClock()
CALL = Call(uuid4(), "GET", "/footage/2026-05-29/12/a.m4s", CameraFolder("acme", "cam-a.01234567"))


@pytest.fixture
def key() -> CallKey:
    return CallKey("g" * 32, CLOCK)


def test_a_signed_call_says_whose_footage_it_is_about(key: CallKey) -> None:
    given = key.authorization(CALL)
    assert key.checked(given, CALL.store_id, CALL.method, CALL.path) == CALL
    nobodys = replace(CALL, camera=None)
    given = key.authorization(nobodys)
    assert key.checked(given, CALL.store_id, CALL.method, CALL.path) == nobodys


@pytest.mark.parametrize(
    "other",
    [
        {"store_id": uuid4()},
        {"method": "DELETE"},
        {"method": "HEAD"},
        {"path": "/footage/2026-05-29/13/a.m4s"},
        {"path": "/footage/2026-05-29/12/a.m4s/"},
    ],
)
def test_a_call_is_good_for_one_request_to_one_store(key: CallKey, other: dict[str, Any]) -> None:
    asked = replace(CALL, **other)
    with pytest.raises(NotAuthenticated):
        key.checked(key.authorization(CALL), asked.store_id, asked.method, asked.path)


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer x.y.z", "Basic Zzp6", "bearer "])
def test_what_is_no_call_is_refused(key: CallKey, given: str) -> None:
    with pytest.raises(NotAuthenticated):
        key.checked(given, CALL.store_id, CALL.method, CALL.path)


def test_another_installations_call_is_refused(key: CallKey) -> None:
    foreign = CallKey("h" * 32, CLOCK).authorization(CALL)
    with pytest.raises(NotAuthenticated):
        key.checked(foreign, CALL.store_id, CALL.method, CALL.path)


def test_a_call_is_soon_over(key: CallKey) -> None:
    past = StandingClock(CLOCK.now_us() - (CALL_SECONDS + 1) * 1_000_000)
    old = CallKey("g" * 32, past).authorization(CALL)
    with pytest.raises(NotAuthenticated):
        key.checked(old, CALL.store_id, CALL.method, CALL.path)


@pytest.mark.parametrize("algorithm", ["none", "HS384"])
def test_the_token_does_not_choose_how_it_is_judged(key: CallKey, algorithm: str) -> None:
    """Even whoever knows the secret signs in one way alone."""
    secret = hmac.digest(
        b"g" * 32, b"calls between the processes of one installation", hashlib.sha256
    )
    claims = {"aud": CALL.store_id.hex, "method": "GET", "path": CALL.path, "exp": 2**33}

    def token(algorithm: str, secret: bytes | str) -> str:
        return f"Bearer {jwt.encode(claims, secret, algorithm)}"

    asked = CALL.store_id, CALL.method, CALL.path
    assert key.checked(token("HS256", secret), *asked) == replace(CALL, camera=None)
    other = "" if algorithm == "none" else secret + secret
    with pytest.raises(NotAuthenticated):
        key.checked(token(algorithm, other), *asked)


async def test_a_call_is_no_grant_and_a_grant_no_call(world: World, key: CallKey) -> None:
    actor = context(world, "default", Scope.PLAYBACK_READ).actor
    grant = world.identity.sign_grant(actor, "cam-a", Interval(0, 1))
    with pytest.raises(NotAuthenticated):
        key.checked(f"Bearer {grant}", CALL.store_id, CALL.method, CALL.path)
    with pytest.raises(NotAuthenticated):
        world.identity.actor_of_grant(key.authorization(CALL).removeprefix("Bearer "))
