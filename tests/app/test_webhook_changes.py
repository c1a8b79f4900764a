"""Webhooks that are changed while they are delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from models.webhook import Webhook
from resolvers.webhooks import webhook_delete
from tests.app.webhook_site import Site, delivering, told
from tests.app.webhook_site import site as site
from tests.receiver import receiving

Change = Callable[[Site, Webhook], Coroutine[Any, Any, object]]


async def switch_off(site: Site, webhook: Webhook) -> None:
    await site.save(webhook, enabled=False)


async def delete(site: Site, webhook: Webhook) -> None:
    await webhook_delete(site.admin, str(webhook.id))


@pytest.mark.parametrize("change", [switch_off, delete], ids=["off", "deleted"])
async def test_a_webhook_that_is_ended_is_told_no_more(site: Site, change: Change) -> None:
    webhook = (await site.save()).webhook
    async with delivering(site) as deliveries:
        await site.begin("evt-1")
        await site.receiver.take(1)
        await change(site, webhook)
        async with asyncio.timeout(5):
            while deliveries._telling:
                await asyncio.sleep(0.02)
        await site.begin("evt-2")
        await asyncio.sleep(0.3)
    assert len(site.receiver.received) == 1


async def test_one_that_is_switched_on_again_goes_on_where_it_was(site: Site) -> None:
    webhook = (await site.save()).webhook
    async with delivering(site):
        await site.begin("evt-1")
        await site.until(lambda each: each.place == 1)
        await site.save(webhook, enabled=False)
        await site.begin("evt-2")
        await site.save(webhook)
        await site.receiver.take(2)
    assert told(site.receiver.received) == ["evt-1", "evt-2"]


async def test_a_message_that_is_always_refused_can_be_skipped(site: Site) -> None:
    site.receiver.answer = lambda one: (200 if one.event_id == "evt-2" else 400, {})
    webhook = (await site.save()).webhook
    async with delivering(site):
        await site.begin("evt-1")
        await site.until(lambda each: each.failing_since_us is not None)
        await site.save(webhook, skip=True)
        await site.begin("evt-2")
        await site.until(lambda each: each.place == 2)


async def test_a_change_holds_from_the_next_message_on(site: Site) -> None:
    webhook = (await site.save()).webhook
    async with receiving() as other, delivering(site):
        await site.begin("evt-1")
        await site.until(lambda each: each.place == 1)
        renewed = await site.save(webhook, url=other.url, new_secret=True)
        await site.begin("evt-2")
        (one,) = await other.take(1)
        one.verify(renewed.secret or "")
    assert told(site.receiver.received) == ["evt-1"]
