from __future__ import annotations

import asyncio

import pytest

from resolvers.fresh import Fresh


class Counter:
    """Reading takes until it is let go, and gives what was there when it began."""

    def __init__(self) -> None:
        self.value = 0
        self.readings = 0
        self.may_end = asyncio.Event()

    async def read(self) -> int:
        self.readings += 1
        found = self.value
        await self.may_end.wait()
        return found


async def test_many_who_ask_at_once_share_a_reading() -> None:
    fresh, counter = Fresh[int](), Counter()
    counter.may_end.set()
    found = await asyncio.gather(*(fresh.read("a", counter.read) for _ in range(100)))
    assert (found, counter.readings) == ([0] * 100, 1)


async def test_nobody_is_given_a_reading_that_began_before_they_asked() -> None:
    fresh, counter = Fresh[int](), Counter()
    early = asyncio.create_task(fresh.read("a", counter.read))
    await asyncio.sleep(0.01)
    counter.value = 1
    late = [asyncio.create_task(fresh.read("a", counter.read)) for _ in range(3)]
    await asyncio.sleep(0.01)
    counter.may_end.set()
    assert await early == 0
    assert await asyncio.gather(*late) == [1, 1, 1]
    assert counter.readings == 2


async def test_keys_are_read_apart_and_errors_reach_who_asked() -> None:
    fresh, counter = Fresh[int](), Counter()
    counter.may_end.set()

    async def broken() -> int:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await fresh.read("a", broken)
    assert await fresh.read("b", counter.read) == 0
    assert await fresh.read("a", counter.read) == 0


async def test_who_stops_waiting_takes_nothing_from_the_others() -> None:
    fresh, counter = Fresh[int](), Counter()
    one, other = (asyncio.create_task(fresh.read("a", counter.read)) for _ in range(2))
    await asyncio.sleep(0.01)
    one.cancel()
    counter.may_end.set()
    assert await other == 0
    assert one.cancelled() or await asyncio.wait({one})
