"""Footage that retention must keep."""

from __future__ import annotations

from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.indexes import Index

from models.base import ClosedManager, TenantOwned, select


class EvidenceLockTable(TenantOwned):
    """[from_us, to_us) of a camera is kept until `until_us`, for good where that is null.

    `locked_by` is the subject of the token that asked for it. A lock that was lifted stays, with
    `lifted_us` and `lifted_by`, as a record of who did what.
    """

    id = fields.UUIDField(primary_key=True)
    camera_key = fields.UUIDField()
    from_us = fields.BigIntField()
    to_us = fields.BigIntField()
    reason = fields.TextField()
    until_us = fields.BigIntField(null=True)
    locked_by = fields.CharField(max_length=200)
    created_us = fields.BigIntField()
    lifted_by = fields.CharField(max_length=200, null=True)
    lifted_us = fields.BigIntField(null=True)

    class Meta:
        table = "evidence_lock"
        manager = ClosedManager()
        indexes = (Index(fields=("tenant_id", "camera_key", "from_us")),)


class EvidenceLock(msgspec.Struct, frozen=True):
    tenant_id: str
    id: UUID
    camera_key: UUID
    from_us: int
    to_us: int
    reason: str
    until_us: int | None
    locked_by: str
    created_us: int
    lifted_by: str | None
    lifted_us: int | None

    def holds(self, now_us: int) -> bool:
        """Whether it keeps footage now."""
        return self.lifted_us is None and (self.until_us is None or self.until_us > now_us)


async def locks_that_hold(tenant_id: str, now_us: int) -> list[EvidenceLock]:
    rows = EvidenceLockTable.within(tenant_id).filter(lifted_us=None)
    return [lock for lock in await select(rows, EvidenceLock) if lock.holds(now_us)]
