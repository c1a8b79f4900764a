"""What cameras show, from detection's threads to who follows it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from app.detection_frames import DetectionTeller
from media.types import DetectionFrame, RunClock
from resolvers.broadcast import LocalBroadcast
from resolvers.detections import ShownFrame

CLOCK = RunClock(uuid.UUID(int=1), 0, 0)


def frame(second: int) -> DetectionFrame:
    return DetectionFrame(CLOCK, second * 90_000, True, 320, 240, ())


class Counting(LocalBroadcast):
    """Counts what is tried."""

    sent = 0

    async def send(self, topic: str, words: bytes) -> bool:
        self.sent += 1
        return await super().send(topic, words)


@asynccontextmanager
async def telling(teller: DetectionTeller) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(teller.run(stop))
    await asyncio.sleep(0)
    try:
        yield
    finally:
        stop.set()
        await running


def second_of(words: bytes) -> int:
    return msgspec.json.decode(words, type=ShownFrame).at_us // 1_000_000


async def test_frames_of_another_thread_are_heard_in_order() -> None:
    broadcast = LocalBroadcast()
    teller = DetectionTeller(broadcast)
    async with telling(teller), broadcast.listen("a") as listener:
        heard: list[int] = []
        for number in range(1, 5):
            thread = threading.Thread(target=teller.tell, args=("a", frame(number)))
            thread.start()
            heard += [second_of(words) for words in await listener.take()]
            thread.join()

    assert heard == [1, 2, 3, 4]


async def test_a_frame_that_waits_is_replaced_by_the_next() -> None:
    broadcast = LocalBroadcast()
    teller = DetectionTeller(broadcast)
    async with telling(teller), broadcast.listen("a") as listener:
        for number in range(100):
            teller.tell("a", frame(number))

        assert [second_of(words) for words in await listener.take()] == [99]


async def test_while_nobody_listens_next_to_nothing_is_sent() -> None:
    broadcast = Counting()
    teller = DetectionTeller(broadcast)
    async with telling(teller):
        for number in range(50):
            teller.tell("a", frame(number))
            await asyncio.sleep(0.001)

    assert broadcast.sent == 1


async def test_after_the_end_nothing_is_taken() -> None:
    broadcast = Counting()
    teller = DetectionTeller(broadcast)
    async with telling(teller):
        pass

    teller.tell("a", frame(1))

    assert broadcast.sent == 0
