"""Words between processes over Redis pub/sub, for topics that somebody listens to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio as redis

from app.bus_redis import ANSWER_SECONDS, FAILURES, RETRY_SECONDS
from models.tasks import end
from resolvers.broadcast import Listener, LocalBroadcast

log = logging.getLogger(__name__)

CHANNEL_PREFIX = "vms-now:"
"""Not the bus's own: every process hears all of that."""
LOOK_SECONDS = 0.2
"""How long a new listener may wait for its topic, and an old topic is heard in vain."""


class RedisBroadcast:
    """One connection for a process, for as long as anybody there listens.

    `client` is the process's pool. While Redis is away nothing is heard from other processes, and
    what is sent is lost.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._home = LocalBroadcast()
        self._listener: asyncio.Task[None] | None = None
        self._listening = 0

    async def send(self, topic: str, words: bytes) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return bool(await self._client.publish(CHANNEL_PREFIX + topic, words))
        except FAILURES as error:
            log.debug("nobody is told of %s: %s", topic, type(error).__name__)
            return False

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[Listener]:
        async with self._home.listen(topic) as listener:
            self._listening += 1
            if self._listener is None:
                self._listener = asyncio.create_task(self._run(), name="redis-broadcast")
            try:
                yield listener
            finally:
                self._listening -= 1
                if not self._listening:
                    await self.close()

    async def close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            await end(listener)

    async def _run(self) -> None:
        while True:
            try:
                await self._hear()
            except FAILURES as error:
                log.warning("redis is away (%s): no live boxes", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        """Until the connection breaks."""
        followed: frozenset[str] = frozenset()
        async with self._client.pubsub() as channel:
            while True:
                wanted = self._home.topics
                for topic in wanted - followed:
                    await channel.subscribe(CHANNEL_PREFIX + topic)
                for topic in followed - wanted:
                    await channel.unsubscribe(CHANNEL_PREFIX + topic)
                followed = wanted
                if not followed:
                    await asyncio.sleep(LOOK_SECONDS)
                    continue
                message = await channel.get_message(timeout=LOOK_SECONDS)
                if message is not None and message["type"] == "message":
                    topic = message["channel"].decode().removeprefix(CHANNEL_PREFIX)
                    self._home.give(topic, message["data"])
