"""The way out of one connection: messages in order, and few of them waiting.

A transport takes most messages at once. For those no task is needed, and nobody waits: that is what
makes it possible to give one event to thousands of connections in a row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Generic, TypeVar

WAITING_BYTES = 64 * 1024
"""Beside what the transport itself holds."""

SEND_SECONDS = 20.0

MessageT = TypeVar("MessageT")

Sending = Coroutine[Any, Any, None]


class Closed(Exception):
    """Nothing can be sent any more."""


class TooSlow(Closed):
    """The other side has not taken a message in time."""


class Outlet(Generic[MessageT]):
    """`put` sends a message and waits while the transport is full; it raises OSError when closed.

    `size_of` tells about how many bytes a message takes. `tasks` are the connection's: who takes
    nothing ends them all, with Closed.

    Invariant: while `_writer` is set, it sends what waits, and nobody else sends. Once `_failure`
    is set nothing more is sent.
    """

    def __init__(
        self,
        put: Callable[[MessageT], Sending],
        size_of: Callable[[MessageT], int],
        tasks: asyncio.TaskGroup,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._put, self._size_of = put, size_of
        self._tasks, self._send_seconds = tasks, send_seconds
        self._waiting: deque[tuple[MessageT, int]] = deque()
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._failure: Closed | None = None

    def offer(self, message: MessageT) -> bool:
        """Takes a message, or not: then too much waits already."""
        if self._writer is not None or self._failure is not None:
            return self._line_up(message, self._size_of(message))
        work = self._put(message)
        try:  # what `begin` does: a call less for each of very many
            waits_for = work.send(None)
        except StopIteration:
            return True
        except OSError:
            self._failure = Closed("the other side is gone")
            return False
        self._writer = self._tasks.create_task(self._write(_rest(work, waits_for)))
        return True

    def _line_up(self, message: MessageT, size: int) -> bool:
        if self._failure is not None or self._waiting_bytes + size > WAITING_BYTES:
            return False
        self._waiting.append((message, size))
        self._waiting_bytes += size
        return True

    async def send(self, message: MessageT) -> None:
        """Returns when the transport has taken it, and all before it.

        Raises:
            TooSlow: it was not taken within `send_seconds`.
            Closed: the other side is gone.
        """
        while self._writer is not None:
            await asyncio.wait({self._writer})
        if self._failure is not None:
            raise self._failure
        try:
            rest = begin(self._put(message))
            if rest is not None:
                await self._in_time(rest)
        except OSError as error:
            raise Closed("the other side is gone") from error

    async def _write(self, rest: Sending) -> None:
        try:
            await self._in_time(rest)
            while self._waiting:
                message, size = self._waiting.popleft()
                self._waiting_bytes -= size
                await self._in_time(self._put(message))
        except TooSlow as error:
            self._failure = error
            raise
        except OSError as error:
            self._failure = Closed("the other side is gone")
            raise self._failure from error
        finally:
            self._writer = None

    async def _in_time(self, sending: Sending) -> None:
        try:
            async with asyncio.timeout(self._send_seconds):
                await sending
        except TimeoutError as error:
            raise TooSlow(f"nothing was taken for {self._send_seconds:g} s") from error


def begin(work: Sending) -> Sending | None:
    """Runs a coroutine until it has to wait: what is left to be awaited, None when it is done.

    It must not ask for its own task until then.
    """
    try:
        waits_for = work.send(None)
    except StopIteration:
        return None
    return _rest(work, waits_for)


@coroutine
def _rest(work: Sending, waits_for: object) -> Generator[Any, None, None]:
    try:
        yield waits_for
    except BaseException:
        work.close()
        raise
    yield from work.__await__()
