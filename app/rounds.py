"""The rounds of a worker's companions that do jobs: at each ring, and now and then without one.

While one does a job it says each second how far it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tortoise.exceptions import BaseORMException

from resolvers.bus import wait_for_ring
from resolvers.context import World
from resolvers.errors import Unavailable
from resolvers.jobs import JobLost

log = logging.getLogger(__name__)

TELL_SECONDS = 1.0

Stopping = asyncio.Task[bool]
"""Is done once the worker is about to end."""

Work = Callable[[Stopping], Awaitable[bool]]
"""One job, to its end or until the worker's; whether there was one. May raise JobLost."""


async def do_jobs(
    world: World, topic: str, seconds: float, work: Work, stop: asyncio.Event
) -> None:
    """One after the other until `stop`; looks anyway after so many seconds without a ring."""
    async with world.bus.bell(topic) as bell:
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: bell.set())
        while not stop.is_set():
            bell.clear()
            if not await _tried(topic, work, stopping):
                await wait_for_ring(bell, seconds)
        await stopping


async def telling(
    work: asyncio.Task[object], stopping: Stopping, tell: Callable[[], Awaitable[None]]
) -> None:
    """Has a job tell how far it is, each second, until it or the worker ends. Raises JobLost."""
    while not work.done() and not stopping.done():
        try:
            await tell()
        except Unavailable as error:  # nobody else can take it meanwhile
            log.debug("a job goes on unheard: %s", error)
        await asyncio.wait({work, stopping}, timeout=TELL_SECONDS, return_when="FIRST_COMPLETED")


async def _tried(topic: str, work: Work, stopping: Stopping) -> bool:
    try:
        return await work(stopping)
    except JobLost:
        log.info("%s: one was deleted, or taken by another worker, as it ended", topic)
        return True
    except (Unavailable, BaseORMException, OSError) as error:
        log.warning("%s have to wait: %s", topic, error)
        return False
