"""Workers, and which of them owns which camera."""

from __future__ import annotations

from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.base import ClosedManager, TenantOwned


class WorkerTable(Model):
    """A media worker process, alive while `seen_us` is recent.

    `address` is the base URL of its internal port, null where it has none. `store_id` names the
    recordings folder it writes to: API processes with the same folder read it themselves.
    """

    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=200)
    address = fields.CharField(max_length=300, null=True)
    store_id = fields.UUIDField()
    started_us = fields.BigIntField()
    seen_us = fields.BigIntField()

    class Meta:
        table = "worker"


class CameraLeaseTable(TenantOwned):
    """Who records a camera until `expires_us`.

    `token` grows with every change of owner: what an earlier owner still writes is told by it.
    """

    camera_key = fields.UUIDField(primary_key=True)
    worker_id = fields.UUIDField(null=True)
    token = fields.BigIntField()
    expires_us = fields.BigIntField()

    class Meta:
        table = "camera_lease"
        manager = ClosedManager()
        indexes = (Index(fields=("worker_id",)),)


class Worker(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    address: str | None
    store_id: UUID
    started_us: int
    seen_us: int


class CameraLease(msgspec.Struct, frozen=True):
    tenant_id: str
    camera_key: UUID
    worker_id: UUID | None
    token: int
    expires_us: int
