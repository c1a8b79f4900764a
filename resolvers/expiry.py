"""The end of credentials that hold a connection open."""

from __future__ import annotations

import asyncio

from media.clock import Clock

LOOK_SECONDS = 0.5


class Expiries:
    """Wakes who waits for an instant of wall time, within half a second of it.

    One task looks at the clock for all of them, again and again: clocks step, and machines sleep.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[asyncio.Future[None], int] = {}

    async def run(self) -> None:
        while True:
            now_us = self._clock.now_us()
            for over in [each for each, at_us in self._waiting.items() if at_us <= now_us]:
                if not over.done():
                    over.set_result(None)
            await asyncio.sleep(LOOK_SECONDS)

    def end(self, error: BaseException) -> None:
        for over in self._waiting:
            if not over.done():
                over.set_exception(error)

    async def until(self, at_us: int) -> None:
        """Returns at an instant in microseconds since the epoch, at once when it has passed."""
        if at_us <= self._clock.now_us():
            return
        over = asyncio.get_running_loop().create_future()
        self._waiting[over] = at_us
        try:
            await over
        finally:
            del self._waiting[over]
