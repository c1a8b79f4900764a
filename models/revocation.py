"""Tokens that are no longer good although their time is not over."""

from __future__ import annotations

from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.connection import get_connection
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from models.base import BytewiseText, ClosedManager, TenantOwned, select
from models.bulk import run


class TokenRevocationTable(TenantOwned):
    """One token, by a digest, or all that were issued before an instant: to a subject, or to any.

    `id` is made of what is revoked, so that the same thing has one row. `number` counts all rows of
    all tenants in the order of their commits; a row whose instant moves on gets the next one. The
    row of the highest number is never removed. `before_us` is null for one token. The row is of no
    use after `until_us`, null where nobody knows how long such tokens live. `revoked_by` is the
    subject of the token that asked for it.
    """

    id = fields.UUIDField(primary_key=True)
    number = fields.BigIntField(unique=True)
    token = BytewiseText(max_length=32, null=True)
    subject = fields.CharField(max_length=200, null=True)
    before_us = fields.BigIntField(null=True)
    until_us = fields.BigIntField(null=True)
    revoked_by = fields.CharField(max_length=200)
    revoked_us = fields.BigIntField()

    class Meta:
        table = "token_revocation"
        manager = ClosedManager()
        indexes = (("tenant_id", "before_us"),)


class TokenRevocation(msgspec.Struct, frozen=True):
    tenant_id: str
    id: UUID
    token: str | None
    subject: str | None
    before_us: int | None
    until_us: int | None
    revoked_by: str
    revoked_us: int


class NumberedRevocation(TokenRevocation, frozen=True):
    number: int


_INSERT = """INSERT INTO token_revocation
    (tenant_id, id, token, subject, before_us, until_us, revoked_by, revoked_us, number)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
    (SELECT COALESCE(MAX(number), 0) + 1 FROM token_revocation))
ON CONFLICT (id) DO UPDATE SET number = excluded.number, before_us = excluded.before_us,
    revoked_by = excluded.revoked_by, revoked_us = excluded.revoked_us
WHERE excluded.before_us > token_revocation.before_us"""
_FORGET = """DELETE FROM token_revocation WHERE until_us < $1
    AND number < (SELECT MAX(number) FROM token_revocation)"""


async def revoke(wanted: TokenRevocation, forget_before_us: int) -> NumberedRevocation:
    """Writes a revocation, once for each thing; an instant only moves on, never back.

    Rows that were of use until `forget_before_us` at most go. So do those of subjects that one for
    all of a tenant covers.
    """
    postgres = get_connection("default").capabilities.dialect == "postgres"
    values = [getattr(wanted, name) for name in TokenRevocation.__struct_fields__]
    values[1] = wanted.id if postgres else str(wanted.id)
    own = TokenRevocationTable.within(wanted.tenant_id)
    async with in_transaction():
        if postgres:  # numbers in the order of commits; who only reads waits for nobody
            await run("LOCK TABLE token_revocation IN SHARE ROW EXCLUSIVE MODE")
        await run(_INSERT, *values)
        await run(_FORGET, forget_before_us)
        if wanted.before_us is not None and wanted.subject is None:
            covered = own.filter(subject__isnull=False, before_us__lte=wanted.before_us)
            await covered.delete()
        (written,) = await select(own.filter(id=wanted.id), NumberedRevocation)
    return written


async def subjects_named(tenant_id: str) -> int:
    """How many subjects of a tenant have revocations."""
    return await TokenRevocationTable.within(tenant_id).filter(subject__isnull=False).count()


async def revocations_from(number: int) -> list[NumberedRevocation]:
    """Those of all tenants from a number on, in order."""
    rows = QuerySet(TokenRevocationTable).filter(number__gte=number).order_by("number")
    return await select(rows, NumberedRevocation)
