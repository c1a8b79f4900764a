"""One reader for each log in a process: it looks, and everybody here who follows is told.

A log gives its steps numbers, its places, in commit order. What was read lately stays in memory, so
that a thousand followers cost the database as much as one. Who is further behind reads pages of its
own until it has come near. Nobody is waited for, and nothing is kept for anybody.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

import msgspec

from resolvers.bus import Bus, wait_for_ring
from resolvers.errors import Unavailable

LOOK_ANYWAY_SECONDS = 1.0
KEPT_STEPS = 1_000

T = TypeVar("T")


class Step(msgspec.Struct, Generic[T], frozen=True):
    """`place` is its number in the log."""

    place: int
    value: T


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Every step, in order, from some place up to `reach`. The log had come to `last` by then."""

    steps: list[Step[T]]
    reach: int
    last: int

    @property
    def is_last(self) -> bool:
        return self.reach >= self.last


class View(Protocol[T]):
    """A log as one follower may see it."""

    def shows(self, value: T) -> bool:
        """Whether a step that was read for everybody is one of this follower's."""
        ...

    async def read(self, seen: int) -> Page[T]:
        """The follower's steps behind a place, from the database; raises Unavailable."""
        ...


class Tail(Generic[T]):
    """The end of a log, kept up to date while `run` runs.

    Invariant: `_steps` holds every step in (start, seq], and `_places` their places. `_start` is
    None until the log's end is known.
    """

    def __init__(
        self,
        bus: Bus,
        topic: str,
        last: Callable[[], Awaitable[int]],
        read: Callable[[int], Awaitable[Page[T]]],
    ) -> None:
        self._bus, self._topic, self._last, self._read = bus, topic, last, read
        self._start: int | None = None
        self._seq = 0
        self._steps: list[Step[T]] = []
        self._places: list[int] = []
        self._news = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Looks at every ring, and each second without one. While the database is away: nothing."""
        async with self._bus.bell(self._topic) as bell:
            while True:
                bell.clear()
                with suppress(Unavailable):  # logged where it showed first
                    await self._look()
                await wait_for_ring(bell, LOOK_ANYWAY_SECONDS)

    def end(self, error: BaseException) -> None:
        """`run` has failed: so do the followers."""
        self._failure = error
        self._tell()

    async def _look(self) -> None:
        if self._start is None:
            self._start = self._seq = await self._last()
            self._tell()
        more = True
        while more:
            page = await self._read(self._seq)
            more = not page.is_last
            if page.reach > self._seq:
                self._keep(page)
                self._tell()

    def _keep(self, page: Page[T]) -> None:
        self._steps += page.steps
        self._places += [step.place for step in page.steps]
        self._seq = page.reach
        if len(self._steps) > 2 * KEPT_STEPS:
            self._start = self._places[-KEPT_STEPS - 1]
            del self._steps[:-KEPT_STEPS], self._places[:-KEPT_STEPS]

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def page(self, seen: int) -> Page[T] | None:
        """What is in memory behind a place; None when that is not all there is.

        Raises:
            Exception: what ended `run`.
        """
        if self._failure is not None:
            raise self._failure
        if self._start is None or seen < self._start:
            return None
        found = self._steps[bisect_right(self._places, seen) :]
        return Page(found, max(seen, self._seq), self._seq)

    async def news(self) -> None:
        """Returns when there is more, or after a second: look then."""
        await wait_for_ring(self._news, LOOK_ANYWAY_SECONDS)


async def pages(
    tail: Tail[T], view: View[T], seen: int, gate: asyncio.Semaphore
) -> AsyncGenerator[Page[T], None]:
    """Every step of a view behind a place, for ever, each once and in order.

    Each page begins where the one before ended. `gate` bounds how many read the database at once.
    While that is away nothing comes, and afterwards everything does.
    """
    while True:
        page = tail.page(seen)
        if page is not None:
            mine = [step for step in page.steps if view.shows(step.value)]
            page = Page(mine, page.reach, page.last)
        else:
            page = await _from_database(view, seen, gate)
        if page is not None and page.reach > seen:
            seen = page.reach
            yield page
        else:
            await tail.news()


async def _from_database(view: View[T], seen: int, gate: asyncio.Semaphore) -> Page[T] | None:
    try:
        async with gate:
            return await view.read(seen)
    except Unavailable:
        return None
