from __future__ import annotations

import asyncio

import pytest

from resolvers.outlet import WAITING_BYTES, Closed, Outlet, TooSlow


class Transport:
    """Takes messages while it is open; full, it makes senders wait."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.is_gone = False

    async def put(self, message: str) -> None:
        await self.writable.wait()
        if self.is_gone:
            raise OSError("gone")
        self.taken.append(message)


async def test_what_the_transport_takes_at_once_needs_no_task() -> None:
    async with asyncio.TaskGroup() as tasks:
        transport = Transport()
        outlet = Outlet(transport.put, len, tasks)
        before = asyncio.all_tasks()
        assert all(outlet.offer(f"{n}") for n in range(100))
        assert transport.taken == [f"{n}" for n in range(100)]
        assert asyncio.all_tasks() == before


async def test_order_stays_when_the_transport_was_full_in_between() -> None:
    async with asyncio.TaskGroup() as tasks:
        transport = Transport()
        outlet = Outlet(transport.put, len, tasks)
        outlet.offer("a")
        transport.writable.clear()
        outlet.offer("b")
        outlet.offer("c")
        waiting = tasks.create_task(outlet.send("d"))
        await asyncio.sleep(0)
        assert transport.taken == ["a"]
        transport.writable.set()
        await waiting
        assert transport.taken == ["a", "b", "c", "d"]
        outlet.offer("e")
        assert transport.taken[-1] == "e"


async def test_no_more_waits_than_is_allowed() -> None:
    async with asyncio.TaskGroup() as tasks:
        transport = Transport()
        outlet = Outlet(transport.put, len, tasks)
        transport.writable.clear()
        assert outlet.offer("in the transport")
        assert outlet.offer("w" * WAITING_BYTES)
        assert not outlet.offer("too much")
        transport.writable.set()
        await outlet.send("last")
    assert transport.taken == ["in the transport", "w" * WAITING_BYTES, "last"]


async def test_who_waits_for_a_message_to_be_taken_learns_that_it_is_not() -> None:
    async with asyncio.TaskGroup() as tasks:
        transport = Transport()
        outlet = Outlet(transport.put, len, tasks, send_seconds=0.01)
        transport.writable.clear()
        with pytest.raises(TooSlow, match=r"nothing was taken for 0\.01 s"):
            await outlet.send("a")
    assert transport.taken == []


async def test_who_takes_nothing_ends_the_connection() -> None:
    transport = Transport()
    transport.writable.clear()
    outlets: list[Outlet[str]] = []

    async def connection() -> None:
        async with asyncio.TaskGroup() as tasks:
            outlets.append(Outlet(transport.put, len, tasks, send_seconds=0.01))
            assert outlets[0].offer("a")
            assert outlets[0].offer("b")
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as ended:
        await connection()
    assert ended.group_contains(TooSlow)
    assert not outlets[0].offer("c")
    with pytest.raises(TooSlow):
        await outlets[0].send("d")
    assert transport.taken == []


async def test_who_is_gone_is_sent_nothing_more() -> None:
    async with asyncio.TaskGroup() as tasks:
        transport = Transport()
        outlet = Outlet(transport.put, len, tasks)
        transport.is_gone = True
        assert not outlet.offer("a")
        with pytest.raises(Closed):
            await outlet.send("b")
        assert not outlet.offer("c")
    assert transport.taken == []


async def test_who_goes_while_messages_wait_ends_the_connection() -> None:
    transport = Transport()
    transport.writable.clear()

    async def connection() -> None:
        async with asyncio.TaskGroup() as tasks:
            outlet = Outlet(transport.put, len, tasks)
            assert outlet.offer("a")
            transport.is_gone = True
            transport.writable.set()
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as ended:
        await connection()
    assert ended.group_contains(Closed)
    assert transport.taken == []
