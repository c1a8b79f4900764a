"""Makes exports beside a worker's cameras, one at a time."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial

from app.rounds import Stopping, do_jobs, telling
from media.export.package import Package
from models.export import Export
from resolvers import export_jobs
from resolvers.bus import EXPORTS
from resolvers.context import World
from resolvers.exporting import Making, Progress, Stopped
from resolvers.jobs import JobFault, JobLost, NotYet

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
NOT_YET_US = 1_000_000


@dataclass(slots=True)
class Exporter:
    """A worker's companion. Of several each takes what none has taken."""

    world: World

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then what is being made is left to whoever runs next."""
        await do_jobs(self.world, EXPORTS, LOOK_SECONDS, self._work, stop)

    async def _work(self, stopping: Stopping) -> bool:
        job = await export_jobs.take(self.world)
        if job is not None:
            await self._make(job, stopping)
        return job is not None

    async def _make(self, job: Export, stopping: Stopping) -> None:
        """Whatever else it raises leaves the folder to `sweep`: the tables may know it as ready."""
        making = Making(self.world, job, Progress(job.expected_bytes))
        work = asyncio.create_task(making.make(), name="export")
        try:
            await telling(work, stopping, partial(self._tell, making))
            making.progress.is_stopped = stopping.done()
            await asyncio.wait({work})
            package = work.result()
            await export_jobs.finish(self.world, job, package)
            log.info("export %s is ready: %d bytes", job.id, package.size_bytes)
        except (NotYet, Stopped):
            await making.give_up()
            due_us = self.world.clock.now_us() + (0 if stopping.done() else NOT_YET_US)
            await export_jobs.put_back(self.world, job, job.attempts - 1, due_us)
        except JobFault as error:
            log.warning("export %s failed: %s", job.id, error)
            await making.give_up()
            await export_jobs.fail(self.world, job, error.fault)
        except JobLost:
            log.info("export %s was deleted, or taken by another worker", job.id)
            await self._end(making, work)
            await making.give_up()
        finally:
            await self._end(making, work)

    async def _end(self, making: Making, work: asyncio.Task[Package]) -> None:
        making.progress.is_stopped = True
        await asyncio.gather(work, return_exceptions=True)

    async def _tell(self, making: Making) -> None:
        progress = making.progress
        done = min(progress.done_bytes, progress.expected_bytes)
        await export_jobs.keep(self.world, making.job, done, progress.expected_bytes)
