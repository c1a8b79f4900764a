"""What crosses from threads to the loop: in order, nothing delivered is lost, offers give way."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import aclosing

import pytest

from media.bridge import Bridge


async def drained(bridge: Bridge[int], most: int = 500) -> list[list[int]]:
    """Every batch until the bridge is closed and empty."""
    async with aclosing(bridge.batches(most)) as batches:
        return [batch async for batch in batches]


async def flat(bridge: Bridge[int]) -> list[int]:
    return [value for batch in await drained(bridge) for value in batch]


async def test_each_thread_s_values_come_in_its_order() -> None:
    bridge: Bridge[tuple[int, int]] = Bridge(asyncio.get_running_loop())
    start = threading.Barrier(8)

    def deliver(thread: int) -> None:
        start.wait()
        for number in range(500):
            bridge.deliver((thread, number))

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()

    seen: dict[int, list[int]] = {number: [] for number in range(8)}
    async with aclosing(bridge.batches(64)) as batches:
        async for batch in batches:
            for thread_number, number in batch:
                seen[thread_number].append(number)
            if sum(map(len, seen.values())) == 4000:
                break

    for thread in threads:
        thread.join()
    assert seen == {number: list(range(500)) for number in range(8)}
    assert bridge.depth == 0


async def test_what_came_before_the_end_is_still_seen() -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop())
    for number in range(1200):
        bridge.deliver(number)
    bridge.offer(9999)

    bridge.close()

    assert await flat(bridge) == [*range(1200), 9999]


async def test_a_reader_that_waits_is_woken_by_the_end() -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop())
    reader = asyncio.create_task(drained(bridge))
    await asyncio.sleep(0)

    bridge.close()

    assert await reader == []


async def test_a_reader_that_waits_is_woken_by_each_value() -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop())
    async with aclosing(bridge.batches()) as batches:
        for number in range(20):
            waiting = asyncio.ensure_future(anext(batches))
            await asyncio.sleep(0)
            put = bridge.deliver if number % 2 else bridge.offer
            await asyncio.to_thread(put, number)
            assert await asyncio.wait_for(waiting, 5) == [number]


async def test_after_the_end_a_delivered_value_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop())
    bridge.close()

    bridge.deliver(1)
    bridge.offer(2)

    assert await drained(bridge) == []
    assert caplog.messages == ["nobody takes int any more: it came after the end"]


async def test_batches_are_bounded_and_delivered_values_come_first() -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop())
    for number in range(5):
        bridge.offer(100 + number)
        bridge.deliver(number)
    bridge.close()

    assert await drained(bridge, most=4) == [[0, 1, 2, 3], [4, 100, 101, 102], [103, 104]]


async def test_too_many_offers_drop_the_oldest_and_are_counted() -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop(), most_offers=3)
    for number in range(10):
        bridge.offer(number)
    bridge.deliver(-1)
    bridge.close()

    assert await flat(bridge) == [-1, 7, 8, 9]
    assert bridge.dropped == 7


async def test_the_depth_counts_what_was_delivered_and_waits() -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop())
    bridge.offer(0)
    bridge.deliver(1)
    bridge.deliver(2)

    assert bridge.depth == 2
    assert bridge.dropped == 0


async def test_each_doubling_of_a_long_queue_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    bridge: Bridge[int] = Bridge(asyncio.get_running_loop())
    caplog.set_level(logging.WARNING)
    for number in range(4500):
        bridge.deliver(number)
    assert caplog.messages == [
        f"{depth} changes wait to be written" for depth in (1000, 2000, 4000)
    ]

    async with aclosing(bridge.batches(5000)) as batches:
        assert len(await anext(batches)) == 4500
    for number in range(1000):
        bridge.deliver(number)

    assert caplog.messages[3:] == ["1000 changes wait to be written"]
