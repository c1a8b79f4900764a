from __future__ import annotations

import asyncio

import pytest

from resolvers import expiry
from resolvers.access import Actor
from resolvers.following import Following

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
    monkeypatch.setattr(expiry, "LOOK_SECONDS", 0.005)


def actor(expires_us: int | None) -> Actor:
    return Actor("default", frozenset(), expires_us=expires_us)


async def test_a_credential_ends_when_the_clock_steps_over_its_end() -> None:
    following, clock = Following(), SteppingClock()
    soon, later, never = (
        asyncio.create_task(following.until_expired(actor(end), clock))
        for end in (101 * SECOND, 200 * SECOND, None)
    )
    await asyncio.sleep(0.02)
    assert not soon.done()
    clock.at_us += 3600 * SECOND // 60
    await asyncio.wait_for(soon, 30)
    assert not later.done()
    clock.at_us += 3600 * SECOND
    await asyncio.wait_for(later, 30)
    assert not never.done()
    never.cancel()


async def test_what_is_over_already_ends_at_once() -> None:
    await asyncio.wait_for(Following().until_expired(actor(99 * SECOND), SteppingClock()), 5)
