"""The revocations as one process knows them: in memory, half a second behind the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from tortoise.exceptions import BaseORMException

from media.clock import Clock
from models.revocation import TokenRevocation, revocations_from
from resolvers.bus import REVOCATIONS, Bus, wait_for_ring
from resolvers.credential import Credential, holder_of
from resolvers.errors import Unavailable

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
KEPT_US = 24 * 3_600 * 1_000_000
"""So long after a token's end its revocation is kept: clocks differ, though not by as much."""
_SWEEP_AT = 1_000


class Revoked:
    """Which tokens are revoked, kept up to date while `run` runs.

    Nothing that was known is forgotten before it is of no use: not while the database is away, and
    not when it came back from a backup.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[tuple[str, str], int | None] = {}
        self._holders: dict[tuple[str, str], int] = {}
        self._tenants: dict[str, int] = {}
        self._last: tuple[int, UUID] | None = None
        self._news = asyncio.Event()
        self._sweep_at = _SWEEP_AT

    def names(self, tenant_id: str, credential: Credential | None) -> bool:
        """Whether a token of a tenant is revoked; one of which nothing is known with all others."""
        if tenant_id in self._tenants and _before(credential, self._tenants[tenant_id]):
            return True
        if credential is None:
            return False
        if (tenant_id, credential.token) in self._tokens:
            return True
        before_us = None
        if self._holders and credential.holder is not None:
            before_us = self._holders.get((tenant_id, credential.holder))
        return before_us is not None and _before(credential, before_us)

    def learn(self, rows: Sequence[TokenRevocation]) -> None:
        """Tells who waits for news."""
        for row in rows:
            if row.token is not None:
                self._tokens[row.tenant_id, row.token] = row.until_us
            elif row.before_us is not None and row.subject is not None:
                place = row.tenant_id, holder_of(row.tenant_id, row.subject)
                self._holders[place] = max(row.before_us, self._holders.get(place, 0))
            elif row.before_us is not None:
                known_us = self._tenants.get(row.tenant_id, 0)
                self._tenants[row.tenant_id] = max(row.before_us, known_us)
        if len(self._tokens) > self._sweep_at:
            self._sweep()
        self._news.set()
        self._news = asyncio.Event()

    def _sweep(self) -> None:
        over_us = self._clock.now_us() - KEPT_US
        kept = {key: end for key, end in self._tokens.items() if end is None or end >= over_us}
        self._tokens, self._sweep_at = kept, 2 * len(kept) + _SWEEP_AT

    async def look(self) -> None:
        """Reads what is new. The last row that was read is read again: it is never removed.

        Where it is gone all the same its instant has moved on, or the database came from a backup
        and numbers begin again: then everything is read. Raises Unavailable.
        """
        last = self._last
        rows = await revocations_from(0 if last is None else last[0])
        if last is not None and (not rows or (rows[0].number, rows[0].id) != last):
            rows = await revocations_from(0)
        elif last is not None:
            rows = rows[1:]
        if rows:
            self._last = rows[-1].number, rows[-1].id
            self.learn(rows)

    async def run(self, bus: Bus) -> None:
        """Looks at every ring, and each half second without one, until it is cancelled.

        While the database is away nothing can be revoked, and what was known stays.
        """
        async with bus.bell(REVOCATIONS) as bell:
            while True:
                bell.clear()
                try:
                    with suppress(Unavailable):  # logged where it showed first
                        await self.look()
                except BaseORMException:
                    log.exception("the revocations of tokens cannot be read; looking again")
                await wait_for_ring(bell, LOOK_SECONDS)

    async def news(self, at_most_seconds: float) -> None:
        """Returns when something was revoked, or after a while."""
        await wait_for_ring(self._news, at_most_seconds)


def _before(credential: Credential | None, before_us: int) -> bool:
    issued_us = None if credential is None else credential.issued_us
    return issued_us is None or issued_us < before_us
