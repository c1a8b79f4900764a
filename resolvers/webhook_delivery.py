"""Tells one webhook of its tenant's log: one step after the other, each until it is taken."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from uuid import UUID

from models.webhook import Webhook
from resolvers.access import Actor, Scope
from resolvers.context import Context, World
from resolvers.errors import Unavailable
from resolvers.meter import NO_METER
from resolvers.tail import Page
from resolvers.watch import EventFeed, EventItem, Item
from resolvers.webhook_sending import Attempt, Message, Outcome, WebhookSender
from resolvers.webhook_turns import note_ended, note_failed, note_reached
from resolvers.webhook_words import message_of
from resolvers.webhooks import destination_of, wanted_of

log = logging.getLogger(__name__)

NOTE_PLACES = 1_000
NOTE_SECONDS = 30.0
"""How far, or how long, a place may be ahead of what is noted while nothing is delivered."""


class TurnOver(Exception):
    """Somebody else tells the webhook now, or it was changed or deleted."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds until the first try again, and at most; doubled in between, each cut by up to half.

    The cut is at random: receivers that were down are not asked by all at the same moment.
    """

    first_seconds: float = 1.0
    most_seconds: float = 300.0

    def after(self, failures: int) -> float:
        whole = min(self.most_seconds, self.first_seconds * 2.0 ** min(failures - 1, 30))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


@dataclass(slots=True)
class Delivery:
    """One webhook's, while it is this teller's turn: `is_mine` says so without a question.

    After a failure the log is read anew from the same place, so that what waited is told as it is
    then, and what retention removed meanwhile as a gap.
    """

    world: World
    sender: WebhookSender
    teller_id: UUID
    webhook: Webhook
    is_mine: Callable[[], bool]
    pace: Pace = field(default_factory=Pace)
    waiting_since_us: int | None = None
    """Since when a step waits for the receiver to take it, by the wall clock."""
    failures: int = 0
    """Tries in a row that failed."""
    _place: int = 0
    _noted: int = 0
    _noted_at: float = 0.0

    async def run(self) -> None:
        """Until it is cancelled.

        Raises:
            TurnOver: the turn is over.
        """
        self._place = self._noted = self.webhook.place
        self.waiting_since_us = self.webhook.failing_since_us
        while True:
            before, wait_seconds = self._place, 0.0
            try:
                failed = await self._until_failure()
                await self._note_failure(failed)
                wait_seconds = failed.wait_seconds
            except Unavailable:  # logged where it showed first
                self._place = self._noted
            self.failures = 1 if self._place > before else self.failures + 1
            await asyncio.sleep(max(wait_seconds, self.pace.after(self.failures)))

    async def _until_failure(self) -> Attempt:
        actor = Actor(self.webhook.tenant_id, frozenset({Scope.EVENTS_READ}))
        ctx = Context(actor, replace(self.world, meter=NO_METER))
        feed = EventFeed(ctx, wanted_of(self.webhook))
        async with aclosing(feed.pages(self._place)) as pages:
            async for page in pages:
                failed = await self._deliver(ctx, page)
                if failed is not None:
                    return failed
        raise AssertionError("the log has no end")

    async def _deliver(self, ctx: Context, page: Page[Item]) -> Attempt | None:
        """What went wrong, if anything."""
        for step in page.steps:
            if not self._wants(step.value):
                continue
            if self.waiting_since_us is None:
                self.waiting_since_us = self._now_us()
            message = message_of(self.webhook.id, step.place, step.value, self._now_us())
            if not self.is_mine():
                raise TurnOver
            attempt = await self._send(ctx, message)
            if not attempt.is_delivered:
                return attempt
            self.waiting_since_us, self.failures = None, 0
            await self._reached(step.place, self._now_us())
        await self._passed(page.reach)
        return None

    async def _send(self, ctx: Context, message: Message) -> Attempt:
        try:
            destination = destination_of(ctx, self.webhook)
        except Unavailable as error:
            return Attempt(Outcome.FORBIDDEN, str(error))
        return await self.sender.send(destination, message)

    def _wants(self, item: Item) -> bool:
        kinds = self.webhook.kinds
        return kinds is None or not isinstance(item, EventItem) or item.kind.value in kinds

    async def _passed(self, reach: int) -> None:
        """What was not wanted is not looked at again; that need not be noted at once."""
        self._place = max(self._place, reach)
        now = asyncio.get_running_loop().time()
        ahead = self._place - self._noted
        if ahead >= NOTE_PLACES or (ahead and now - self._noted_at >= NOTE_SECONDS):
            await self._reached(self._place, None)

    async def _reached(self, place: int, delivered_us: int | None) -> None:
        if not await note_reached(self.teller_id, self.webhook, place, delivered_us):
            raise TurnOver
        self._place = self._noted = place
        self._noted_at = asyncio.get_running_loop().time()

    async def _note_failure(self, failed: Attempt) -> None:
        if failed.outcome is Outcome.GONE:
            await note_ended(self.teller_id, self.webhook, self._now_us(), failed.text)
            log.warning("webhook %s is switched off: %s", self.webhook.id, failed.text)
            raise TurnOver
        if not await note_failed(self.teller_id, self.webhook, self._now_us(), failed.text):
            raise TurnOver

    def _now_us(self) -> int:
        return self.world.clock.now_us()
