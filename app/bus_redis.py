"""The bus between processes: Redis pub/sub rings, and nothing is carried."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio as redis
from redis.exceptions import RedisError

from resolvers.errors import Unavailable

log = logging.getLogger(__name__)

CHANNEL_PREFIX = "vms:"
RETRY_SECONDS = 1.0


class RedisBus:
    """Rings across processes. While Redis is away nobody is rung, and watchers look anyway.

    One connection listens for the whole process: it follows every topic by pattern.
    """

    def __init__(self, url: str) -> None:
        self._redis: redis.Redis = redis.from_url(
            url, socket_connect_timeout=1.5, socket_timeout=1.5
        )
        self._bells: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None

    async def ring(self, topic: str) -> None:
        try:
            await self._redis.publish(CHANNEL_PREFIX + topic, b"")
        except (RedisError, OSError, TimeoutError):
            log.warning("no ring for %s: redis does not answer", topic)
            self._ring_here(topic)

    def _ring_here(self, topic: str) -> None:
        for bell in self._bells.get(topic, ()):
            bell.set()

    @asynccontextmanager
    async def bell(self, topic: str) -> AsyncIterator[asyncio.Event]:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="redis-bus")
        bell = asyncio.Event()
        self._bells[topic].add(bell)
        try:
            yield bell
        finally:
            self._bells[topic].discard(bell)
            if not self._bells[topic]:
                del self._bells[topic]

    async def check(self) -> str:
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("redis does not answer") from error
        return "redis"

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self._redis.aclose()

    async def _listen(self) -> None:
        """Listens for ever; after every reconnect all bells ring, for what was missed."""
        while True:
            try:
                await self._hear()
            except (RedisError, OSError, TimeoutError):
                log.warning("redis is away: events come by looking once a second")
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        async with self._redis.pubsub() as channel:
            await channel.psubscribe(CHANNEL_PREFIX + "*")
            for topic in list(self._bells):
                self._ring_here(topic)
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    self._ring_here(message["channel"].decode().removeprefix(CHANNEL_PREFIX))
