"""What API processes keep together in Redis: how much was asked, and documents by their hash."""

from __future__ import annotations

import asyncio
import hashlib
from uuid import uuid4

import pytest

from app import connections_redis
from app.bus_redis import redis_client
from app.connections_redis import RedisConnections
from app.documents_redis import KEY_PREFIX, RedisDocuments
from app.rates_redis import RedisRates
from media.clock import SystemClock
from resolvers.quota import LocalRates
from tests.servers import Valkey


def rates(server: Valkey) -> RedisRates:
    return RedisRates(redis_client(server.url), LocalRates(SystemClock()))


async def close(*kept: RedisRates | RedisDocuments) -> None:
    for each in kept:
        client = each._take.registered_client if isinstance(each, RedisRates) else each._redis
        await client.aclose()


async def test_two_processes_share_a_tenants_rate(valkey: Valkey) -> None:
    one, other = rates(valkey), rates(valkey)
    found = [await (one, other)[n % 2].wait("shared", 60) for n in range(40)]
    allowed = [wait for wait in found if wait == 0]
    assert 10 <= len(allowed) <= 12  # ten at once, and what a second or two brings
    assert all(0 < wait <= 1 for wait in found if wait)
    assert await one.wait("another", 60) == 0
    await close(one, other)


async def test_while_redis_is_away_each_process_counts_for_itself(valkey: Valkey) -> None:
    counting = rates(valkey)
    valkey.kill()
    try:
        found = [await counting.wait("alone", 60) for _ in range(20)]
        assert 10 <= sum(wait == 0 for wait in found) <= 12
    finally:
        valkey.revive()
    await asyncio.sleep(1.1)
    assert await counting.wait("alone", 60) == 0  # asked of Redis again, which knows of nothing
    await close(counting)


QUERY = "{ viewer { tenantId } }"
DIGEST = hashlib.sha256(QUERY.encode()).hexdigest()


async def test_a_document_sent_to_one_process_is_known_to_the_others(valkey: Valkey) -> None:
    one, other = (RedisDocuments(redis_client(valkey.url)) for _ in range(2))
    assert await other.get(DIGEST) is None
    await one.put(DIGEST, QUERY)
    assert await other.get(DIGEST) == QUERY
    await close(one, other)


async def test_what_redis_holds_is_taken_only_if_it_is_that_text(valkey: Valkey) -> None:
    client = redis_client(valkey.url)
    await client.set(KEY_PREFIX + "0" * 64, b"{ cameras { totalCount } }")
    store = RedisDocuments(client)
    assert await store.get("0" * 64) is None
    await close(store)


@pytest.mark.parametrize("step", ["get", "put"])
async def test_without_redis_documents_are_kept_by_the_process(valkey: Valkey, step: str) -> None:
    store = RedisDocuments(redis_client(valkey.url))
    valkey.kill()
    try:
        assert await store.get("1" * 64) is None
        if step == "put":
            await store.put("1" * 64, QUERY)
            assert await store.get("1" * 64) == QUERY
    finally:
        valkey.revive()
    await close(store)


def connections(server: Valkey) -> RedisConnections:
    return RedisConnections(redis_client(server.url))


async def test_a_connection_limit_holds_over_processes(valkey: Valkey) -> None:
    one, other = connections(valkey), connections(valkey)
    name = uuid4().hex
    found = [await (one, other)[n % 2].open(name, 3) for n in range(5)]
    assert found == [True, True, True, False, False]
    assert await other.open("another", 1)
    one.close(name)
    assert await one.open(name, 3)
    assert not await other.open(name, 3)
    assert await other.open(name, None)  # a plan without a limit counts all the same
    await one.aclose()
    assert [await other.open(name, 4) for _ in range(3)] == [True, True, False]
    await other.aclose()


async def test_many_that_connect_at_once_are_no_more_than_allowed(valkey: Valkey) -> None:
    processes, name = [connections(valkey) for _ in range(3)], uuid4().hex
    asked = [each.open(name, 7) for each in processes for _ in range(5)]
    found = await asyncio.gather(*asked)
    assert 1 <= sum(found) <= 7
    while sum(found) < 7:  # who was refused for one that was refused itself may try again
        found.append(await processes[0].open(name, 7))
    assert not any([await each.open(name, 7) for each in processes])
    for each in processes:
        await each.aclose()


async def test_what_a_process_had_that_died_is_forgotten(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_redis, "BELIEVED_SECONDS", 0)
    monkeypatch.setattr(connections_redis, "TELL_SECONDS", 0.1)
    dead, alive, name = connections(valkey), connections(valkey), uuid4().hex
    assert await dead.open(name, 1)
    telling = asyncio.create_task(alive.run())
    async with asyncio.timeout(10):
        while not await alive.open(name, 1):
            await asyncio.sleep(0.05)
    telling.cancel()
    await alive.aclose()
    await dead.aclose()


async def test_connections_are_counted_here_while_redis_is_away_and_told_afterwards(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_redis, "TELL_SECONDS", 0.1)
    one, other, name = connections(valkey), connections(valkey), uuid4().hex
    telling = asyncio.create_task(one.run())
    valkey.kill()
    try:
        assert [await one.open(name, 2) for _ in range(3)] == [True, True, False]
    finally:
        valkey.revive()
    async with asyncio.timeout(10):
        while await other.open(name, 2):
            other.close(name)
            await asyncio.sleep(0.05)
    one.close(name)
    async with asyncio.timeout(10):
        while not await other.open(name, 2):
            await asyncio.sleep(0.05)
    telling.cancel()
    await one.aclose()
    await other.aclose()
