"""The media worker: it leases cameras, runs their pipelines, and writes what they tell."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from app.camera_metrics import CameraMeter
from app.detection_frames import DetectionTeller
from app.pipelines import Pipelines
from app.supervision import Supervisor
from app.tenure import Tenure
from app.writer import writing_changes
from media.detect.pool import DetectorPool
from media.log_fields import bind_log_fields
from media.pipeline import CameraWorld
from media.source import Transport
from models.lease import Worker as Registered
from resolvers.context import World

log = logging.getLogger(__name__)

STOPPED = "the worker that recorded it was stopped"


class Companion(Protocol):
    """What runs beside the cameras for as long as the worker does: its port, retention."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; an exception ends the worker, its recordings closed properly."""
        ...


@dataclass(slots=True)
class Worker:
    """Keeps running pipelines equal to the cameras that it owns of those in the database.

    `pool` is None where nothing is to be detected: cameras are recorded.
    `companions` are all started in `run`. `address` is the base URL of its internal port; whoever
    opens the port sets it, at any time: it is told with the next look. `spool` is the folder of
    changes that wait for the database. `alone`: no other worker can be on the database.
    `lacking` is as in `Pipelines`.
    """

    world: World
    media: CameraWorld
    transport: Transport
    spool: Path
    pool: DetectorPool | None = None
    companions: list[Companion] = field(default_factory=list)
    address: str | None = None
    meter: CameraMeter = field(default_factory=CameraMeter)
    alone: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Supervises until `stop`, then ends every recording properly and hands it over."""
        await asyncio.to_thread(self.media.store.empty_trash)
        me = await self._registered()
        bind_log_fields(worker=me.name)
        tenure = Tenure(self.world, me, lambda: self.address, alone=self.alone)
        log.info("worker %s looks after its share of the cameras", me.id)
        async with writing_changes(self.world, self.spool) as writer, asyncio.TaskGroup() as tasks:
            teller = DetectionTeller(self.world.broadcast)
            companions: list[Companion] = [self.meter, teller, *self.companions]
            for companion in companions:
                tasks.create_task(companion.run(stop), name=type(companion).__name__)
            pipelines = Pipelines(self.media, writer, self.meter, self.pool, teller, self.lacking)
            supervisor = Supervisor(self.world, self.transport, tenure, pipelines, writer)
            await tenure.renew()
            keeping = tasks.create_task(tenure.keep(), name="leases")
            try:
                await supervisor.run(stop)
            finally:
                await pipelines.stop(list(pipelines.running), STOPPED)
                keeping.cancel()
                await tenure.leave()

    async def _registered(self) -> Registered:
        store_id = await asyncio.to_thread(lambda: self.world.store.store_id)
        name, now_us = f"{socket.gethostname()}/{os.getpid()}", self.world.clock.now_us()
        return Registered(uuid4(), name, self.address, store_id, now_us, now_us)
