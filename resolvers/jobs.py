"""Work that a tenant asks for: taken by one worker at a time, told of as it goes on, ended.

A worker that says nothing for STALE_US has lost its job: another begins it from the start. What
the first one still says is refused, as it no longer has the claim.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from tortoise.expressions import F, Q
from tortoise.queryset import QuerySet

from models.base import TenantOwned, select_first
from models.job import Job, JobState
from models.lease import database_now_us
from resolvers.access import UNNAMED
from resolvers.bus import wait_for_ring
from resolvers.context import Context, World
from resolvers.errors import NotFound, Unavailable
from resolvers.fanout import Over, Start
from resolvers.tail import LOOK_ANYWAY_SECONDS, Page, Step

STALE_US = 15_000_000
MOST_ATTEMPTS = 3
RETRY_US = 5_000_000
LONGEST_WAIT_US = 86_400_000_000
"""So long a job waits at most for what others have to change."""
SOONEST_LOOK_US, LATEST_LOOK_US = 5_000_000, 60_000_000
"""Between looks whether that has come: a tenth of how long the job has waited already."""
ID_CHARACTERS = 36

JobT = TypeVar("JobT", bound=Job)


class JobLost(Exception):
    """The job is another's by now, or was deleted."""


class NotYet(Exception):
    """Footage of the range is still being written."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a job failed: a stable code, and words.

    `passes`: another attempt may help. `waits`: it is for others to change, and may take hours.
    """

    code: str
    text: str
    passes: bool = False
    waits: bool = False


class JobFault(Exception):
    """Why nothing will come of it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


CUT_SHORT = Fault("CUT_SHORT", "whoever made it was stopped, again and again")

ANY = Q()


@dataclass(frozen=True, slots=True)
class Jobs(Generic[JobT]):
    """One kind of job: its table and values.

    `waiting` is the topic for workers, `of` that of a tenant's jobs.
    """

    table: type[TenantOwned]
    value: type[JobT]
    waiting: str
    of: Callable[[str], str]

    def every(self) -> QuerySet[TenantOwned]:
        """Of all tenants: workers do them all. No use case of a tenant may ask here."""
        return QuerySet(self.table)

    async def take(
        self, world: World, among: Q = ANY, more: Mapping[str, object] | None = None
    ) -> JobT | None:
        """The oldest that waits, or was lost, for the caller alone; None when there is none.

        `among`: which come into question. `more` is written too.

        Raises:
            Unavailable: the database is away.
        """
        now_us = await database_now_us(world.clock.now_us())
        lost = Q(state=JobState.RUNNING, seen_us__lt=now_us - STALE_US)
        free = Q(state=JobState.WAITING, due_us__lte=world.clock.now_us()) | lost
        rows = self.every().filter(free).filter(among).order_by("created_us", "id")
        found = await self._first(rows)
        if found is None:
            return None
        if found.attempts >= MOST_ATTEMPTS:
            await self.give_up(world, found, CUT_SHORT)
            return await self.take(world, among, more)
        taken: dict[str, object] = {
            "state": JobState.RUNNING.value,
            "claim": uuid4(),
            "seen_us": now_us,
            "attempts": found.attempts + 1,
            **_words(None),
            **(more or {}),
        }
        return await self._change(world, found, taken) or await self.take(world, among, more)

    async def keep(self, world: World, job: JobT, **progress: int) -> None:
        """Says that the job goes on, and how far it is.

        Raises:
            JobLost: it is not the caller's any more.
            Unavailable: the database is away.
        """
        now_us = await database_now_us(world.clock.now_us())
        # The revision moves where there is something new to tell, so that followers hear no echo.
        told: dict[str, Any] = dict(progress)
        rows = self._mine(job).exclude(Q(**told))  # exclude(**told) would want all of it changed
        if await rows.update(seen_us=now_us, **progress, revision=F("revision") + 1):
            await world.bus.ring(self.of(job.tenant_id))
        elif not await self._mine(job).update(seen_us=now_us):
            raise JobLost

    async def fail(self, world: World, job: JobT, fault: Fault, **undone: int) -> None:
        """Ends it with a fault, or puts it back where another attempt may help.

        Raises:
            JobLost: it is not the caller's any more.
            Unavailable: the database is away.
        """
        now_us = world.clock.now_us()
        waited_us = now_us - job.created_us
        if fault.waits and waited_us < LONGEST_WAIT_US:
            due_us = now_us + min(LATEST_LOOK_US, max(SOONEST_LOOK_US, waited_us // 10))
            await self.put_back(world, job, job.attempts - 1, due_us, fault, **undone)
        elif fault.passes and job.attempts < MOST_ATTEMPTS:
            due_us = now_us + RETRY_US
            await self.put_back(world, job, job.attempts, due_us, fault, **undone)
        else:
            await self.end(job, failed(fault))
            await world.bus.ring(self.of(job.tenant_id))

    async def put_back(
        self,
        world: World,
        job: JobT,
        attempts: int,
        due_us: int,
        fault: Fault | None = None,
        **undone: int,
    ) -> None:
        """Leaves it to whoever takes it next, with why it waits. Raises JobLost, Unavailable."""
        changes = {"attempts": attempts, "due_us": due_us, "claim": None, **undone}
        waiting = {"state": JobState.WAITING.value, **changes, **_words(fault)}
        await self.end(job, waiting)
        await world.bus.ring(self.of(job.tenant_id))
        await world.bus.ring(self.waiting)

    async def give_up(self, world: World, found: JobT, fault: Fault) -> None:
        """Whoever works at it is refused from then on; nothing where it has changed meanwhile."""
        await self._change(world, found, failed(fault))

    async def end(self, job: JobT, changes: Mapping[str, object]) -> None:
        """The last that the caller says of it; to be told by whoever commits it. Raises JobLost."""
        if not await self._mine(job).update(**changes, revision=F("revision") + 1):
            raise JobLost

    def _mine(self, job: JobT) -> QuerySet[TenantOwned]:
        rows = self.table.within(job.tenant_id)
        return rows.filter(id=job.id, claim=job.claim, state=JobState.RUNNING)

    async def _change(
        self, world: World, found: JobT, changes: Mapping[str, object]
    ) -> JobT | None:
        """None when it has changed since it was read."""
        revision = found.revision + 1
        rows = self.table.within(found.tenant_id).filter(id=found.id)
        if not await rows.filter(revision=found.revision).update(**changes, revision=revision):
            return None
        await world.bus.ring(self.of(found.tenant_id))
        return await self._first(rows)

    async def _first(self, rows: QuerySet[Any]) -> JobT | None:
        value: Any = self.value  # a msgspec.Struct too: there is no type for both
        found: JobT | None = await select_first(rows, value)
        return found

    async def one(self, rows: QuerySet[Any], job_id: str) -> JobT | None:
        """The one of this id among rows that somebody may see."""
        found = uuid_of(job_id)
        return None if found is None else await self._first(rows.filter(id=found))

    async def delete(self, ctx: Context, found: JobT, rows: QuerySet[Any]) -> JobT:
        """Ends it, with who did; again, nothing changes. `rows`: those that the caller may see."""
        gone = {
            "state": JobState.DELETED.value,
            "deleted_us": ctx.world.clock.now_us(),
            "deleted_by": ctx.actor.subject or UNNAMED,
        }
        while found.state != JobState.DELETED:
            same = rows.filter(id=found.id, revision=found.revision)
            await same.update(**gone, revision=found.revision + 1)
            again = await self._first(rows.filter(id=found.id))
            if again is None:
                raise NotFound("it is gone")
            found = again
        await ctx.world.bus.ring(self.of(found.tenant_id))
        return found


def failed(fault: Fault) -> dict[str, object]:
    return {"state": JobState.FAILED.value, **_words(fault)}


def _words(fault: Fault | None) -> dict[str, object]:
    """Why it failed, or waits."""
    if fault is None:
        return {"fault_code": None, "fault": None}
    return {"fault_code": fault.code, "fault": fault.text}


def uuid_of(job_id: str) -> UUID | None:
    try:
        return UUID(job_id[:ID_CHARACTERS])
    except ValueError:
        return None


class JobFeed(Generic[JobT]):
    """A job as it is, and again after each change, until it is over."""

    def __init__(
        self, ctx: Context, key: Hashable, topic: str, look: Callable[[], Awaitable[JobT]]
    ) -> None:
        """`look` finds it for the actor; raises ScopeMissing or NotFound."""
        self._ctx, self._key, self._topic, self._look = ctx, key, topic, look

    @property
    def key(self) -> Hashable:
        return self._key

    async def start(self) -> Start[JobT]:
        """Raises ScopeMissing or NotFound."""
        found = await self._look()
        return Start(found.revision, live=True, first=[Step(found.revision, found)])

    async def pages(self, seen: int) -> AsyncGenerator[Page[JobT], None]:
        """Each change behind a revision; several in quick succession come as the last.

        Raises:
            Over: it is ready, has failed or was deleted, and that was told.
        """
        async with self._ctx.world.bus.bell(self._topic) as bell:
            while True:
                bell.clear()
                found = await self._found()
                if found is not None and found.revision > seen:
                    seen = found.revision
                    yield Page([Step(seen, found)], seen, seen)
                if found is not None and found.is_over:
                    raise Over
                await wait_for_ring(bell, LOOK_ANYWAY_SECONDS)

    async def _found(self) -> JobT | None:
        """None while the database is away."""
        try:
            return await self._look()
        except Unavailable:
            return None
