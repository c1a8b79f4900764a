"""Cameras, and what remains of deleted ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.indexes import Index
from tortoise.queryset import QuerySet

from models.base import BytewiseText, ClosedManager, TenantOwned


class CameraTable(TenantOwned):
    """A configured source: key is the surrogate that other tables use, slug its public id.

    `rtsp_url_sealed` is the encrypted address, `detection_url_sealed` that of the substream which
    is looked at in its place; null is none. `change_seq` is the number of its last change in
    the tenant's log of camera changes. `retention_days` and `retention_bytes` bound its footage
    beside what the tenant's plan says; null leaves it to the plan. `zones` are those of
    `media.zones.Zone`, in the order they were made; null is none.
    """

    key = fields.UUIDField(primary_key=True)
    slug = BytewiseText(max_length=63)
    name = fields.CharField(max_length=200)
    rtsp_url_sealed = fields.TextField()
    detection_url_sealed = fields.TextField(null=True)
    features = fields.JSONField[list[str]]()
    fps = fields.FloatField()
    zones = fields.JSONField[list[dict[str, Any]] | None](null=True)
    enabled = fields.BooleanField()
    record = fields.BooleanField()
    retention_days = fields.IntField(null=True)
    retention_bytes = fields.BigIntField(null=True)
    status = fields.CharField(max_length=16)
    status_reason = fields.TextField(null=True)
    status_us = fields.BigIntField()
    stream = fields.JSONField[dict[str, Any] | None](null=True)
    change_seq = fields.BigIntField()
    created_us = fields.BigIntField()
    updated_us = fields.BigIntField()

    class Meta:
        table = "camera"
        manager = ClosedManager()
        unique_together = (("tenant_id", "slug"),)
        indexes = (
            Index(fields=("tenant_id", "created_us", "slug")),
            Index(fields=("tenant_id", "change_seq")),
        )


class CameraDeletionTable(TenantOwned):
    """A camera that was deleted: tells subscribers, and the worker whose footage to remove."""

    key = fields.UUIDField(primary_key=True)
    slug = BytewiseText(max_length=63)
    change_seq = fields.BigIntField()
    deleted_us = fields.BigIntField()
    footage_removed_us = fields.BigIntField(null=True)

    class Meta:
        table = "camera_deletion"
        manager = ClosedManager()
        indexes = (Index(fields=("tenant_id", "change_seq")),)


class Camera(msgspec.Struct, frozen=True):
    tenant_id: str
    key: UUID
    slug: str
    name: str
    rtsp_url_sealed: str
    detection_url_sealed: str | None
    features: list[str]
    fps: float
    zones: list[dict[str, Any]] | None
    enabled: bool
    record: bool
    retention_days: int | None
    retention_bytes: int | None
    status: str
    status_reason: str | None
    status_us: int
    stream: dict[str, Any] | None
    change_seq: int
    created_us: int
    updated_us: int

    @property
    def folder(self) -> str:
        """Name of its folder of footage: readable, and never shared with a later namesake."""
        return camera_folder(self.slug, self.key)


class CameraDeletion(msgspec.Struct, frozen=True):
    tenant_id: str
    key: UUID
    slug: str
    change_seq: int
    deleted_us: int

    @property
    def folder(self) -> str:
        return camera_folder(self.slug, self.key)


def every_camera() -> QuerySet[CameraTable]:
    """Of all tenants, to be counted. No use case of a tenant may ask here."""
    return QuerySet(CameraTable)


def camera_folder(slug: str, key: UUID) -> str:
    return f"{slug}.{key.hex[:8]}"
