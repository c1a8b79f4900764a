"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 0.5


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks and waits until they are over, what they raise is left with them.

    Who goes on is cancelled again: before Python 3.12 `asyncio.wait_for`, which redis-py and
    asyncpg send and connect with, loses a cancellation that comes together with the result.
    """
    going = {each for each in tasks if not each.done()}
    while going:
        for each in going:
            each.cancel()
        _, going = await asyncio.wait(going, timeout=AGAIN_SECONDS)
