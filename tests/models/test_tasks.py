from __future__ import annotations

import asyncio

from models.tasks import end


async def answered(result: asyncio.Future[None]) -> None:
    await result


async def asks_for_ever(asked: asyncio.Event, result: asyncio.Future[None]) -> None:
    await asyncio.wait_for(answered(result), 60)
    asked.set()
    await asyncio.sleep(60)


async def test_a_cancellation_that_is_lost_is_said_again() -> None:
    asked, result = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(asks_for_ever(asked, result))
    await asyncio.sleep(0.01)
    result.set_result(None)
    await asyncio.sleep(0)  # its answer is there, and it has not been woken yet
    async with asyncio.timeout(10):
        await end(task)
    assert task.cancelled()


async def test_what_a_task_raises_is_left_with_it() -> None:
    async def fails() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("on the way out")

    async def is_over() -> None: ...

    failing, over = asyncio.create_task(fails()), asyncio.create_task(is_over())
    await asyncio.sleep(0.01)
    await end(failing, over)
    assert isinstance(failing.exception(), ValueError)
    assert over.exception() is None
    await end()
