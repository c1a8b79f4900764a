"""Removes beside a worker's cameras what need not be kept, and keeps the disk from filling up."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from tortoise.exceptions import BaseORMException

from app import metrics
from media.disk import Look, Room, halt, halted, keep_spare, resume, room_of, use_spare
from media.turns import alone
from resolvers.bus import RETENTION, wait_for_ring
from resolvers.comparison_jobs import expire
from resolvers.context import World
from resolvers.errors import VmsError
from resolvers.exporting import sweep
from resolvers.reconcile import Reconciler
from resolvers.retention import drop_events, forget_runs, keep_to_plans
from resolvers.room import locked_bytes, make_room

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
PASS_SECONDS = 60.0
EVENTS_SECONDS = 3600.0
LOCK_NAME = ".cleaner"
EVIDENCE = "what fills the disk is locked as evidence"


@dataclass(slots=True)
class Cleaner:
    """A worker's companion. Of several with one store one works at a time, and any may.

    Every 2 s it looks at the disk, every minute (or when a plan has changed) at the plans, every
    hour at events.
    """

    world: World
    look: Look = room_of
    _reconciler: Reconciler = field(init=False)
    _pass_due: float = 0.0
    _events_due: float = 0.0
    _was_low: bool = False
    _complaint: str | None = None

    def __post_init__(self) -> None:
        self._reconciler = Reconciler(self.world)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what fails is said once and tried again."""
        async with self.world.bus.bell(RETENTION) as bell:
            stopping = asyncio.create_task(stop.wait())
            stopping.add_done_callback(lambda _: bell.set())
            while not stop.is_set():
                rung = bell.is_set()
                bell.clear()
                await self._try(rung=rung)
                await wait_for_ring(bell, LOOK_SECONDS)
            await stopping

    async def _try(self, *, rung: bool) -> None:
        try:
            with alone(self.world.store.root / LOCK_NAME) as mine:
                if mine:
                    await self.work(rung=rung)
        except (VmsError, BaseORMException, OSError) as error:
            if str(error) != self._complaint:
                log.warning("retention could not do its work and tries again: %s", error)
            self._complaint = str(error)
        else:
            self._complaint = None

    async def work(self, *, rung: bool = False) -> None:
        """All that is due now."""
        await self.guard_disk()
        now = asyncio.get_running_loop().time()
        if rung or now >= self._pass_due:
            self._pass_due = now + PASS_SECONDS
            if freed := await keep_to_plans(self.world):
                metrics.removed_bytes.labels("retention").inc(freed)
                log.info("retention removed %d bytes of footage", freed)
            if gone := await sweep(self.world):
                log.info("%d exports that were over or half made were removed", gone)
            await expire(self.world)
            # Last: what a crash cut short is then done, and not told to be missing.
            await self._reconciler.look()
        if now >= self._events_due:
            self._events_due = now + EVENTS_SECONDS
            await drop_events(self.world)
            await forget_runs(self.world)

    async def guard_disk(self) -> None:
        """Says when little room is left; when next to none is, the oldest footage makes some.

        When nothing may go any more and evidence is what fills the disk, recording waits.
        """
        room = await self._room()
        self._say_low(room)
        reserve = self.world.marks.reserve_bytes
        enough = reserve + reserve // 4
        root = self.world.store.root
        if room.free_bytes >= reserve:
            await asyncio.to_thread(keep_spare, root)
            if room.free_bytes >= enough and halted(root) is not None:
                resume(root)
                log.warning("there is room on the disk again: recording goes on")
            return
        use_spare(root)
        wanted = enough - room.free_bytes
        freed = await make_room(self.world, wanted)
        if freed:
            metrics.removed_bytes.labels("disk").inc(freed)
            log.warning("the disk is nearly full: %d bytes of the oldest footage removed", freed)
        if freed < wanted and (await self._room()).free_bytes < reserve:
            await self._give_up()

    async def _give_up(self) -> None:
        root = self.world.store.root
        if halted(root) is None and await locked_bytes(self.world):
            halt(root, EVIDENCE)
            log.error("recording stops: %s; lift a lock, or add room", EVIDENCE)

    async def _room(self) -> Room:
        return await asyncio.to_thread(self.look, self.world.store.root)

    def _say_low(self, room: Room) -> None:
        low = room.free_bytes < self.world.marks.low_bytes
        metrics.disk_low.set(low)
        if low and not self._was_low:
            log.warning("the disk fills up: %d bytes are free", room.free_bytes)
        elif self._was_low and not low:
            log.info("the disk has room again: %d bytes are free", room.free_bytes)
        self._was_low = low
