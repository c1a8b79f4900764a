"""Webhooks of a tenant: made, changed, deleted, listed and tried. Who delivers is elsewhere."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec
from tortoise.expressions import F
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from media.types import ChangeKind
from models.base import select
from models.tenant import take_numbers
from models.webhook import Webhook, WebhookTable
from resolvers.access import Scope, demand, visible
from resolvers.bus import WEBHOOKS
from resolvers.context import Context
from resolvers.errors import Conflict, FieldError, InvalidInput, NotFound, ScopeMissing, Unavailable
from resolvers.events import ALL, EventFilter, check_filter
from resolvers.webhook_sending import Attempt, Destination, WebhookSender
from resolvers.webhook_words import trial_message

MAX_WEBHOOKS = 20
MAX_URL_CHARACTERS = 2_000
ID_CHARACTERS = 36
_SECRET_BYTES = 32
MAX_OLD_SECRETS = 3
MAX_OLD_SECRETS_US = 30 * 86_400_000_000
_STATE_OF_NONE = {"failing_since_us": None, "last_error": None, "ended_because": None}


class WebhookDraft(msgspec.Struct, frozen=True):
    """What it shall be, all of it. `kinds` None is every kind of step.

    `new_secret` makes another one; those before it sign too until `old_secrets_until_us`, None for
    no more. `skip` leaves out what was not delivered until now. All mean nothing of a new one.
    """

    url: str
    wanted: EventFilter = ALL
    kinds: Sequence[ChangeKind] | None = None
    enabled: bool = True
    new_secret: bool = False
    old_secrets_until_us: int | None = None
    skip: bool = False


class WebhookSaved(msgspec.Struct, frozen=True):
    """`secret` is told when it was made, and never again."""

    webhook: Webhook
    secret: str | None


async def webhooks(ctx: Context) -> list[Webhook]:
    """Every one of the tenant, the oldest first.

    Raises:
        ScopeMissing: without `tenant:admin`.
    """
    rows = visible(ctx.actor, WebhookTable, Scope.TENANT_ADMIN)
    return await select(rows.order_by("created_us", "id"), Webhook)


def wanted_of(webhook: Webhook) -> EventFilter:
    return msgspec.convert(webhook.wanted, EventFilter)


def destination_of(ctx: Context, webhook: Webhook) -> Destination:
    """Raises Unavailable when the keys are not configured here that it was sealed with."""
    vault = ctx.world.vault
    secrets = [vault.open(webhook.secret_sealed), *_old_secrets(ctx, webhook)]
    return Destination(vault.open(webhook.url_sealed), secrets)


def old_secrets_until(ctx: Context, webhook: Webhook) -> int | None:
    """Until when, in µs, secrets before the last one sign too; None when they don't."""
    until_us = webhook.old_secrets_until_us
    return until_us if until_us is not None and until_us > ctx.world.clock.now_us() else None


def _old_secrets(ctx: Context, webhook: Webhook) -> list[str]:
    """Those that sign now beside the last one, the latest first."""
    if webhook.old_secrets_sealed is None or old_secrets_until(ctx, webhook) is None:
        return []
    return ctx.world.vault.open(webhook.old_secrets_sealed).split()


async def webhook_save(
    ctx: Context, draft: WebhookDraft, webhook_id: str | None = None
) -> WebhookSaved:
    """A new webhook, told of what comes from now on; or all of a known one anew.

    A known one goes on where it was, with what was not delivered meanwhile, unless that is skipped.

    Raises:
        ScopeMissing: without `tenant:admin`.
        NotFound: no such webhook in this tenant.
        InvalidInput: names each field that is wrong.
        Conflict: the tenant has as many as it may.
        Unavailable: this process sends nothing.
    """
    _check_rights(ctx)
    _check(ctx, draft)
    sealed = ctx.world.vault.seal
    secret = _new_secret() if webhook_id is None or draft.new_secret else None
    values: dict[str, object] = {
        "url_sealed": sealed(draft.url),
        "wanted": msgspec.to_builtins(draft.wanted),
        "kinds": None if draft.kinds is None else [each.value for each in draft.kinds],
        "enabled": draft.enabled,
    }
    if secret is not None:
        values["secret_sealed"] = sealed(secret)
    async with in_transaction():
        last = await take_numbers(ctx.actor.tenant_id, "event_seq", 0)  # one writer at a time
        if webhook_id is None:
            key = await _create(ctx, values, last)
        else:
            values |= {"place": last} if draft.skip else {}
            key = await _change(ctx, webhook_id, values, draft.old_secrets_until_us)
        (saved,) = await select(WebhookTable.within(ctx.actor.tenant_id).filter(id=key), Webhook)
    await ctx.world.bus.ring(WEBHOOKS)
    return WebhookSaved(saved, secret)


async def _create(ctx: Context, values: dict[str, object], last: int) -> UUID:
    tenant_id = ctx.actor.tenant_id
    if await WebhookTable.within(tenant_id).count() >= MAX_WEBHOOKS:
        raise Conflict("url", f"a tenant has at most {MAX_WEBHOOKS} webhooks")
    key, now_us = uuid4(), ctx.world.clock.now_us()
    values |= {"tenant_id": tenant_id, "id": key, "version": 1, "place": last}
    await WebhookTable(**values, created_us=now_us).save(force_create=True)
    return key


async def _change(
    ctx: Context, webhook_id: str, values: dict[str, object], until_us: int | None
) -> UUID:
    """What was failing is tried again at once."""
    key = _key_of(webhook_id)
    rows = visible(ctx.actor, WebhookTable, Scope.TENANT_ADMIN).filter(id=key)
    if "secret_sealed" in values:
        values |= await _ousted(ctx, rows, until_us)
    if not await rows.update(**values, **_STATE_OF_NONE, version=F("version") + 1):
        raise _unknown(webhook_id)
    return key


async def _ousted(
    ctx: Context, rows: QuerySet[WebhookTable], until_us: int | None
) -> dict[str, object]:
    """What becomes of the secrets that signed until now, when there is another."""
    found = await select(rows, Webhook) if until_us is not None else []
    if not found:
        return {"old_secrets_sealed": None, "old_secrets_until_us": None}
    old = list(destination_of(ctx, found[0]).secrets)[:MAX_OLD_SECRETS]
    sealed = ctx.world.vault.seal(" ".join(old))
    return {"old_secrets_sealed": sealed, "old_secrets_until_us": until_us}


async def webhook_delete(ctx: Context, webhook_id: str) -> None:
    """Nothing is sent to it any more, but for what is on its way.

    Raises:
        ScopeMissing: without `tenant:admin`.
        NotFound: no such webhook in this tenant.
    """
    rows = visible(ctx.actor, WebhookTable, Scope.TENANT_ADMIN)
    if not await rows.filter(id=_key_of(webhook_id)).delete():
        raise _unknown(webhook_id)
    await ctx.world.bus.ring(WEBHOOKS)


async def webhook_test(ctx: Context, webhook_id: str) -> Attempt:
    """Sends a message of type `webhook.test` now, once, and says what came of it.

    Raises:
        ScopeMissing: without `tenant:admin`.
        NotFound: no such webhook in this tenant.
        Unavailable: this process sends nothing, or can't open what it needs to.
    """
    rows = visible(ctx.actor, WebhookTable, Scope.TENANT_ADMIN)
    found = await select(rows.filter(id=_key_of(webhook_id)), Webhook)
    if not found:
        raise _unknown(webhook_id)
    message = trial_message(found[0].id, ctx.world.clock.now_us())
    return await _sender(ctx).send(destination_of(ctx, found[0]), message)


def _check_rights(ctx: Context) -> None:
    demand(ctx.actor, Scope.TENANT_ADMIN)
    if ctx.actor.cameras is not None:
        raise ScopeMissing("a webhook is about all cameras of its tenant")


def _sender(ctx: Context) -> WebhookSender:
    if ctx.world.webhooks is None:
        raise Unavailable("webhooks are not sent from here")
    return ctx.world.webhooks


def _check(ctx: Context, draft: WebhookDraft) -> None:
    sender, now_us, wrong = _sender(ctx), ctx.world.clock.now_us(), []
    if len(draft.url) > MAX_URL_CHARACTERS:
        wrong.append(FieldError("url", f"want at most {MAX_URL_CHARACTERS} characters"))
    elif fault := sender.fault(draft.url):
        wrong.append(FieldError("url", fault))
    if draft.kinds is not None and not draft.kinds:
        wrong.append(FieldError("kinds", "want one at least, or null for all"))
    until_us = draft.old_secrets_until_us
    if until_us is not None and not now_us < until_us <= now_us + MAX_OLD_SECRETS_US:
        wrong.append(FieldError("old_secrets_until", "want a time to come, at most 30 days away"))
    try:
        check_filter(draft.wanted)
    except InvalidInput as error:
        wrong += [FieldError("filter", each.message) for each in error.fields]
    if wrong:
        raise InvalidInput(*wrong)


def _new_secret() -> str:
    """As Standard Webhooks writes them."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _key_of(webhook_id: str) -> UUID:
    try:
        return UUID(webhook_id[:ID_CHARACTERS])
    except ValueError as error:
        raise _unknown(webhook_id) from error


def _unknown(webhook_id: str) -> NotFound:
    return NotFound(f"there is no webhook {webhook_id[:ID_CHARACTERS]!r}")
