"""Finds out within two seconds that a server is silent, and then spares callers the wait."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

from models.tasks import end

T = TypeVar("T")

SUSPECT_SECONDS = 1.0
"""Who waits longer for an answer makes the circuit ask whether the server is there at all."""
ANSWER_SECONDS = 1.0
RETRY_SECONDS = 0.25

Ask = Callable[[], Awaitable[None]]
"""Asks a server for something that costs it nothing; raises an error when it cannot be reached."""


class ServerSilent(ConnectionError):
    """The server was asked a moment ago, and did not answer."""


class Circuit:
    """Closed while the server answers. Open, it fails whoever waits, and who comes, at once.

    A slow answer alone opens nothing: only when a question that costs nothing, asked beside it,
    stays without answer as well as everything else. `failures` are what `ask` may raise.
    """

    def __init__(self, ask: Ask, failures: tuple[type[Exception], ...]) -> None:
        self._ask, self._failures = ask, failures
        self._is_open = False
        self._answers = 0
        self._waiting: set[asyncio.Timeout] = set()
        self._asking: asyncio.Task[None] | None = None

    async def guard(self, work: Awaitable[T]) -> T:
        """The result of `work`, which asks the server. Raises TimeoutError, or ServerSilent."""
        if self._is_open:
            if inspect.iscoroutine(work):
                work.close()
            raise ServerSilent("the server is silent")
        suspicion = asyncio.get_running_loop().call_later(SUSPECT_SECONDS, self.suspect)
        try:
            async with asyncio.timeout(None) as limit:
                self._waiting.add(limit)
                done = await work
        finally:
            suspicion.cancel()
            self._waiting.discard(limit)
        self._answers += 1
        return done

    def suspect(self) -> None:
        """Something was slow, or failed: asks the server, and again until it answers."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._find_out(), name="server-silent")

    async def close(self) -> None:
        if self._asking is not None:
            await end(self._asking)

    async def _find_out(self) -> None:
        while not await self._is_there():
            self._is_open = True
            now = asyncio.get_running_loop().time()
            while self._waiting:
                self._waiting.pop().reschedule(now)
            await asyncio.sleep(RETRY_SECONDS)
        self._is_open = False

    async def _is_there(self) -> bool:
        before = self._answers
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._ask()
        except self._failures:
            return self._answers > before
        return True
