"""What a plan allows of requests and connections, counted by a clock that the test moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.tenant import TenantTable
from resolvers import quota
from resolvers.context import World
from resolvers.errors import ConnectionLimitReached, RateLimited
from resolvers.quota import PLAN_US, LocalRates, Quota
from tests.world import StandingClock


class Clock(StandingClock):
    def pass_seconds(self, seconds: float) -> None:
        self._now_us += round(seconds * 1_000_000)


async def taken(rates: LocalRates, tenant_id: str, per_minute: int) -> int:
    """How many requests are allowed now."""
    count = 0
    while not await rates.wait(tenant_id, per_minute):
        count += 1
    return count


async def test_a_burst_and_then_an_even_rate() -> None:
    clock = Clock(0)
    rates = LocalRates(clock)
    assert await taken(rates, "a", 600) == 100
    assert 0 < await rates.wait("a", 600) <= 0.1
    for _ in range(5):
        clock.pass_seconds(1)
        assert await taken(rates, "a", 600) == 10
    clock.pass_seconds(3600)
    assert await taken(rates, "a", 600) == 100


async def test_the_wait_is_told_and_is_enough() -> None:
    clock = Clock(0)
    rates = LocalRates(clock)
    assert await taken(rates, "a", 2) == 1
    wait = await rates.wait("a", 2)
    assert wait == pytest.approx(30)
    clock.pass_seconds(wait - 0.01)
    assert await rates.wait("a", 2) > 0
    clock.pass_seconds(0.02)
    assert await rates.wait("a", 2) == 0


async def test_tenants_do_not_count_for_each_other() -> None:
    rates = LocalRates(Clock(0))
    await taken(rates, "a", 60)
    assert await rates.wait("b", 60) == 0


async def test_memory_for_rates_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MOST_TENANTS", 10)
    clock = Clock(0)
    rates = LocalRates(clock)
    for n in range(100):
        clock.pass_seconds(60)
        assert await rates.wait(str(n), 60) == 0
    assert len(rates._spread) <= 11


async def test_a_plan_without_numbers_allows_all(world: World) -> None:
    allowed = Quota(Clock(0))
    for _ in range(500):
        await allowed.admit("default")
        await allowed.admit("nobody")
    async with allowed.connection("default"), allowed.connection("default"):
        pass


async def test_a_changed_plan_holds_within_seconds(world: World) -> None:
    clock = Clock(0)
    allowed = Quota(clock)
    await allowed.admit("acme")
    await TenantTable.filter(id="acme").update(requests_per_minute=6, connection_limit=1)
    clock.pass_seconds(PLAN_US / 1_000_000)
    await allowed.admit("acme")
    with pytest.raises(RateLimited) as refused:
        await allowed.admit("acme")
    assert (refused.value.retry_after, "6 requests" in str(refused.value)) == (10, True)
    for _ in range(2):
        async with allowed.connection("acme"):
            with pytest.raises(ConnectionLimitReached):
                async with allowed.connection("acme"):
                    pass
    await allowed.admit("default")


def test_a_world_counts_from_the_start(world: World) -> None:
    assert replace(world).quota is world.quota
