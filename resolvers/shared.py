"""Work that one task does for all who want it, for as long as anybody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Generic, Protocol, TypeVar

from models.tasks import end


class Running(Protocol):
    async def run(self) -> None:
        """Works until it is cancelled."""
        ...

    def end(self, error: BaseException) -> None:
        """Is called when `run` has failed; whoever holds it must come to know."""
        ...


RunningT = TypeVar("RunningT", bound=Running)


class _Held(Generic[RunningT]):
    def __init__(self, work: RunningT) -> None:
        self.work, self.holders = work, 0
        # A context of its own: not the log fields of whoever happens to come first.
        self.task = asyncio.create_task(work.run(), context=Context())


class Shared(Generic[RunningT]):
    """Invariant: for each key that is held there is one, and it runs, unless it has failed.

    What has failed is made anew for whoever comes next.
    """

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held[RunningT]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def held(self) -> list[RunningT]:
        return [each.work for each in self._held.values()]

    @asynccontextmanager
    async def hold(self, key: Hashable, make: Callable[[], RunningT]) -> AsyncIterator[RunningT]:
        held = self._held.get(key) or self._begin(key, make())
        held.holders += 1
        try:
            yield held.work
        finally:
            held.holders -= 1
            if held.holders == 0:
                self._forget(key, held)
                await end(held.task)

    def _begin(self, key: Hashable, work: RunningT) -> _Held[RunningT]:
        held = self._held[key] = _Held(work)

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self._forget(key, held)
                work.end(error)

        held.task.add_done_callback(ended)
        return held

    def _forget(self, key: Hashable, held: _Held[RunningT]) -> None:
        if self._held.get(key) is held:
            del self._held[key]
