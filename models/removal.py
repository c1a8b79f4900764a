"""What was removed of footage and events: the record that outlives it."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID, uuid5

import msgspec
from tortoise import fields
from tortoise.indexes import Index

from models.base import BytewiseText, ClosedManager, TenantOwned
from models.bulk import NewRows, run_with

_DAY_US = 86_400_000_000
_IDS = UUID("5f3f6a3e-1c55-4c1b-9c2e-8a4d3f0b7e21")
"""Namespace of the ids of rows: what belongs into one row has one id wherever it is written."""


class RemovalCause(StrEnum):
    AGE = "age"
    BYTES = "bytes"
    DISK = "disk"
    CAMERA = "camera"
    LOST = "lost"


class RemovalTable(TenantOwned):
    """Footage of a camera, or the tenant's events where `camera_key` is null, that went.

    What goes by itself of a camera for one cause on one UTC day is one row, which grows; a camera's
    deletion has one for all. [from_us, to_us) spans what went, null where nothing did; more of that
    time may have gone before, and some be kept. `began_us` is when the first of it went, or when
    somebody wanted it to, and `last_us` when the last did. `removed_by` is the subject of their
    token, null where the system did by itself.
    """

    id = fields.UUIDField(primary_key=True)
    camera_key = fields.UUIDField(null=True)
    camera_slug = BytewiseText(max_length=63, null=True)
    cause = BytewiseText(max_length=10)
    removed_by = fields.CharField(max_length=200, null=True)
    from_us = fields.BigIntField(null=True)
    to_us = fields.BigIntField(null=True)
    size_bytes = fields.BigIntField()
    segments = fields.BigIntField()
    events = fields.BigIntField()
    began_us = fields.BigIntField()
    last_us = fields.BigIntField()

    class Meta:
        table = "removal"
        manager = ClosedManager()
        indexes = (Index(fields=("tenant_id", "began_us")),)


class Removal(msgspec.Struct, frozen=True):
    tenant_id: str
    id: UUID
    camera_key: UUID | None
    camera_slug: str | None
    cause: str
    removed_by: str | None
    from_us: int | None
    to_us: int | None
    size_bytes: int
    segments: int
    events: int
    began_us: int
    last_us: int


class Gone(msgspec.Struct, frozen=True):
    """What went at `at_us`: of a camera, by its key and its public id, or of the tenant's events.

    From and to are None where nothing has gone yet.
    """

    tenant_id: str
    cause: RemovalCause
    at_us: int
    camera: tuple[UUID, str] | None = None
    removed_by: str | None = None
    from_us: int | None = None
    to_us: int | None = None
    size_bytes: int = 0
    segments: int = 0
    events: int = 0

    @property
    def row_id(self) -> UUID:
        key = self.camera[0] if self.camera else ""
        day = "" if self.cause is RemovalCause.CAMERA else self.at_us // _DAY_US
        return uuid5(_IDS, f"{self.tenant_id}/{key}/{self.cause}/{day}")


_TYPES = {
    "id": "uuid",
    "tenant_id": "text",
    "camera_key": "uuid",
    "camera_slug": "text",
    "cause": "text",
    "removed_by": "text",
    "from_us": "bigint",
    "to_us": "bigint",
    "size_bytes": "bigint",
    "segments": "bigint",
    "events": "bigint",
    "began_us": "bigint",
    "last_us": "bigint",
}
_NAMES = ", ".join(_TYPES)
_NOTE = f"""
INSERT INTO removal AS r ({_NAMES}) SELECT {_NAMES} FROM new_rows WHERE true
ON CONFLICT (id) DO UPDATE SET
    from_us = CASE
        WHEN r.from_us IS NULL OR excluded.from_us < r.from_us THEN excluded.from_us
        ELSE r.from_us END,
    to_us = CASE
        WHEN r.to_us IS NULL OR excluded.to_us > r.to_us THEN excluded.to_us
        ELSE r.to_us END,
    size_bytes = r.size_bytes + excluded.size_bytes,
    segments = r.segments + excluded.segments,
    events = r.events + excluded.events,
    last_us = excluded.last_us
"""  # noqa: S608 - names of ours


async def note(*gone: Gone) -> None:
    """Writes it down, in the transaction that makes it so. At most one of each row."""
    records = [
        (
            *(each.row_id, each.tenant_id, *(each.camera or (None, None))),
            *(each.cause.value, each.removed_by, each.from_us, each.to_us),
            *(each.size_bytes, each.segments, each.events, each.at_us, each.at_us),
        )
        for each in gone
    ]
    if records:
        await run_with(NewRows(_TYPES, records), _NOTE)
