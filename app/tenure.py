"""A worker's hold on its cameras: leases renewed all the time, taken and given by fair shares."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
from tortoise.exceptions import BaseORMException

from app import metrics
from models.lease import CameraLease, Worker
from resolvers import leases
from resolvers.bus import CAMERA_CONFIG
from resolvers.context import World
from resolvers.errors import VmsError
from resolvers.leases import RENEW_SECONDS, Standing, Wanted

log = logging.getLogger(__name__)

AWAY = (VmsError, BaseORMException, OSError)
"""What asking the database may raise while it cannot answer; a TimeoutError is an OSError."""

ANSWER_SECONDS = 1.5
"""For one question: a lease lasts for two attempts and more."""
CONFIRM_SECONDS = 1.2
"""Longer than from one renewal to the next: a lease that did not change meanwhile has no owner."""
SETTLE_SECONDS = 2.0
"""So long must there be too many cameras here before some are given away, few at a time."""
MOST_TAKEN, MOST_GIVEN = 8, 2


Address = Callable[[], str | None]
"""The base URL of the worker's internal port as it is now."""


class Tenure:
    """Which cameras this worker may record, as far as it knows: `tokens`, by camera.

    While the database is away it keeps them all: nobody else can take one then, as a lease is
    taken through the database alone. When the database is back, a lease that nobody took is simply
    renewed; one that was taken is gone from `tokens` after the first answer.

    A lease of another is taken when it has expired by the database's clock *and* stood unchanged
    under this worker's own eyes for longer than a living owner lets it. So neither a clock that
    steps, nor a database that was away from all, makes living workers lose their cameras.
    """

    def __init__(
        self, world: World, me: Worker, address: Address = lambda: None, *, alone: bool = False
    ) -> None:
        """`alone`: no other worker can be on this database, so all cameras are this one's."""
        self.me, self._address = me, address
        self.tokens: dict[UUID, int] = {}
        self.changed = asyncio.Event()
        self._world, self._alone = world, alone
        self._workers = 1
        self._lock = asyncio.Lock()
        self._watched: dict[CameraLease, float] = {}
        self._expired: list[CameraLease] = []
        self._now_us, self._at = 0, 0.0
        self._blind_until = 0.0
        self._known = False
        self._crowded_since: float | None = None

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """One question at a time, so that answers come in the order of what was done."""
        async with self._lock, asyncio.timeout(ANSWER_SECONDS):
            yield

    async def keep(self) -> None:
        """Renews until it is cancelled; `changed` is set when a look at the cameras is due."""
        wait_s = RENEW_SECONDS
        while True:
            await asyncio.sleep(wait_s)
            wait_s = await self.renew()

    async def renew(self) -> float:
        """Renews once. Returns the seconds until it is to be done again."""
        began = time.monotonic()
        try:
            async with self._asking():
                await self._renew()
        except AWAY as error:
            if self._known:
                log.warning("leases cannot be renewed, recording goes on: %s", error)
            self._known = False
            self._expired = []
        return max(0.0, min(RENEW_SECONDS, self._next_expiry_s()) + began - time.monotonic())

    async def _renew(self) -> None:
        if self._alone:
            await leases.be_alone(self._world, self.me)
        me = msgspec.structs.replace(self.me, address=self._address())
        standing = await leases.renew(self._world, me)
        now = time.monotonic()
        if not self._known:
            # Others may not have found the database again yet, or this process was asleep.
            self._blind_until = now + leases.LEASE_US / 1_000_000 if self.tokens else now
            self._known = True
        self._alone = False
        if lost := sorted(self.tokens.keys() - standing.tokens.keys()):
            log.warning("%d cameras were taken by other workers", len(lost))
            metrics.lease_changes.labels("lost").inc(len(lost))
        if lost or standing.workers != self._workers:
            self.changed.set()
        self.tokens, self._workers = standing.tokens, standing.workers
        self._watch(standing, now)

    def _watch(self, standing: Standing, now: float) -> None:
        self._watched = {each: self._watched.get(each, now) for each in standing.overdue}
        self._now_us, self._at = standing.now_us, now
        self._expired = [
            lease
            for lease, since in self._watched.items()
            if leases.has_expired(lease, standing.now_us)
            and now - since >= CONFIRM_SECONDS
            and now >= self._blind_until
        ]
        if self._expired:
            self.changed.set()

    def _next_expiry_s(self) -> float:
        """Until the next of the watched leases can be taken; at least some milliseconds."""
        now = time.monotonic()
        left = [
            max(
                (lease.expires_us - self._now_us) / 1_000_000 - (now - self._at),
                since + CONFIRM_SECONDS - now,
                self._blind_until - now,
                0.02,
            )
            for lease, since in self._watched.items()
            if lease not in self._expired and lease.expires_us <= self._now_us + leases.LEASE_US
        ]
        return min(left, default=RENEW_SECONDS)

    async def take(self, wanted: Sequence[Wanted]) -> bool:
        """Takes free cameras, some at a time, up to the fair share. True: there may be more.

        Raises one of AWAY.
        """
        room = self._share(wanted) - len(self.tokens)
        if room <= 0 or not self._known:
            return False
        keys = {each.key for each in wanted}
        expired = [each for each in self._expired if each.camera_key in keys][:MOST_TAKEN]
        async with self._asking():
            others = [each for each in wanted if each.key not in self.tokens]
            free = await leases.free_among(others) if others else []
            secrets.SystemRandom().shuffle(free)  # else all workers would try the same ones
            free = free[: max(0, min(room, MOST_TAKEN) - len(expired))]
            if not free and not expired:
                return False
            await self._take(free, expired[:room])
        return True

    async def take_one(self, wanted: Wanted) -> bool:
        """Takes one camera that nobody owns, beside the share, for something that is soon done."""
        async with self._asking():
            if wanted.key not in self.tokens:
                expired = [each for each in self._expired if each.camera_key == wanted.key]
                await self._take(await leases.free_among([wanted]), expired)
        return wanted.key in self.tokens

    async def _take(self, free: Sequence[Wanted], expired: Sequence[CameraLease]) -> None:
        got = await leases.take(self._world, self.me.id, free, expired)
        self.tokens |= got
        self._expired = [each for each in self._expired if each not in expired]
        if got:
            log.info("took %d cameras, %d with an owner that is gone", len(got), len(expired))
            metrics.lease_changes.labels("taken").inc(len(got))

    def surplus(self, wanted: Sequence[Wanted]) -> int:
        """How many cameras to give away now, so that others have their share; 0 as a rule."""
        too_many = len(self.tokens) - self._share(wanted)
        now = time.monotonic()
        if too_many <= 0 or not self._known:
            self._crowded_since = None
            return 0
        if self._crowded_since is None:
            self._crowded_since = now
        if now - self._crowded_since < SETTLE_SECONDS:
            return 0
        self._crowded_since = now - SETTLE_SECONDS / 2
        return min(too_many, MOST_GIVEN)

    def _share(self, wanted: Sequence[Wanted]) -> int:
        return math.ceil(len(wanted) / max(1, self._workers))

    async def give_back(self, keys: Iterable[UUID]) -> None:
        """To be called when nothing of them is recorded any more. Raises one of AWAY."""
        given = [key for key in keys if key in self.tokens]
        if given:
            async with self._asking():
                await leases.release(self.me.id, given)
                for key in given:
                    self.tokens.pop(key, None)
            metrics.lease_changes.labels("released").inc(len(given))
            await self._world.bus.ring(CAMERA_CONFIG)

    async def outbid(self, key: UUID, token: int) -> bool:
        """Gets a token above one that stands in the way of the worker's own camera.

        False: it is no longer its own. Raises one of AWAY.
        """
        async with self._asking():
            raised = await leases.raise_token(self.me.id, key, token)
            if raised is None:
                self.tokens.pop(key, None)
            else:
                self.tokens[key] = raised
        return raised is not None

    async def forget(self, wanted: Wanted) -> None:
        """The camera is gone for good. Raises one of AWAY."""
        async with self._asking():
            await leases.forget_camera(wanted.tenant_id, wanted.key)
            self.tokens.pop(wanted.key, None)

    async def leave(self) -> None:
        """Gives everything back at once; others are told, and take it."""
        try:
            async with self._asking():
                await leases.leave(self.me.id)
                metrics.lease_changes.labels("released").inc(len(self.tokens))
                self.tokens = {}
            await self._world.bus.ring(CAMERA_CONFIG)
        except AWAY as error:
            log.warning("the leases run out by themselves: %s", error)
