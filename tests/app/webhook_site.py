"""A camera, a receiver of webhooks, and whoever delivers between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.webhook_sender import HttpSender
from app.webhooks import Deliveries
from media.clock import SystemClock
from media.network import WebhookNetworks
from models.camera import Camera
from models.webhook import Webhook
from resolvers.context import Context, World
from resolvers.webhook_delivery import Pace
from resolvers.webhooks import WebhookDraft, WebhookSaved, webhook_save, webhooks
from tests.receiver import Received, Receiver, receiving
from tests.resolvers.keeping import NOON
from tests.world import add_camera, add_events, beginning, context

SOON = Pace(0.02, 0.2)


@dataclass(slots=True)
class Site:
    """A camera, a receiver, and whoever delivers."""

    world: World
    camera: Camera
    sender: HttpSender
    receiver: Receiver

    @property
    def admin(self) -> Context:
        return context(self.world)

    async def save(self, webhook: Webhook | None = None, **more: Any) -> WebhookSaved:
        draft = WebhookDraft(more.pop("url", self.receiver.url), **more)
        return await webhook_save(self.admin, draft, str(webhook.id) if webhook else None)

    async def begin(self, *names: str, at_us: int = NOON) -> None:
        changes = [beginning(self.camera.key, at_us, event_id=each) for each in names]
        await add_events(self.world, self.camera, changes)

    async def until(self, is_so: Callable[[Webhook], bool]) -> Webhook:
        """The only webhook, once it is so."""
        async with asyncio.timeout(20):
            while not is_so(found := (await webhooks(self.admin))[0]):
                await asyncio.sleep(0.02)
        return found


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    networks = WebhookNetworks(["127.0.0.0/8"])
    sender = HttpSender(networks, SystemClock(), allow_http=True)
    world = replace(world, webhooks=sender)
    async with receiving() as receiver:
        yield Site(world, await add_camera(world), sender, receiver)
    await sender.close()


@asynccontextmanager
async def delivering(site: Site, pace: Pace = SOON) -> AsyncIterator[Deliveries]:
    deliveries = Deliveries(site.world, site.sender, pace, round_seconds=0.1)
    task = asyncio.create_task(deliveries.run())
    try:
        yield deliveries
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def names(count: int, first: int = 0) -> list[str]:
    return [f"evt-{number:03}" for number in range(first, first + count)]


def told(received: Sequence[Received]) -> list[str]:
    """Events in the order of their first message; each again must be the same step."""
    by_id: dict[str, str] = {}
    for one in received:
        assert by_id.setdefault(one.id, one.event_id) == one.event_id
    return list(by_id.values())


async def another_failure(deliveries: Deliveries) -> None:
    """Returns after a try that began meanwhile has failed."""
    (telling,) = deliveries._telling.values()
    before = telling.delivery.failures
    async with asyncio.timeout(20):
        while telling.delivery.failures < before + 2:
            await asyncio.sleep(0.02)
