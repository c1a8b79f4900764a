"""Delivers webhooks beside the API: takes turns with other processes, a task for each webhook."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from app import metrics
from models.tasks import end
from models.webhook import Webhook
from resolvers.bus import WEBHOOKS, wait_for_ring
from resolvers.context import World
from resolvers.errors import Unavailable
from resolvers.webhook_delivery import Delivery, Pace, TurnOver
from resolvers.webhook_sending import Attempt, Destination, Message, WebhookSender
from resolvers.webhook_turns import LEASE_US, give_back, take_turns

log = logging.getLogger(__name__)

ROUND_SECONDS = 3.0
MARGIN_SECONDS = 2.0
"""So much before a lease is over nothing is begun any more."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A sender whose tries are counted by what comes of them."""

    sender: WebhookSender

    def fault(self, url: str) -> str | None:
        return self.sender.fault(url)

    async def send(self, to: Destination, message: Message) -> Attempt:
        attempt = await self.sender.send(to, message)
        metrics.webhook_deliveries.labels(attempt.outcome.value).inc()
        return attempt


@dataclass(slots=True)
class _Telling:
    """A webhook's task; `version` is the webhook's that it knows."""

    delivery: Delivery
    task: asyncio.Task[None]

    @property
    def version(self) -> int:
        return self.delivery.webhook.version


@dataclass(slots=True)
class Deliveries:
    """One process's. Every round it renews its leases and takes those that others let go."""

    world: World
    sender: WebhookSender
    pace: Pace = field(default_factory=Pace)
    round_seconds: float = ROUND_SECONDS
    teller_id: UUID = field(default_factory=uuid4)
    _telling: dict[UUID, _Telling] = field(default_factory=dict)
    _until: float = 0.0

    async def run(self) -> None:
        """Until it is cancelled; others go on at once then."""
        try:
            async with self.world.bus.bell(WEBHOOKS) as bell:
                while True:
                    bell.clear()
                    await self._round()
                    await wait_for_ring(bell, self.round_seconds)
        finally:
            await self._stop(list(self._telling))
            with suppress(Unavailable):  # the leases end by themselves
                await give_back(self.teller_id)

    def lag_seconds(self) -> float:
        """How long the step waits that has waited longest to be taken."""
        now_us = self.world.clock.now_us()
        waiting = [each.delivery.waiting_since_us or now_us for each in self._telling.values()]
        return max((now_us - since_us for since_us in waiting), default=0) / 1_000_000

    def failing(self) -> int:
        """Webhooks whose last try failed."""
        return sum(each.delivery.failures > 0 for each in self._telling.values())

    def _is_mine(self) -> bool:
        return asyncio.get_running_loop().time() < self._until

    async def _round(self) -> None:
        now = asyncio.get_running_loop().time()
        try:
            mine = await take_turns(self.world, self.teller_id)
        except Unavailable:  # logged where it showed first
            if not self._is_mine():
                await self._stop(list(self._telling))
            return
        self._until = now + LEASE_US / 1_000_000 - MARGIN_SECONDS
        await self._stop([*self._ended(), *self._changed(mine)])
        for webhook in mine:
            if webhook.id not in self._telling:
                self._start(webhook)

    def _start(self, webhook: Webhook) -> None:
        sender = Counted(self.sender)
        delivery = Delivery(self.world, sender, self.teller_id, webhook, self._is_mine, self.pace)
        task = asyncio.create_task(delivery.run(), name=f"webhook-{webhook.id}")
        self._telling[webhook.id] = _Telling(delivery, task)

    def _changed(self, mine: Sequence[Webhook]) -> list[UUID]:
        """Those that are not this process's as its tasks know them."""
        versions = {each.id: each.version for each in mine}
        return [key for key, each in self._telling.items() if versions.get(key) != each.version]

    def _ended(self) -> list[UUID]:
        """Those whose task is over; what was not foreseen is logged, and tried again."""
        ended = {key: each.task for key, each in self._telling.items() if each.task.done()}
        for key, task in ended.items():
            error = task.exception()
            if error is not None and not isinstance(error, TurnOver):
                log.error("webhook %s is begun anew after an error", key, exc_info=error)
        return list(ended)

    async def _stop(self, keys: Sequence[UUID]) -> None:
        await end(*[self._telling.pop(key).task for key in dict.fromkeys(keys)])


@asynccontextmanager
async def delivering(world: World) -> AsyncIterator[None]:
    """Delivers, in turns with other processes, while the context is open."""
    if world.webhooks is None:
        yield
        return
    deliveries = Deliveries(world, world.webhooks)
    task = asyncio.create_task(deliveries.run(), name="webhooks")
    try:
        with metrics.reading(lambda: _read(deliveries)):
            yield
    finally:
        await end(task)


def _read(deliveries: Deliveries) -> None:
    metrics.webhook_lag_seconds.set(deliveries.lag_seconds())
    metrics.webhooks_failing.set(deliveries.failing())
