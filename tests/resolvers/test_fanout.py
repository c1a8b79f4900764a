from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers import tail
from resolvers.bus import LocalBus
from resolvers.errors import Unavailable
from resolvers.fanout import Follower, Group, Start
from resolvers.shared import Shared
from resolvers.tail import Page, Step, Tail

TOPIC = "numbers"


@dataclass
class Numbers:
    """A log in memory: place n holds n. Reading takes a while, and may fail for a while."""

    chance: random.Random
    batch: int
    bus: LocalBus = field(default_factory=LocalBus)
    last: int = 0
    is_away: bool = False
    readings: int = 0

    async def end(self) -> int:
        if self.is_away:
            raise Unavailable("away")
        return self.last

    async def read(self, seen: int, shows: Callable[[int], bool] = bool) -> Page[int]:
        self.readings += 1
        last = self.last
        await pause(self.chance)
        if self.is_away:
            raise Unavailable("away")
        reach = min(last, seen + self.batch)
        found = [Step(n, n) for n in range(seen + 1, reach + 1) if shows(n)]
        return Page(found, max(seen, reach), last)

    async def commit(self, count: int, *, ring: bool = True) -> None:
        self.last += count
        if ring:
            await self.bus.ring(TOPIC)


@dataclass
class Multiples:
    """Follows the multiples of a number."""

    log: Numbers
    tails: Shared[Tail[int]]
    of: int = 1
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    @property
    def key(self) -> int:
        return self.of

    async def start(self) -> Start[int]:
        return Start(self.log.last, live=True)

    def shows(self, value: int) -> bool:
        return value % self.of == 0

    async def read(self, seen: int) -> Page[int]:
        return await self.log.read(seen, self.shows)

    async def pages(self, seen: int) -> AsyncGenerator[Page[int], None]:
        log = self.log
        async with (
            self.tails.hold(TOPIC, lambda: Tail(log.bus, TOPIC, log.end, log.read)) as held,
            aclosing(tail.pages(held, self, seen, self.gate)) as found,
        ):
            async for page in found:
                yield page


class Reader:
    """A member that takes what it is given at a pace of its own."""

    def __init__(self, chance: random.Random, slowness: float) -> None:
        self._chance, self._slowness = chance, slowness
        self.told: list[int] = []

    def offer(self, words: str) -> bool:
        if self._chance.random() < self._slowness:
            return False
        self.told.append(int(words))
        return True

    async def send(self, words: str) -> None:
        if self._chance.random() < self._slowness:
            await pause(self._chance)
        self.told.append(int(words))


async def pause(chance: random.Random) -> None:
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(0)


async def spelled(value: int) -> str:
    return str(value)


class Simulation:
    """Commits, joins, resumes and drops in random order, over a memory of a few steps."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.log = Numbers(self.chance, batch=self.chance.choice([1, 3, 50]))
        self.tails: Shared[Tail[int]] = Shared()
        self.groups: Shared[Group[int, str]] = Shared()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            followers = [tasks.create_task(self.follow_on_and_on()) for _ in range(8)]
            for _ in range(40):
                self.log.is_away = self.chance.random() < 0.1
                ring = self.chance.random() < 0.7
                await self.log.commit(self.chance.randrange(8), ring=ring)
                await pause(self.chance)
            self.log.is_away = False
            await asyncio.gather(*followers)

    async def follow_on_and_on(self) -> None:
        """Resumes at random until it has come to the end of the log."""
        feed = Multiples(self.log, self.tails, of=self.chance.choice([1, 1, 2, 5]))
        began = seen = self.chance.randrange(self.log.last + 1)
        told: list[int] = []
        for _ in range(4):
            reader = Reader(self.chance, self.chance.choice([0.0, 0.0, 0.3]))
            follower = self.follower(reader, seen)
            await self.follow(feed, follower, goal=None)
            told, seen = told + reader.told, follower.seen
        reader = Reader(self.chance, 0.1)
        follower = self.follower(reader, seen)
        await self.follow(feed, follower, goal=280)
        told += reader.told
        assert told == [n for n in range(began + 1, told[-1] + 1) if feed.shows(n)]

    def follower(self, reader: Reader, seen: int) -> Follower[int, str]:
        return Follower(reader, Start(seen, live=seen == self.log.last))

    async def follow(self, feed: Multiples, follower: Follower[int, str], goal: int | None) -> None:
        """Drops it after a while, or when it was told of the goal."""

        async def for_ever() -> None:
            async with self.groups.hold(feed.of, lambda: Group(feed, spelled, len)) as group:
                await group.follow(follower)

        task = asyncio.create_task(for_ever())
        if goal is None:
            for _ in range(self.chance.randrange(60)):
                await asyncio.sleep(0)
        else:
            await self.log.commit(max(0, goal - self.log.last))
            async with asyncio.timeout(30):
                while follower.seen < goal:
                    await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_whoever_joins_resumes_drops_or_is_slow_is_told_each_step_once(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "KEPT_STEPS", 5)
        patch.setattr(tail, "LOOK_ANYWAY_SECONDS", 0.001)
        asyncio.run(Simulation(seed).run())


class Eager:
    """A member that takes all, and notes at which turn of the loop."""

    def __init__(self) -> None:
        self.turn = 0
        self.told: list[tuple[int, str]] = []

    def offer(self, words: str) -> bool:
        self.told.append((self.turn, words))
        return True

    async def send(self, words: str) -> None:
        self.offer(words)

    async def count_turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1


@asynccontextmanager
async def joined(render: Callable[[int], Awaitable[str]]) -> AsyncIterator[tuple[Numbers, Eager]]:
    """A member of a group that nothing is behind of; all that is given then is in one page."""
    log, member = Numbers(random.Random(1), batch=50), Eager()
    feed = Multiples(log, Shared())
    group = Group(feed, render, len)
    follower = Follower(member, Start[int](0, live=True))
    tasks = [asyncio.create_task(each) for each in (group.run(), group.follow(follower))]
    tasks.append(asyncio.create_task(member.count_turns()))
    while not follower.is_joined:
        await asyncio.sleep(0)
    try:
        yield log, member
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_waits_is_given_in_a_row_so_that_it_is_written_as_one() -> None:
    async with joined(spelled) as (log, member):
        await log.commit(20)
        while len(member.told) < 20:
            await asyncio.sleep(0)
    turns = [turn for turn, _ in member.told]
    assert [words for _, words in member.told] == [str(n) for n in range(1, 21)]
    assert [len(list(same)) for _, same in groupby(turns)] == [8, 8, 4]


async def test_of_long_words_few_are_given_in_a_row() -> None:
    async def spelled_long(value: int) -> str:
        return f"{value:010000}"

    async with joined(spelled_long) as (log, member):
        await log.commit(5)
        while len(member.told) < 5:
            await asyncio.sleep(0)
    assert [len(list(same)) for _, same in groupby(turn for turn, _ in member.told)] == [2, 2, 1]


async def test_steps_before_one_that_cannot_be_put_into_words_are_given() -> None:
    async def odd(value: int) -> str:
        if value == 3:
            raise ValueError(value)
        return str(value)

    async with joined(odd) as (log, member):
        await log.commit(5)
        for _ in range(1_000):
            await asyncio.sleep(0)
    assert [words for _, words in member.told] == ["1", "2"]
