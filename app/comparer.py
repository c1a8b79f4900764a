"""Makes comparisons beside a worker's cameras, one at a time, in a process that steps aside."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path

import msgspec

from app.reanalysis_words import ASIDE, LENGTH_BYTES, Done, LookAgain, Refuse, Said, message
from app.rounds import Stopping, do_jobs, telling
from models.comparison import Comparison
from resolvers import comparison_jobs
from resolvers.bus import COMPARISONS
from resolvers.comparing import MOST_EVENTS, Comparing, Given
from resolvers.context import World
from resolvers.feature_states import DETECTS
from resolvers.jobs import Fault, JobFault, NotYet
from resolvers.zones import zones_of

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
NOT_YET_US = 1_000_000
STUCK_SECONDS = 900.0
"""A process that asks for nothing for so long hangs: a segment is two minutes at most."""
PROGRAM = "app.reanalysis_process"
_ROOT = Path(__file__).parents[1]


@dataclass(slots=True)
class Progress:
    """How far the footage has been looked at, once for each model."""

    given: Given
    passes: int
    _place: int = 0
    _pass: int = 0
    _ends_us: list[int] = field(init=False)
    _places: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        segments = self.given.segments
        self._ends_us = [0, *accumulate(each.duration_us for each in segments)]
        self._places = {each.name: place for place, each in enumerate(segments)}

    @property
    def expected_us(self) -> int:
        return self.passes * self._ends_us[-1]

    @property
    def done_us(self) -> int:
        return self._pass * self._ends_us[-1] + self._ends_us[self._place]

    def asked(self, name: str) -> None:
        """Files are asked for in order: what comes before is done."""
        place = self._places.get(name)
        if place is None:
            return
        if place < self._place:
            self._pass += 1
        self._place = place


@dataclass(slots=True)
class Comparer:
    """A worker's companion. Of several each takes what none has taken and it has the models for.

    `data_dir` has the models; `in_use` is the detector that comes before all, where there is one.
    `aside`: its processes give way to all others, as they should but where a test can't wait.
    """

    world: World
    data_dir: Path
    in_use: str | None = None
    aside: bool = True

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then what is being made is left to whoever runs next."""
        await do_jobs(self.world, COMPARISONS, LOOK_SECONDS, self._work, stop)

    async def _work(self, stopping: Stopping) -> bool:
        known = self.world.models()
        here = {each.name for each in known if each.installed and each.task == DETECTS}
        job = await comparison_jobs.take(self.world, here) if here else None
        if job is not None:
            await self._make(job, stopping)
        return job is not None

    async def _make(self, job: Comparison, stopping: Stopping) -> None:
        """Raises JobLost as it ends, Unavailable."""
        work: asyncio.Task[Done] | None = None
        comparing = Comparing(self.world, job)
        try:
            given = await comparing.given()
            progress = Progress(given, 1 if job.against is None else 2)
            work = asyncio.create_task(self._compared(comparing, given, progress))
            await telling(work, stopping, partial(self._tell, job, progress))
            if not work.done():
                await self._put_back(job, 0)
                return
            done = work.result()
            await comparison_jobs.finish(self.world, job, done.found, done.versions)
            log.info("comparison %s is ready", job.id)
        except NotYet:
            await self._put_back(job, NOT_YET_US)
        except JobFault as error:
            log.warning("comparison %s failed: %s", job.id, error)
            await comparison_jobs.fail(self.world, job, error.fault)
        finally:
            if work is not None:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def _put_back(self, job: Comparison, later_us: int) -> None:
        due_us = self.world.clock.now_us() + later_us
        await comparison_jobs.put_back(self.world, job, job.attempts - 1, due_us)

    async def _tell(self, job: Comparison, progress: Progress) -> None:
        await comparison_jobs.keep(self.world, job, progress.done_us, progress.expected_us)

    async def _compared(self, comparing: Comparing, given: Given, progress: Progress) -> Done:
        """Raises JobFault, Unavailable."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", PROGRAM, *([ASIDE] if self.aside else [])),
            cwd=_ROOT,
            env={},  # ours has secrets
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            await _tell(child, msgspec.msgpack.encode(self._task(comparing.job, given)))
            while True:
                said = await _said(child)
                if isinstance(said, Done):
                    return said
                if isinstance(said, Refuse):
                    raise JobFault(Fault(said.code, said.text))
                progress.asked(said.name)
                await _tell(child, await comparing.file(given.camera, said.name))
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()

    def _task(self, job: Comparison, given: Given) -> LookAgain:
        return LookAgain(
            data_dir=str(self.data_dir.resolve()),
            in_use=self.in_use,
            model=job.model,
            against=job.against,
            begin=job.begin,
            camera_key=given.camera.key,
            fps=given.camera.fps,
            features=tuple(given.features),
            zones=zones_of(given.camera),
            from_us=job.from_us,
            to_us=job.to_us,
            segments=given.segments,
            stored=None if given.stored is None else tuple(given.stored),
            most_events=MOST_EVENTS,
        )


async def _tell(child: asyncio.subprocess.Process, content: bytes) -> None:
    """Raises JobFault: it is gone."""
    sink = child.stdin
    if sink is None:
        raise ValueError("it is started with pipes")
    try:
        sink.write(message(content))
        await sink.drain()
    except ConnectionError as error:
        raise JobFault(_BROKEN) from error


_BROKEN = Fault("ANALYSIS_BROKEN", "the process that looked at the footage ended", passes=True)
_STUCK = Fault("ANALYSIS_BROKEN", "the process that looked at the footage hung", passes=True)


async def _said(child: asyncio.subprocess.Process) -> Said:
    """The next that it says. Raises JobFault: it is gone, or hangs."""
    source = child.stdout
    if source is None:
        raise ValueError("it is started with pipes")
    try:
        async with asyncio.timeout(STUCK_SECONDS):
            length = int.from_bytes(await source.readexactly(LENGTH_BYTES), "big")
            content = await source.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise JobFault(_BROKEN) from error
    except TimeoutError as error:
        raise JobFault(_STUCK) from error
    said: Said = msgspec.msgpack.decode(content, type=Said)
    return said
