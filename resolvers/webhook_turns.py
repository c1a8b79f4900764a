"""Which process tells a webhook: leases that expire, and what its teller may write.

For the processes that deliver, on behalf of all tenants; no request comes here.
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from tortoise.expressions import F, Q
from tortoise.functions import Coalesce

from models.base import select
from models.lease import database_now_us
from models.webhook import Webhook, WebhookTurn, every_webhook
from resolvers.context import World

LEASE_US = 10_000_000
_SLACK_US = 1_000_000
"""A lease that is good for longer than this beyond LEASE_US was given by a clock that went back."""
MAX_ERROR_CHARACTERS = 200


async def take_turns(world: World, teller_id: UUID) -> list[Webhook]:
    """Renews the teller's leases, takes every one that is free, and tells all that are its now.

    Those that are switched off are nobody's.

    Raises:
        Unavailable: the database is away.
    """
    now_us = await database_now_us(world.clock.now_us())
    mine = every_webhook().filter(teller_id=teller_id)
    lease = {"teller_id": teller_id, "expires_us": now_us + LEASE_US}
    await mine.filter(enabled=True).update(**lease)
    over = Q(expires_us__lte=now_us) | Q(expires_us__gt=now_us + LEASE_US + _SLACK_US)
    free = every_webhook().filter(Q(teller_id=None) | over, enabled=True)
    for seen in await select(free, WebhookTurn):
        # One row in each statement: two processes never wait for each other.
        await every_webhook().filter(**msgspec.structs.asdict(seen)).update(**lease)
    return await select(mine.filter(enabled=True).order_by("created_us"), Webhook)


async def give_back(teller_id: UUID) -> None:
    """The teller ends: another one goes on at once."""
    await every_webhook().filter(teller_id=teller_id).update(teller_id=None, expires_us=0)


async def note_reached(
    teller_id: UUID, webhook: Webhook, place: int, delivered_us: int | None
) -> bool:
    """All up to `place` is done with. False where that is no longer the teller's to say.

    `delivered_us` is None where nothing was to be delivered.
    """
    values: dict[str, object] = {"place": place}
    if delivered_us is not None:
        values |= {"delivered_us": delivered_us, "failing_since_us": None, "last_error": None}
    rows = every_webhook().filter(id=webhook.id, teller_id=teller_id, version=webhook.version)
    return bool(await rows.update(**values))


async def note_ended(teller_id: UUID, webhook: Webhook, now_us: int, text: str) -> None:
    """It is switched off, where it is the teller's to say; why is told until it is changed."""
    rows = every_webhook().filter(id=webhook.id, teller_id=teller_id, version=webhook.version)
    shown = text[:MAX_ERROR_CHARACTERS]
    failing = {"failing_since_us": Coalesce("failing_since_us", now_us), "last_error": shown}
    ended = {"enabled": False, "ended_because": shown, "version": F("version") + 1}
    await rows.update(**failing, **ended)


async def note_failed(teller_id: UUID, webhook: Webhook, now_us: int, text: str) -> bool:
    """The first failure since the last success is remembered, and the last one's text."""
    rows = every_webhook().filter(id=webhook.id, teller_id=teller_id, version=webhook.version)
    since = Coalesce("failing_since_us", now_us)
    shown = text[:MAX_ERROR_CHARACTERS]
    return bool(await rows.update(failing_since_us=since, last_error=shown))
