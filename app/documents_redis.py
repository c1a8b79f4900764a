"""GraphQL documents kept for all processes together, in Redis."""

from __future__ import annotations

import asyncio
import hashlib
import logging

import redis.asyncio as redis

from app.bus_redis import ANSWER_SECONDS, FAILURES
from schema.persisted import LocalDocuments

log = logging.getLogger(__name__)

KEY_PREFIX = "vms:document:"
KEPT_SECONDS = 30 * 86_400


class RedisDocuments:
    """Looks in the process first. While Redis is away a document is not found: clients send it."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis, self._local = client, LocalDocuments()

    async def get(self, digest: str) -> str | None:
        text = await self._local.get(digest)
        if text is None:
            text = await self._fetched(digest)
            if text is not None:
                await self._local.put(digest, text)
        return text

    async def _fetched(self, digest: str) -> str | None:
        """What Redis holds is not trusted: only a text of that very hash is taken."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await self._redis.get(KEY_PREFIX + digest)
        except FAILURES as error:
            log.debug("no document from redis: %s", type(error).__name__)
            return None
        held = found if isinstance(found, bytes) else b""
        return held.decode() if hashlib.sha256(held).hexdigest() == digest else None

    async def put(self, digest: str, text: str) -> None:
        if await self._local.get(digest) == text:
            return
        await self._local.put(digest, text)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._redis.set(KEY_PREFIX + digest, text.encode(), ex=KEPT_SECONDS)
        except FAILURES as error:
            log.debug("a document is kept here alone: %s", type(error).__name__)
