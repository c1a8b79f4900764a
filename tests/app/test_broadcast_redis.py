"""Words between two processes over a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.broadcast_redis import RedisBroadcast
from app.bus_redis import redis_client
from tests.servers import Valkey


@asynccontextmanager
async def broadcast_at(url: str) -> AsyncIterator[RedisBroadcast]:
    client = redis_client(url)
    broadcast = RedisBroadcast(client)
    try:
        yield broadcast
    finally:
        await broadcast.close()
        await client.aclose()


@pytest.fixture
async def two(valkey: Valkey) -> AsyncIterator[tuple[RedisBroadcast, RedisBroadcast]]:
    async with broadcast_at(valkey.url) as here, broadcast_at(valkey.url) as there:
        yield here, there


async def until_sent(broadcast: RedisBroadcast, topic: str, words: bytes, heard: bool) -> None:
    """Sends until somebody hears it, or until nobody does."""
    async with asyncio.timeout(30):
        while await broadcast.send(topic, words) is not heard:
            await asyncio.sleep(0.02)


async def test_words_reach_the_other_process_while_it_listens(
    two: tuple[RedisBroadcast, RedisBroadcast],
) -> None:
    worker, api = two
    assert not await worker.send("detections:t:a", b"nobody")
    async with api.listen("detections:t:a") as first, api.listen("detections:t:a") as second:
        await until_sent(worker, "detections:t:a", b"1", heard=True)

        assert [await first.take(), await second.take()] == [[b"1"], [b"1"]]

    await until_sent(worker, "detections:t:a", b"nobody", heard=False)


async def test_topics_come_and_go_on_one_connection(
    two: tuple[RedisBroadcast, RedisBroadcast],
) -> None:
    worker, api = two
    async with api.listen("a") as first:
        await until_sent(worker, "a", b"1", heard=True)
        async with api.listen("b") as second:
            await until_sent(worker, "b", b"2", heard=True)
            assert await second.take() == [b"2"]
        await until_sent(worker, "b", b"3", heard=False)

        assert await first.take() == [b"1"]


async def test_a_listener_hears_again_after_redis_was_away(mortal_valkey: Valkey) -> None:
    url = mortal_valkey.url
    async with broadcast_at(url) as worker, broadcast_at(url) as api, api.listen("a") as listener:
        await until_sent(worker, "a", b"1", heard=True)
        assert await listener.take() == [b"1"]
        mortal_valkey.kill()
        assert not await worker.send("a", b"lost")
        mortal_valkey.revive()
        await until_sent(worker, "a", b"2", heard=True)

        assert await listener.take() == [b"2"]
