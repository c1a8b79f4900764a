from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from models.revocation import TokenRevocation
from resolvers import endings
from resolvers.access import Actor
from resolvers.credential import Credential
from resolvers.errors import NotAuthenticated, TokenExpired, TokenRevoked
from resolvers.following import Following
from resolvers.identity import Identity, TokenPolicy

SECOND = 1_000_000


class SteppingClock:
    def __init__(self) -> None:
        self.at_us = 100 * SECOND

    def now_us(self) -> int:
        return self.at_us

    def monotonic_us(self) -> int:
        return self.at_us


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "LOOK_SECONDS", 0.005)


def identity(clock: SteppingClock) -> Identity:
    return Identity(TokenPolicy("HS256", "s" * 40), "g" * 40, clock)


def actor(expires_us: int | None, token: str = "a") -> Actor:
    return Actor("default", frozenset(), expires_us=expires_us, credential=Credential(token))


def revocation(token: str) -> TokenRevocation:
    return TokenRevocation("default", uuid4(), token, None, None, None, "somebody", 0)


def waiting(following: Following, who: Actor, by: Identity) -> asyncio.Task[NotAuthenticated]:
    return asyncio.create_task(following.until_over(lambda: who, by))


async def test_a_credential_ends_when_the_clock_steps_over_its_end() -> None:
    following, clock = Following(), SteppingClock()
    by = identity(clock)
    soon, later, never = (
        waiting(following, actor(end), by) for end in (101 * SECOND, 200 * SECOND, None)
    )
    await asyncio.sleep(0.02)
    assert not soon.done()
    clock.at_us += 3600 * SECOND // 60
    assert isinstance(await asyncio.wait_for(soon, 30), TokenExpired)
    assert not later.done()
    clock.at_us += 3600 * SECOND
    assert isinstance(await asyncio.wait_for(later, 30), TokenExpired)
    assert not never.done()
    never.cancel()


async def test_what_is_over_already_ends_at_once() -> None:
    by = identity(SteppingClock())
    why = await asyncio.wait_for(waiting(Following(), actor(99 * SECOND), by), 5)
    assert isinstance(why, TokenExpired)


async def test_a_revoked_credential_ends_at_once_and_no_other_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endings, "LOOK_SECONDS", 600.0)
    following, by = Following(), identity(SteppingClock())
    one, other = (waiting(following, actor(None, token), by) for token in "ab")
    await asyncio.sleep(0.01)
    by.revoked.learn([revocation("a")])
    assert isinstance(await asyncio.wait_for(one, 5), TokenRevoked)
    assert not other.done()
    other.cancel()


async def test_the_credential_of_now_is_waited_for() -> None:
    following, by = Following(), identity(SteppingClock())
    holder = [actor(None, "a")]
    held = asyncio.create_task(following.until_over(lambda: holder[0], by))
    await asyncio.sleep(0.01)
    holder[0] = actor(None, "b")
    by.revoked.learn([revocation("a")])
    await asyncio.sleep(0.05)
    assert not held.done()
    by.revoked.learn([revocation("b")])
    assert isinstance(await asyncio.wait_for(held, 5), TokenRevoked)
