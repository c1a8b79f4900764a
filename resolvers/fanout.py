"""Steps of a log, put into words once and given to everybody who wants the same words.

Who follows is a member of a group: of those who may see the same, asked for the same, and want it
in the same words. A member that is behind (it resumes, or does not keep up) reads alone, at its own
pace, and the group's later on. Only the words are made once: a group waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import msgspec

from resolvers.tail import Page, Step

WORDS_SECONDS = 5.0
KEPT_WORDS = 512
"""A group's latest words are kept so long for those who resume together."""

MEMBERS_AT_A_TIME = 100
"""So many are given a step before others have their turn, a few milliseconds."""

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
    to say about it. Invariant: once
    running, every joined member has been given each step up to `_place`, in the order of the log.
    """

    def __init__(self, feed: Feed[T], render: Callable[[T], Awaitable[WordsT | None]]) -> None:
        self._feed, self._render = feed, render
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
                for step in page.steps:
                    if self._members:
                        await self._give(step.place, await self.words(step))
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

    async def _give(self, place: int, words: WordsT | None) -> None:
        self._place = place
        for count, each in enumerate(list(self._members), start=1):
            if each.seen >= place or not each.is_joined:
                continue
            if words is None or each.member.offer(words):
                each.seen = place
            else:
                each.fall_behind()
            if count % MEMBERS_AT_A_TIME == 0:
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
