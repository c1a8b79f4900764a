"""Media changes into the database: in order, in batches, again until it takes them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from uuid import UUID

from tortoise.exceptions import BaseORMException

from app import metrics
from app.spool import Spool
from app.spool_files import Owned
from app.spool_queue import Taken
from app.tracing import event_written
from media.bridge import Bridge
from media.log_fields import log_fields
from media.types import ChangeKind, EventChange, MediaChange
from models.camera import Camera
from resolvers import ingest
from resolvers.context import World
from resolvers.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.2, 2.0
TEND_SECONDS = 1.0
"""While changes wait on disk: how much a power cut may cost."""
ADOPT_SECONDS = 30.0
LAST_WORDS_SECONDS = 3.0
"""For what is not written yet when the worker is told to stop."""

REFUSALS = (BaseORMException, ValueError, TypeError, LookupError, ArithmeticError)
"""What a change that can never be written makes: the database's, or what it is asked with."""


class ChangeWriter:
    """Takes changes from the cameras' threads, and writes them through `resolvers.ingest`."""

    def __init__(self, world: World, spool: Spool) -> None:
        self._world, self._spool = world, spool
        self._bridge = Bridge(asyncio.get_running_loop())
        self._owners: dict[UUID, tuple[str, str]] = {}
        self._ending = False
        self._tended = self._adopted = time.monotonic()

    def know(self, cameras: Iterable[Camera]) -> None:
        """Tells whose cameras' changes are to come."""
        self._owners.update((each.key, (each.tenant_id, each.slug)) for each in cameras)

    def deliver(self, change: MediaChange) -> None:
        """From any thread, after `know`: it will be written. Returns at once.

        An event is on disk by then; only a full disk leaves it to memory alone.
        """
        owner = self._owners.get(change.camera_key)
        if owner is None:
            log.warning("a change of the unknown camera %s is dropped", change.camera_key)
        elif self._spool.put(Owned(*owner, change)):
            self._bridge.ring()
        else:
            log.warning("nobody takes %s any more: it came after the end", type(change).__name__)

    def finish(self) -> None:
        """`run` ends when everything that was delivered before is written."""
        self._ending = True
        self._bridge.ring()

    async def run(self) -> None:
        """Writes until `finish`."""
        while True:
            found = self._spool.take()
            if not found and self._ending:
                return
            for _, batch in groupby(sorted(found, key=_tenant_of), key=_tenant_of):
                await self._write(list(batch))
            await self._tend()
            if not found:
                await self._bridge.heard(ADOPT_SECONDS)

    async def _write(self, batch: Sequence[Taken]) -> None:
        """Tries for as long as the database is away; what comes later waits its turn.

        What the tables refuse for good is searched by halves: it must not hold up the others.
        """
        began_us = self._world.clock.now_us()
        try:
            await self._recorded(batch)
        except REFUSALS as error:
            if len(batch) == 1:
                await asyncio.to_thread(self._spool.refuse, batch[0], repr(error))
                metrics.changes_refused.inc()
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
        else:
            self._spool.done(batch)
            self._note(batch, began_us)

    async def _recorded(self, batch: Sequence[Taken]) -> None:
        """Raises one of REFUSALS when not all of it can ever be written: nothing is, then."""
        slugs = {each.owned.change.camera_key: each.owned.camera_slug for each in batch}
        changes = [each.owned.change for each in batch]
        wait = FIRST_RETRY_SECONDS
        while True:
            try:
                await ingest.record(self._world, batch[0].owned.tenant_id, slugs, changes)
            except Unavailable:
                await asyncio.to_thread(self._spool.hold)
                await self._tend()
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_RETRY_SECONDS)
            else:
                self._spool.release()
                return

    def _note(self, batch: Sequence[Taken], began_us: int) -> None:
        now_us = self._world.clock.now_us()
        for each in batch:
            change = each.owned.change
            if isinstance(change, EventChange) and change.kind is ChangeKind.BEGAN:
                metrics.events.labels(change.detection.feature).inc()
                metrics.event_write_seconds.observe(max(0, now_us - change.at_us) / 1_000_000)
                event_written(change, began_us, now_us)
                with log_fields(tenant=each.owned.tenant_id, camera=each.owned.camera_slug):
                    said = {"trace_id": str(change.trace_id)}
                    log.debug("event %s is written", change.event_id, extra=said)

    async def _tend(self) -> None:
        now = time.monotonic()
        if now - self._tended >= TEND_SECONDS and self._spool.size_bytes:
            await asyncio.to_thread(self._spool.tend)
            self._tended = now
        if now - self._adopted >= ADOPT_SECONDS:
            self._adopted = now
            try:
                await asyncio.to_thread(self._spool.adopt)
            except OSError:
                log.exception("what other processes left could not be looked at")


@asynccontextmanager
async def writing_changes(world: World, folder: Path) -> AsyncIterator[ChangeWriter]:
    """Writes what is delivered while the context is open, and at its end what is left.

    What the database does not take by then stays in the folder for the next process.

    Raises:
        OSError: what is in the folder cannot be read.
    """
    spool = await asyncio.to_thread(Spool, folder)
    try:
        writer = ChangeWriter(world, spool)
        with metrics.reading(partial(_tell, spool)):
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(writer.run(), name="change-writer")
                try:
                    yield writer
                finally:
                    writer.finish()
                    await _last_words(writing, spool)
    finally:
        await asyncio.to_thread(spool.close)


async def _last_words(writing: asyncio.Task[None], spool: Spool) -> None:
    """Not for ever, as the database may be away."""
    await asyncio.wait({writing}, timeout=LAST_WORDS_SECONDS)
    if not writing.done():
        log.warning("stopping without the database: changes wait in %s", spool.root)
        writing.cancel()


def _tell(spool: Spool) -> None:
    metrics.queue_depth.labels("changes").set(spool.depth)
    metrics.spool_bytes.set(spool.size_bytes)


def _tenant_of(taken: Taken) -> str:
    return taken.owned.tenant_id
