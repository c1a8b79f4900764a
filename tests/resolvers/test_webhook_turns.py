"""Which process tells a webhook: one at a time, and another one when that is gone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import msgspec
import pytest

from models.webhook import Webhook, every_webhook
from resolvers.context import Context, World
from resolvers.webhook_turns import (
    LEASE_US,
    MAX_ERROR_CHARACTERS,
    give_back,
    note_failed,
    note_reached,
    take_turns,
)
from resolvers.webhooks import WebhookDraft, webhook_delete, webhook_save, webhooks
from tests.matrix import NobodyReceives
from tests.world import context

ONE, TWO = UUID(int=1), UUID(int=2)
DRAFT = WebhookDraft("https://receiver.example/hook")


@pytest.fixture
def admin(world: World) -> Context:
    return context(replace(world, webhooks=NobodyReceives()))


async def make(admin: Context, count: int = 1) -> list[Webhook]:
    return [(await webhook_save(admin, DRAFT)).webhook for _ in range(count)]


async def turns(world: World, teller_id: UUID) -> list[UUID]:
    return [each.id for each in await take_turns(world, teller_id)]


async def age(by_us: int) -> None:
    for row in await every_webhook().values("id", "expires_us"):
        await every_webhook().filter(id=row["id"]).update(expires_us=row["expires_us"] - by_us)


async def test_the_first_who_asks_takes_all_that_are_free(admin: Context) -> None:
    made = [each.id for each in await make(admin, 3)]
    assert sorted(await turns(admin.world, ONE)) == sorted(made)
    assert await turns(admin.world, TWO) == []
    assert sorted(await turns(admin.world, ONE)) == sorted(made)


async def test_of_many_at_once_each_takes_others(admin: Context) -> None:
    made = [each.id for each in await make(admin, 6)]
    tellers = [uuid4() for _ in range(6)]
    found = await asyncio.gather(*(turns(admin.world, each) for each in tellers))
    assert sorted(key for some in found for key in some) == sorted(made)


async def test_a_lease_that_is_over_goes_to_another(admin: Context) -> None:
    (made,) = await make(admin)
    await turns(admin.world, ONE)
    await age(LEASE_US - 1_000_000)
    assert await turns(admin.world, TWO) == []
    await age(1_000_000)
    assert await turns(admin.world, TWO) == [made.id]
    assert await turns(admin.world, ONE) == []


async def test_a_clock_that_went_back_holds_nothing_for_long(admin: Context) -> None:
    (made,) = await make(admin)
    await turns(admin.world, ONE)
    await age(-3600 * 1_000_000)
    assert await turns(admin.world, TWO) == [made.id]


async def test_what_is_given_back_is_free_at_once(admin: Context) -> None:
    (made,) = await make(admin)
    await turns(admin.world, ONE)
    await give_back(ONE)
    assert await turns(admin.world, TWO) == [made.id]


async def test_what_is_switched_off_is_nobodys(admin: Context) -> None:
    (made,) = await make(admin)
    await turns(admin.world, ONE)
    off = msgspec.structs.replace(DRAFT, enabled=False)
    await webhook_save(admin, off, str(made.id))
    assert await turns(admin.world, ONE) == []
    await webhook_save(admin, DRAFT, str(made.id))
    assert await turns(admin.world, ONE) == [made.id]


async def test_progress_and_failures_are_noted(admin: Context) -> None:
    (made,) = await make(admin)
    await turns(admin.world, ONE)
    assert await note_failed(ONE, made, 10, "it answered 500")
    assert await note_failed(ONE, made, 20, "x" * 1000)
    (failing,) = await webhooks(admin)
    assert (failing.failing_since_us, failing.last_error) == (10, "x" * MAX_ERROR_CHARACTERS)
    assert await note_reached(ONE, made, 5, None)
    (still,) = await webhooks(admin)
    assert (still.place, still.failing_since_us, still.delivered_us) == (5, 10, None)
    assert await note_reached(ONE, made, 6, 30)
    (well,) = await webhooks(admin)
    assert (well.place, well.delivered_us, well.failing_since_us, well.last_error) == (
        *(6, 30),
        *(None, None),
    )


async def test_who_has_lost_the_turn_writes_nothing(admin: Context) -> None:
    (made,) = await make(admin)
    await turns(admin.world, ONE)
    await age(LEASE_US)
    await turns(admin.world, TWO)
    assert not await note_reached(ONE, made, 9, 9)
    assert not await note_failed(ONE, made, 9, "late")
    assert await webhooks(admin) == [made]


async def test_of_a_webhook_that_was_changed_or_deleted_nothing_is_noted(admin: Context) -> None:
    (made,) = await make(admin)
    await turns(admin.world, ONE)
    changed = (await webhook_save(admin, DRAFT, str(made.id))).webhook
    assert not await note_reached(ONE, made, 9, 9)
    assert await webhooks(admin) == [changed]
    await webhook_delete(admin, str(made.id))
    assert not await note_reached(ONE, changed, 9, 9)
    assert await webhooks(admin) == []
