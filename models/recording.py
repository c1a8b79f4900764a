"""Summaries of what lies on disk: runs answer coverage, hours answer timelines.

The playlists on disk are the truth about segments; these rows can be rebuilt from them.
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.indexes import Index

from models.base import BytewiseText, ClosedManager, TenantOwned


class RecordingRunTable(TenantOwned):
    """An unbroken recording.

    Footage of it is whole on disk for [started_us, recorded_until_us). `ended_us` and `end_reason`
    are null while it goes on. `store_id` names the recordings folder that holds it, null for the
    one of an installation without others. `end_position` is where the camera's next run goes on,
    in 1/90000 s; null where it is not known. `token` is that of the lease under which it was
    recorded, null without one.
    """

    run_id = fields.UUIDField(primary_key=True)
    camera_key = fields.UUIDField()
    started_us = fields.BigIntField()
    recorded_until_us = fields.BigIntField()
    store_id = fields.UUIDField(null=True)
    end_position = fields.BigIntField(null=True)
    token = fields.BigIntField(null=True)
    ended_us = fields.BigIntField(null=True)
    end_reason = fields.TextField(null=True)

    class Meta:
        table = "recording_run"
        manager = ClosedManager()
        indexes = (Index(fields=("tenant_id", "camera_key", "started_us")),)


class RecordingHourTable(TenantOwned):
    """The footage of one camera in one hour folder: [start_us, end_us) with gaps inside."""

    id = fields.UUIDField(primary_key=True)
    camera_key = fields.UUIDField()
    date = BytewiseText(max_length=10)
    hour = BytewiseText(max_length=5)
    start_us = fields.BigIntField()
    end_us = fields.BigIntField()
    duration_us = fields.BigIntField()
    size_bytes = fields.BigIntField()
    segments = fields.IntField()
    store_id = fields.UUIDField(null=True)

    class Meta:
        table = "recording_hour"
        manager = ClosedManager()
        indexes = (
            Index(fields=("tenant_id", "camera_key", "date", "hour")),
            Index(fields=("tenant_id", "camera_key", "start_us")),
        )


class RecordingRun(msgspec.Struct, frozen=True):
    run_id: UUID
    camera_key: UUID
    started_us: int
    recorded_until_us: int
    store_id: UUID | None
    end_position: int | None
    ended_us: int | None
    end_reason: str | None


class RecordingHour(msgspec.Struct, frozen=True):
    camera_key: UUID
    date: str
    hour: str
    start_us: int
    end_us: int
    duration_us: int
    size_bytes: int
    segments: int
    store_id: UUID | None
