"""The bus between processes: Redis pub/sub rings, and nothing is carried."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from models.tasks import end
from resolvers.bus import LocalBus
from resolvers.errors import Unavailable

log = logging.getLogger(__name__)

CHANNEL_PREFIX = "vms:"
ANSWER_SECONDS = 0.8
"""For one answer of Redis, or to connect; `check` waits for both at most."""
PING_SECONDS = 1.0
"""After so much silence the listener asks whether Redis is still there."""
RETRY_SECONDS = 0.5

FAILURES = (RedisError, OSError, TimeoutError)


def redis_client(url: str) -> redis.Redis:
    """A pool of connections that gives up soon.

    It is asked again once, at once: a kept connection may be from before a restart.
    """
    client: redis.Redis = redis.from_url(
        url,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    return client


class RedisBus:
    """Rings across processes. While Redis is away each process rings itself, and watchers look.

    `client` is the process's only pool of connections, for all that is kept in Redis. One of them
    listens for the whole process: it follows every topic by pattern. It also finds
    out when Redis is back: until then nobody waits for an answer that will not come.
    """

    def __init__(self, url: str) -> None:
        self.client = redis_client(url)
        self._home = LocalBus()
        self._listener: asyncio.Task[None] | None = None
        self._away = False

    @property
    def is_away(self) -> bool:
        return self._away

    async def ring(self, topic: str) -> None:
        self._ensure_listening()
        if not self._away:
            try:
                await self.client.publish(CHANNEL_PREFIX + topic, b"")
            except FAILURES as error:
                self._note_away(error)
            else:
                return
        await self._home.ring(topic)

    def bell(self, topic: str) -> AbstractAsyncContextManager[asyncio.Event]:
        self._ensure_listening()
        return self._home.bell(topic)

    async def check(self) -> str:
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await self.client.ping()
        except FAILURES as error:
            raise Unavailable("redis does not answer") from error
        return "redis"

    async def close(self) -> None:
        if self._listener is not None:
            await end(self._listener)
        await self.client.aclose()

    def _ensure_listening(self) -> None:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="redis-bus")

    async def _listen(self) -> None:
        """Listens for ever; after every reconnect all bells ring, for what was missed."""
        while True:
            try:
                await self._hear()
            except FAILURES as error:
                self._note_away(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        """Hears rings until the connection breaks or falls silent."""
        async with self.client.pubsub() as channel:
            await channel.psubscribe(CHANNEL_PREFIX + "*")
            asked = False
            while True:
                message = await channel.get_message(timeout=PING_SECONDS)
                if message is None and asked:
                    raise TimeoutError("redis fell silent")
                asked = message is None
                if message is None:
                    await channel.ping()
                elif message["type"] == "psubscribe":
                    await self._note_back()
                elif message["type"] == "pmessage":
                    await self._home.ring(message["channel"].decode().removeprefix(CHANNEL_PREFIX))

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            log.warning("redis is away (%s): who waits looks once a second", type(error).__name__)

    async def _note_back(self) -> None:
        if self._away:
            self._away = False
            log.warning("redis is back")
        await self._home.ring_all()
