"""Words for who listens just now, within one process."""

from __future__ import annotations

import asyncio

from resolvers.broadcast import KEPT_WORDS, LocalBroadcast


async def test_every_listener_of_the_topic_hears_and_no_other() -> None:
    broadcast = LocalBroadcast()
    async with (
        broadcast.listen("a") as first,
        broadcast.listen("a") as second,
        broadcast.listen("b") as other,
    ):
        assert await broadcast.send("a", b"1")
        assert await broadcast.send("a", b"2")
        assert await broadcast.send("b", b"3")

        taken = [await each.take() for each in (first, second, other)]

    assert taken == [[b"1", b"2"], [b"1", b"2"], [b"3"]]


async def test_nobody_listens_before_and_after() -> None:
    broadcast = LocalBroadcast()

    assert not await broadcast.send("a", b"1")
    async with broadcast.listen("a"):
        assert await broadcast.send("a", b"2")
    assert not await broadcast.send("a", b"3")
    assert broadcast.topics == frozenset()


async def test_who_does_not_take_loses_the_oldest() -> None:
    broadcast = LocalBroadcast()
    async with broadcast.listen("a") as listener:
        for number in range(1000):
            await broadcast.send("a", b"%d" % number)

        taken = await listener.take()

    assert taken == [b"%d" % number for number in range(1000 - KEPT_WORDS, 1000)]


async def test_taking_waits_for_news() -> None:
    broadcast = LocalBroadcast()
    async with broadcast.listen("a") as listener:
        taking = asyncio.create_task(listener.take())
        await asyncio.sleep(0.01)
        assert not taking.done()
        await broadcast.send("a", b"1")

        assert await taking == [b"1"]
