"""The bell between threads and the loop: what was put before a ring is seen after it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from media.bridge import Bridge

LONG = 30.0


async def test_what_any_thread_put_before_its_ring_is_seen() -> None:
    bridge = Bridge(asyncio.get_running_loop())
    put: deque[tuple[int, int]] = deque()
    start = threading.Barrier(8)

    def deliver(thread: int) -> None:
        start.wait()
        for number in range(500):
            put.append((thread, number))
            bridge.ring()

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    seen: dict[int, list[int]] = {number: [] for number in range(8)}
    async with asyncio.timeout(LONG):
        while sum(map(len, seen.values())) < 4000:
            await bridge.heard(LONG)
            while put:
                thread_number, number = put.popleft()
                seen[thread_number].append(number)
    for thread in threads:
        thread.join()
    assert seen == {number: list(range(500)) for number in range(8)}


async def test_a_ring_that_came_before_anyone_waits_is_heard() -> None:
    bridge = Bridge(asyncio.get_running_loop())
    await asyncio.to_thread(bridge.ring)
    async with asyncio.timeout(LONG):
        await bridge.heard(LONG)


async def test_many_rings_are_heard_as_one() -> None:
    bridge = Bridge(asyncio.get_running_loop())
    for _ in range(100):
        bridge.ring()
    await bridge.heard(LONG)

    waiting = asyncio.create_task(bridge.heard(LONG))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    bridge.ring()
    await waiting


async def test_without_a_ring_the_wait_ends_by_itself_and_the_next_ring_is_heard() -> None:
    bridge = Bridge(asyncio.get_running_loop())
    await bridge.heard(0.01)
    bridge.ring()
    async with asyncio.timeout(LONG):
        await bridge.heard(LONG)
