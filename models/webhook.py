"""Webhooks: who is told of a tenant's events, how far they were told, and who tells them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import msgspec
from tortoise import fields
from tortoise.queryset import QuerySet

from models.base import ClosedManager, TenantOwned


class WebhookTable(TenantOwned):
    """A receiver of the tenant's events.

    `url_sealed` and `secret_sealed` are encrypted: addresses may hold secrets too. `wanted` is the
    filter of events, `kinds` of steps, null for all. `version` grows with each change by people.
    `old_secrets_sealed` are those that sign too until `old_secrets_until_us`, with spaces between.

    Every step up to `place` in the tenant's log was delivered or is not wanted. `delivered_us` is
    when the last one was; `failing_since_us` and `last_error` tell of the one that is tried again,
    null while there is none. `ended_because` is why it was switched off by itself, null else.

    `teller_id` is the process that delivers until `expires_us`, by the database's clock.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    url_sealed = fields.TextField()
    secret_sealed = fields.TextField()
    old_secrets_sealed = fields.TextField(null=True)
    old_secrets_until_us = fields.BigIntField(null=True)
    wanted = fields.JSONField[dict[str, Any]]()
    kinds = fields.JSONField[list[str] | None](null=True)
    enabled = fields.BooleanField()
    version = fields.BigIntField()
    place = fields.BigIntField()
    delivered_us = fields.BigIntField(null=True)
    failing_since_us = fields.BigIntField(null=True)
    last_error = fields.CharField(max_length=200, null=True)
    ended_because = fields.CharField(max_length=200, null=True)
    created_us = fields.BigIntField()
    teller_id = fields.UUIDField(null=True)
    expires_us = fields.BigIntField(default=0)

    class Meta:
        table = "webhook"
        manager = ClosedManager()
        indexes = (("tenant_id", "created_us"),)


class Webhook(msgspec.Struct, frozen=True):
    tenant_id: str
    id: UUID
    url_sealed: str
    secret_sealed: str
    old_secrets_sealed: str | None
    old_secrets_until_us: int | None
    wanted: dict[str, Any]
    kinds: list[str] | None
    enabled: bool
    version: int
    place: int
    delivered_us: int | None
    failing_since_us: int | None
    last_error: str | None
    ended_because: str | None
    created_us: int


class WebhookTurn(msgspec.Struct, frozen=True):
    """Whose turn it is to deliver, as it was seen."""

    id: UUID
    teller_id: UUID | None
    expires_us: int


def every_webhook() -> QuerySet[WebhookTable]:
    """Of all tenants: who delivers serves them all. No use case of a tenant may ask here."""
    return QuerySet(WebhookTable)
