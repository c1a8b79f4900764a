"""Connections counted for all processes together, in Redis.

Each process tells how many it has, of each tenant, and is believed for some seconds: what a process
had that is gone is soon forgotten, and after Redis came back without its memory everything is told
again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from uuid import uuid4

import redis.asyncio as redis

from app.bus_redis import ANSWER_SECONDS, FAILURES
from app.rates_redis import AWAY_SECONDS
from resolvers.bus import wait_for_ring
from resolvers.connections import LocalConnections

log = logging.getLogger(__name__)

KEY_PREFIX = "vms:connections:"
BELIEVED_SECONDS = 15
TELL_SECONDS = 5.0

_TELL = """
local key, process, count, limit = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(redis.call('TIME')[1])
local sum, found = count, redis.call('HGETALL', key)
for n = 1, #found, 2 do
    local theirs, at = string.match(found[n + 1], '(%d+) (%d+)')
    if now - tonumber(at) > tonumber(ARGV[4]) then
        redis.call('HDEL', key, found[n])
    elseif found[n] ~= process then
        sum = sum + tonumber(theirs)
    end
end
if limit >= 0 and sum > limit then return 0 end
if count == 0 then
    redis.call('HDEL', key, process)
else
    redis.call('HSET', key, process, count .. ' ' .. now)
    redis.call('EXPIRE', key, ARGV[4] + 1)
end
return 1
"""
"""A tenant's hash has, by process, how many connections it has and when it told so."""


class RedisConnections:
    """While Redis is away each process counts for itself.

    Invariant: one call at a time, with what is counted here at that moment, so that the last one
    told is the present. Only a connection that may be one too many waits for Redis.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._tell = client.register_script(_TELL)
        self._here = LocalConnections()
        self._name = uuid4().hex
        self._turn = asyncio.Lock()
        self._untold: set[str] = set()
        self._news = asyncio.Event()
        self._away_until = 0.0

    async def open(self, tenant_id: str, limit: int | None) -> bool:
        if not await self._here.open(tenant_id, limit):
            return False
        if limit is None:
            self._note(tenant_id)
            return True
        try:
            allowed = await self._told(tenant_id, limit)
        except BaseException:
            self.close(tenant_id)
            raise
        if not allowed:
            self.close(tenant_id)
        return allowed

    def close(self, tenant_id: str) -> None:
        self._here.close(tenant_id)
        self._note(tenant_id)

    def _note(self, tenant_id: str) -> None:
        self._untold.add(tenant_id)
        self._news.set()

    async def run(self) -> None:
        """Tells what has changed, and all of it each few seconds, until it is cancelled."""
        clock = asyncio.get_running_loop().time
        all_at = clock()
        while True:
            await wait_for_ring(self._news, max(0.0, all_at - clock()))
            self._news.clear()
            if clock() >= all_at:
                all_at = clock() + TELL_SECONDS
                self._untold.update(self._here.counts)
            while self._untold:
                await self._told(self._untold.pop(), None)

    async def _told(self, tenant_id: str, limit: int | None) -> bool:
        """Whether there are no more than `limit` with what is counted here; True while unknown."""
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if now < self._away_until:
                return True
            wanted = -1 if limit is None else limit
            args: list[str | int] = [
                self._name,
                self._here.counts[tenant_id],
                wanted,
                BELIEVED_SECONDS,
            ]
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return bool(await self._tell(keys=[KEY_PREFIX + tenant_id], args=args))
            except FAILURES as error:
                log.debug("connections are counted here alone: %s", type(error).__name__)
                self._away_until = now + AWAY_SECONDS
                return True

    async def aclose(self) -> None:
        """This process has no connections any more."""
        with suppress(*FAILURES):
            async with asyncio.timeout(ANSWER_SECONDS):
                for tenant_id in self._untold | set(self._here.counts):
                    await self._redis.hdel(KEY_PREFIX + tenant_id, self._name)
        await self._redis.aclose()
