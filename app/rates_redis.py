"""Requests counted for all processes together, in Redis."""

from __future__ import annotations

import asyncio
import logging

import redis.asyncio as redis

from app.bus_redis import ANSWER_SECONDS, FAILURES
from resolvers.quota import BURST_US, LocalRates, Rates

log = logging.getLogger(__name__)

KEY_PREFIX = "vms:rate:"

_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local step = 60 / tonumber(ARGV[1])
local until_ = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + step
local early = until_ - now - math.max(tonumber(ARGV[2]), step)
if early > 0 then return tostring(early) end
redis.call('SET', KEYS[1], tostring(until_), 'PX', math.ceil((until_ - now) * 1000) + 1000)
return '0'
"""
"""The same as `LocalRates`, by Redis's own clock."""

AWAY_SECONDS = 1.0
"""For so long after a failure Redis is not asked: who waits for it waits for every request."""


class RedisRates:
    """While Redis is away each process counts for itself."""

    def __init__(self, client: redis.Redis, local: LocalRates) -> None:
        self._take = client.register_script(_TAKE)
        self._local: Rates = local
        self._away_until = 0.0

    async def wait(self, tenant_id: str, per_minute: int) -> float:
        now = asyncio.get_running_loop().time()
        if now >= self._away_until:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    found = await self._take(
                        keys=[KEY_PREFIX + tenant_id], args=[per_minute, BURST_US / 1_000_000]
                    )
                return float(found)
            except FAILURES as error:
                log.debug("requests are counted here alone: %s", type(error).__name__)
                self._away_until = now + AWAY_SECONDS
        return await self._local.wait(tenant_id, per_minute)
