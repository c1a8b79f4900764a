"""Exports of footage: who asked for what, how far it is, and where its file lies."""

from __future__ import annotations

from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.indexes import Index

from models.base import BytewiseText, ClosedManager, TenantOwned, select
from models.job import UNFINISHED, JobState

KEPT = (*UNFINISHED, JobState.READY)
"""What takes room, or will."""


class ExportTable(TenantOwned):
    """[from_us, to_us) of some cameras as one file.

    A `models.job.Job`. Its `claim` names its folder too, and stays when the file is ready, in the
    store `store_id`. The row stays when the file is gone, with `deleted_us` and `deleted_by`, as a
    record of who took what.
    """

    id = fields.UUIDField(primary_key=True)
    camera_keys = fields.JSONField[list[str]]()
    camera_ids = fields.JSONField[list[str]]()
    from_us = fields.BigIntField()
    to_us = fields.BigIntField()
    state = BytewiseText(max_length=10)
    revision = fields.IntField()
    created_us = fields.BigIntField()
    created_by = fields.CharField(max_length=200)
    due_us = fields.BigIntField()
    attempts = fields.IntField()
    claim = fields.UUIDField(null=True)
    seen_us = fields.BigIntField(null=True)
    store_id = fields.UUIDField(null=True)
    expected_bytes = fields.BigIntField()
    done_bytes = fields.BigIntField()
    file_name = fields.CharField(max_length=150, null=True)
    size_bytes = fields.BigIntField(null=True)
    fault_code = fields.CharField(max_length=40, null=True)
    fault = fields.TextField(null=True)
    ready_us = fields.BigIntField(null=True)
    expires_us = fields.BigIntField(null=True)
    deleted_us = fields.BigIntField(null=True)
    deleted_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "footage_export"
        manager = ClosedManager()
        indexes = (
            Index(fields=("tenant_id", "created_us")),
            Index(fields=("state", "created_us")),
        )


class Export(msgspec.Struct, frozen=True):
    tenant_id: str
    id: UUID
    camera_keys: list[str]
    camera_ids: list[str]
    from_us: int
    to_us: int
    state: str
    revision: int
    created_us: int
    created_by: str
    due_us: int
    attempts: int
    expected_bytes: int
    done_bytes: int
    claim: UUID | None = None
    seen_us: int | None = None
    store_id: UUID | None = None
    file_name: str | None = None
    size_bytes: int | None = None
    fault_code: str | None = None
    fault: str | None = None
    ready_us: int | None = None
    expires_us: int | None = None
    deleted_us: int | None = None
    deleted_by: str | None = None

    @property
    def is_ready(self) -> bool:
        return self.state == JobState.READY

    @property
    def is_over(self) -> bool:
        """Whether it is not worked at any more."""
        return self.state not in UNFINISHED

    @property
    def kept_bytes(self) -> int:
        """What its file takes, or is thought to."""
        return self.expected_bytes if self.size_bytes is None else self.size_bytes


async def exports_that_hold(tenant_id: str) -> list[Export]:
    """Those whose footage must stay: they are being made, or wait for it."""
    return await select(ExportTable.within(tenant_id).filter(state__in=UNFINISHED), Export)
