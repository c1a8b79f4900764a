"""What the root field of a subscription gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Generic, TypeVar

from resolvers.context import Context
from resolvers.fanout import Feed, Over

SourceT = TypeVar("SourceT")
ShownT = TypeVar("ShownT")


class Followed(Generic[SourceT, ShownT]):
    """A feed, and how its values look in GraphQL to a caller.

    Subscribers who ask for the same share both (`schema.subscriptions`); iterated, it is followed
    for one alone.
    """

    def __init__(
        self, ctx: Context, feed: Feed[SourceT], shown: Callable[[Context, SourceT], ShownT]
    ) -> None:
        self._ctx, self.feed, self.shown = ctx, feed, shown

    async def __aiter__(self) -> AsyncIterator[ShownT]:
        start = await self.feed.start()
        for step in start.first:
            yield self.shown(self._ctx, step.value)
        with suppress(Over):
            async with aclosing(self.feed.pages(start.place)) as pages:
                async for page in pages:
                    for step in page.steps:
                        yield self.shown(self._ctx, step.value)
