"""Steps of a log, put into words once and given to everybody who wants the same words.

Who follows is a member of a group: of those who may see the same, asked for the same, and want it
in the same words. A member that is behind (it resumes, or does not keep up) reads alone, at its own
pace, and the group's later on. Only the words are made once: a group waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import msgspec

from resolvers.tail import Page, Step

WORDS_SECONDS = 5.0
KEPT_WORDS = 512
"""A group's latest words are kept so long for those who resume together."""

STEPS_AT_A_TIME = 8
BYTES_AT_A_TIME = 16 * 1024
"""So much of what waits is given to a member in a row: its transport writes it as one."""

GIVEN_AT_A_TIME = 100
"""So much is given before others have their turn, a few milliseconds."""

T = TypeVar("T")
WordsT = TypeVar("WordsT")
WordsIn = TypeVar("WordsIn", contravariant=True)


class Over(Exception):
    """A log has come to its end, and all of it was told."""


class Start(msgspec.Struct, Generic[T], frozen=True):
    """Where a follower begins: what it is told first, and the place behind that.

    `live` says that there was nothing more at that moment.
    """

    place: int
    live: bool
    first: Sequence[Step[T]] = ()


class Feed(Protocol[T]):
    """What somebody wants to follow.

    `key` tells it from others; who asks is no part of it.
    """

    @property
    def key(self) -> Hashable: ...

    async def start(self) -> Start[T]:
        """Raises VmsError for who must not follow, or not from there."""
        ...

    def pages(self, seen: int) -> AsyncGenerator[Page[T], None]: ...


class Member(Protocol[WordsIn]):
    def offer(self, words: WordsIn, /) -> bool:
        """Takes it without waiting; False for who does not keep up."""
        ...

    async def send(self, words: WordsIn, /) -> None:
        """Waits until it is taken; raises what ends the member."""
        ...


class Follower(Generic[T, WordsT]):
    """One member and how far it has come: `seen` is the place behind all that it was given.

    `live` says that there was nothing behind that, when it was last looked at.
    """

    __slots__ = ("_is_leaving", "_left", "first", "is_joined", "live", "member", "seen")

    def __init__(self, member: Member[WordsT], start: Start[T]) -> None:
        self.member, self.first = member, start.first
        self.seen, self.live = start.place, start.live
        self.is_joined = self._is_leaving = False
        self._left: asyncio.Future[None] | None = None

    def leave(self) -> None:
        """`Group.follow` returns soon; the follower may go on in another group."""
        self._is_leaving = True
        self.fall_behind()

    def take(self, said: Iterable[tuple[int, WordsT | None]]) -> None:
        """Offers the member what is behind its place; it falls behind with what it refuses."""
        for place, words in said:
            if place <= self.seen:
                continue
            if words is not None and not self.member.offer(words):
                self.fall_behind()
                return
            self.seen = place

    def fall_behind(self) -> None:
        """It is given nothing more until it has caught up alone."""
        self.is_joined = False
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

    async def until_behind(self) -> None:
        """Is a member of its group until then."""
        self._left = asyncio.get_running_loop().create_future()
        self.is_joined = True
        try:
            await self._left
        finally:
            self.is_joined = self.live = False
            self._left = None

    def take_leave(self) -> bool:
        leaving, self._is_leaving = self._is_leaving, False
        return leaving


class Group(Generic[T, WordsT]):
    """Members of one kind.

    `render` puts a value into words, whatever the members take for such; None when there is nothing
    to say about it. `size_of` tells about how many bytes words take. Invariant: once running, every
    joined member has been given each step up to `_place`, in the order of the log.
    """

    def __init__(
        self,
        feed: Feed[T],
        render: Callable[[T], Awaitable[WordsT | None]],
        size_of: Callable[[WordsT], int],
    ) -> None:
        self._feed, self._render, self._size_of = feed, render, size_of
        self._place: int | None = None
        self._begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._members: dict[Follower[T, WordsT], None] = {}
        self._words: dict[tuple[int, type], tuple[float, asyncio.Future[WordsT | None]]] = {}
        self._failure: BaseException | None = None

    @property
    def members(self) -> int:
        """How many are given each step as it comes; others may be catching up."""
        return len(self._members)

    async def run(self) -> None:
        async with aclosing(self._feed.pages(await self._begun)) as pages:
            async for page in pages:
                await self._say(page.steps)
                self._place = page.reach

    def end(self, error: BaseException) -> None:
        self._failure = error
        for each in list(self._members):
            each.fall_behind()

    async def follow(self, follower: Follower[T, WordsT]) -> None:
        """Gives a follower all that is behind its place, until it leaves.

        Raises:
            Exception: what ends the member, or what ended the group.
        """
        first, follower.first = follower.first, ()
        for step in first:
            await self._send(step, follower.member)
        while not follower.take_leave():
            if self._admits(follower):
                await self._join(follower)
            else:
                await self._catch_up(follower)

    def _admits(self, follower: Follower[T, WordsT]) -> bool:
        """The first member begins the group, but not before it is at the end of the log.

        Where the log is over each reads what it has missed of it by itself.
        """
        if isinstance(self._failure, Over):
            return False
        if self._failure is not None:
            raise self._failure
        return follower.live if self._place is None else follower.seen >= self._place

    async def _join(self, follower: Follower[T, WordsT]) -> None:
        """Returns when the follower has fallen behind, or leaves."""
        if self._place is None:
            self._place = follower.seen
            self._begun.set_result(follower.seen)
        self._members[follower] = None
        try:
            await follower.until_behind()
        finally:
            self._members.pop(follower, None)

    async def _catch_up(self, follower: Follower[T, WordsT]) -> None:
        """Sends what is behind its place until the group can be joined."""
        async with aclosing(self._feed.pages(follower.seen)) as pages:
            async for page in pages:
                for step in page.steps:
                    await self._send(step, follower.member)
                    follower.seen = step.place
                    await asyncio.sleep(0)  # a long backlog lets others in between
                follower.seen, follower.live = page.reach, page.is_last
                if self._admits(follower):
                    return

    async def _send(self, step: Step[T], member: Member[WordsT]) -> None:
        words = await self.words(step)
        if words is not None:
            await member.send(words)

    async def _say(self, steps: Sequence[Step[T]]) -> None:
        """Gives a few steps at a time; where one can't be put into words, all before it."""
        said: list[tuple[int, WordsT | None]] = []
        size = 0
        try:
            for step in steps:
                if not self._members:
                    continue
                words = await self.words(step)
                said.append((step.place, words))
                size += 0 if words is None else self._size_of(words)
                if len(said) == STEPS_AT_A_TIME or size >= BYTES_AT_A_TIME:
                    await self._give(said)
                    said, size = [], 0
        finally:
            await self._give(said)

    async def _give(self, said: Sequence[tuple[int, WordsT | None]]) -> None:
        """To every member in turn what it has not seen of it."""
        if not said:
            return
        self._place = said[-1][0]
        members_at_a_time = max(GIVEN_AT_A_TIME // len(said), 1)
        for count, each in enumerate(list(self._members), start=1):
            if each.is_joined:
                each.take(said)
            if count % members_at_a_time == 0:
                await asyncio.sleep(0)

    async def words(self, step: Step[T]) -> WordsT | None:
        """Puts a step into words, once in a while for all who ask."""
        now = asyncio.get_running_loop().time()
        key = (step.place, type(step.value))
        found = self._words.get(key)
        if found is None or found[0] < now:
            while len(self._words) >= KEPT_WORDS:
                del self._words[next(iter(self._words))]
            rendering = asyncio.ensure_future(self._render(step.value))
            found = self._words[key] = (now + WORDS_SECONDS, rendering)
        return await asyncio.shield(found[1])
