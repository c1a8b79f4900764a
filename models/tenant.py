"""Tenants: who owns rows, what their plan includes, and where their logs stand."""

from __future__ import annotations

from typing import Literal

import msgspec
from tortoise import fields
from tortoise.connection import get_connection
from tortoise.models import Model

from models.base import BytewiseText
from models.bulk import run


class TenantTable(Model):
    """A customer.

    `event_seq` and `camera_seq` are the last numbers given out in the tenant's event log and in its
    log of camera changes. They are bumped in the transaction that writes the numbered rows, so the
    row lock makes the numbers dense and in commit order. Events numbered up to `event_floor` may
    have been removed by retention.

    Of the plan, null means without a limit: footage is kept for `retention_days` and up to
    `retention_bytes`, events for `event_retention_days`; `requests_per_minute` and
    `connection_limit` bound what its tokens may ask of the API.
    """

    id = BytewiseText(max_length=63, primary_key=True)
    camera_limit = fields.IntField()
    features = fields.JSONField[list[str]]()
    retention_days = fields.IntField(null=True)
    retention_bytes = fields.BigIntField(null=True)
    event_retention_days = fields.IntField(null=True)
    requests_per_minute = fields.IntField(null=True)
    connection_limit = fields.IntField(null=True)
    event_seq = fields.BigIntField(default=0)
    event_floor = fields.BigIntField(default=0)
    camera_seq = fields.BigIntField(default=0)
    created_us = fields.BigIntField()

    class Meta:
        table = "tenant"


class Tenant(msgspec.Struct, frozen=True):
    id: str
    camera_limit: int
    features: list[str]
    retention_days: int | None
    retention_bytes: int | None
    event_retention_days: int | None
    requests_per_minute: int | None
    connection_limit: int | None
    created_us: int


class TenantUnknown(LookupError):
    """There is no tenant of that id."""


async def take_numbers(tenant_id: str, log: Literal["event_seq", "camera_seq"], count: int) -> int:
    """Takes the next `count` numbers of a tenant's log and returns the last of them.

    Call it first in the transaction that writes the numbered rows: it locks the tenant's row until
    the transaction ends, which is what puts the numbers in commit order.
    """
    taken = await run(
        f"UPDATE tenant SET {log} = {log} + $1 WHERE id = $2 RETURNING {log} AS last",  # noqa: S608
        count,
        tenant_id,
    )
    if not taken:
        raise TenantUnknown(tenant_id)
    return int(taken[0]["last"])


async def last_number(
    tenant_id: str, log: Literal["event_seq", "camera_seq", "event_floor"]
) -> int:
    """The last number that was committed (or taken by this very transaction); 0 for none.

    Asked with almost every request: written by hand, which saves Tortoise's building of a query.
    """
    connection = get_connection("default")
    place = "$1" if connection.capabilities.dialect == "postgres" else "?"
    wanted = f'SELECT "{log}" FROM "tenant" WHERE "id" = {place}'  # noqa: S608 - a column of ours
    _, found = await connection.execute_query(wanted, [tenant_id])
    return int(found[0][0]) if found else 0
