from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from resolvers.shared import Shared


class Work:
    def __init__(self) -> None:
        self.runs = 0
        self.fail = asyncio.Event()
        self.ended_with: BaseException | None = None

    async def run(self) -> None:
        self.runs += 1
        try:
            await self.fail.wait()
            raise ValueError("broken")
        finally:
            self.runs -= 1

    def end(self, error: BaseException) -> None:
        self.ended_with = error


async def test_all_who_hold_a_key_hold_the_same_and_the_last_ends_it() -> None:
    shared: Shared[Work] = Shared()
    async with AsyncExitStack() as first:
        one = await first.enter_async_context(shared.hold("a", Work))
        async with shared.hold("a", Work) as two, shared.hold("b", Work) as other:
            await asyncio.sleep(0)
            assert two is one
            assert other is not one
            assert (one.runs, other.runs, len(shared)) == (1, 1, 2)
        assert (one.runs, other.runs, len(shared)) == (1, 0, 1)
    assert (one.runs, one.ended_with, len(shared)) == (0, None, 0)


async def test_what_failed_tells_so_and_is_made_anew_for_the_next() -> None:
    shared: Shared[Work] = Shared()
    async with shared.hold("a", Work) as broken:
        await asyncio.sleep(0)
        broken.fail.set()
        async with asyncio.timeout(30):
            while broken.ended_with is None:
                await asyncio.sleep(0)
        assert str(broken.ended_with) == "broken"
        async with shared.hold("a", Work) as anew:
            await asyncio.sleep(0)
            assert anew is not broken
            assert anew.runs == 1
    assert len(shared) == 0
