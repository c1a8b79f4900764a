"""How much a tenant may ask of the API: requests a minute, and connections at once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from media.clock import Clock
from models.base import select_first
from models.tenant import Tenant, TenantTable
from resolvers.connections import Connections, LocalConnections
from resolvers.errors import ConnectionLimitReached, RateLimited, Unavailable
from resolvers.fresh import Fresh

BURST_US = 10 * 1_000_000
"""So much of a minute's requests may come at once."""

PLAN_US = 2 * 1_000_000
"""For so long a plan's numbers are good without looking again."""

MOST_TENANTS = 10_000


class Rates(Protocol):
    """Where requests are counted, for one process or for all."""

    async def wait(self, tenant_id: str, per_minute: int) -> float:
        """Counts one request; the seconds until it would be allowed, 0 where it is.

        A request that is not allowed is not counted.
        """


class LocalRates:
    """Counts for one process: the generic cell rate algorithm (ITU-T I.371), one number a tenant.

    The number is when all that was allowed would be spread evenly up to.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spread: dict[str, int] = {}

    async def wait(self, tenant_id: str, per_minute: int) -> float:
        now = self._clock.monotonic_us()
        step = 60_000_000 // per_minute
        until = max(self._spread.get(tenant_id, now), now) + step
        early = until - now - max(BURST_US, step)
        if early > 0:
            return early / 1_000_000
        if len(self._spread) >= MOST_TENANTS:
            self._spread = {each: at for each, at in self._spread.items() if at > now}
        self._spread[tenant_id] = until
        return 0.0


class Quota:
    """What the plans of tenants allow, for the requests and connections of this process.

    `rates` and `connections` count for it alone, or with others.
    """

    def __init__(
        self, clock: Clock, rates: Rates | None = None, connections: Connections | None = None
    ) -> None:
        self._clock = clock
        self._rates = rates or LocalRates(clock)
        self._plans: dict[str, tuple[int, Tenant | None]] = {}
        self._reading: Fresh[Tenant | None] = Fresh()
        self.connections = connections or LocalConnections()

    async def admit(self, tenant_id: str) -> None:
        """Counts one request of the tenant.

        Raises:
            RateLimited: the plan allows no more of them now; says when again.
        """
        plan = await self._plan(tenant_id)
        if plan is None or plan.requests_per_minute is None:
            return
        wait = await self._rates.wait(tenant_id, plan.requests_per_minute)
        if wait > 0:
            raise RateLimited(plan.requests_per_minute, math.ceil(wait))

    @asynccontextmanager
    async def connection(self, tenant_id: str) -> AsyncIterator[None]:
        """Counts a connection for as long as the context lasts.

        Raises:
            ConnectionLimitReached: the plan allows no further one.
        """
        plan = await self._plan(tenant_id)
        limit = None if plan is None else plan.connection_limit
        if not await self.connections.open(tenant_id, limit):
            raise ConnectionLimitReached(limit or 0)
        try:
            yield
        finally:
            self.connections.close(tenant_id)

    async def _plan(self, tenant_id: str) -> Tenant | None:
        """While the database is away the plan as it was last known: nothing else is done then."""
        now = self._clock.monotonic_us()
        until, plan = self._plans.get(tenant_id, (0, None))
        if until <= now:
            rows = TenantTable.filter(id=tenant_id)
            with suppress(Unavailable):
                plan = await self._reading.read(tenant_id, lambda: select_first(rows, Tenant))
            if len(self._plans) >= MOST_TENANTS:
                self._plans.clear()
            self._plans[tenant_id] = now + PLAN_US, plan
        return plan
