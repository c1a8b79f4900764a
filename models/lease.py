"""Workers, and which of them owns which camera."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.connection import get_connection
from tortoise.indexes import Index
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.base import ClosedManager, TenantOwned


class WorkerTable(Model):
    """A media worker process, alive while `seen_us` is recent by the database's clock.

    `address` is the base URL of its internal port, null where it has none. `store_id` names the
    recordings folder it writes to: API processes with the same folder read it themselves. `models`
    is what it can detect, as `media.types.ModelStatus` has it, null where it did not say.
    """

    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=200)
    address = fields.CharField(max_length=300, null=True)
    store_id = fields.UUIDField()
    started_us = fields.BigIntField()
    seen_us = fields.BigIntField()
    models = fields.JSONField[list[dict[str, Any]] | None](null=True)

    class Meta:
        table = "worker"


class CameraLeaseTable(TenantOwned):
    """Who records a camera until `expires_us`, by the database's clock.

    `token` grows with every change of owner: what an earlier owner still writes is told by it. A
    lease that was given back keeps its row, and so its token; it is free, as one that expired is.
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


class WorkerWithModels(Worker, frozen=True):
    models: list[dict[str, Any]] | None


class CameraLease(msgspec.Struct, frozen=True):
    tenant_id: str
    camera_key: UUID
    worker_id: UUID | None
    token: int
    expires_us: int


def every_lease() -> QuerySet[CameraLeaseTable]:
    """Of all tenants: workers serve them all. No use case of a tenant may ask here."""
    return QuerySet(CameraLeaseTable)


async def database_now_us(process_now_us: int) -> int:
    """Microseconds since the epoch by the clock that all workers share: the database's.

    Two hosts' clocks are never compared. SQLite has no other clock than that of its processes, who
    are on one host: `process_now_us` is what it says.
    """
    connection = get_connection("default")
    if connection.capabilities.dialect != "postgres":
        return process_now_us
    query = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now"
    return int((await connection.execute_query_dict(query))[0]["now"])
