"""Comparisons of models on recorded footage: who asked for what, how far it is, what it found."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.indexes import Index

from models.base import BytewiseText, ClosedManager, TenantOwned
from models.job import UNFINISHED, JobState


class ComparisonTable(TenantOwned):
    """[from_us, to_us) of a camera's footage, looked at again.

    A `models.job.Job`. `model` is tried, with `begin` as the score that begins an event where that
    is not null; `against` is what it is held against, the stored events where that is null. Their
    versions are known once it is ready, and how many events are the same, changed, lost and new.
    `done_us` and `expected_us` count time of footage. From `expires_us` on it is forgotten; of a
    deleted one only this row is left.
    """

    id = fields.UUIDField(primary_key=True)
    camera_key = fields.UUIDField()
    camera_slug = BytewiseText(max_length=63)
    from_us = fields.BigIntField()
    to_us = fields.BigIntField()
    model = BytewiseText(max_length=63)
    against = BytewiseText(max_length=63, null=True)
    begin = fields.FloatField(null=True)
    state = BytewiseText(max_length=10)
    revision = fields.IntField()
    created_us = fields.BigIntField()
    created_by = fields.CharField(max_length=200)
    due_us = fields.BigIntField()
    attempts = fields.IntField()
    claim = fields.UUIDField(null=True)
    seen_us = fields.BigIntField(null=True)
    done_us = fields.BigIntField()
    expected_us = fields.BigIntField()
    model_version = fields.CharField(max_length=100, null=True)
    against_version = fields.CharField(max_length=100, null=True)
    same = fields.IntField(null=True)
    changed = fields.IntField(null=True)
    lost = fields.IntField(null=True)
    new = fields.IntField(null=True)
    fault_code = fields.CharField(max_length=40, null=True)
    fault = fields.TextField(null=True)
    ready_us = fields.BigIntField(null=True)
    expires_us = fields.BigIntField()
    deleted_us = fields.BigIntField(null=True)
    deleted_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "comparison"
        manager = ClosedManager()
        indexes = (
            Index(fields=("tenant_id", "created_us")),
            Index(fields=("state", "created_us")),
        )


class DifferenceKind(StrEnum):
    CHANGED = "changed"
    LOST = "lost"
    NEW = "new"


class DifferenceTable(TenantOwned):
    """An event of one log that is not in the other as it is.

    `number` is its place by time, from 0. `before` and `after` are of what is compared: `id`,
    `at_us`, `position`, `score`, `box` (`x`, `y`, `w`, `h`) and `zones`, ids of those whose rules
    began it. `before` is null of a new one, `after` of a lost one; of a changed one `overlap` is of
    the boxes of both, 0..1, on average.
    """

    id = fields.UUIDField(primary_key=True)
    comparison_id = fields.UUIDField()
    number = fields.IntField()
    kind = BytewiseText(max_length=8)
    type = BytewiseText(max_length=32)
    before = fields.JSONField[dict[str, Any] | None](null=True)
    after = fields.JSONField[dict[str, Any] | None](null=True)
    overlap = fields.FloatField(null=True)

    class Meta:
        table = "comparison_difference"
        manager = ClosedManager()
        unique_together = (("tenant_id", "comparison_id", "number"),)
        indexes = (Index(fields=("tenant_id", "comparison_id", "kind", "number")),)


class Comparison(msgspec.Struct, frozen=True):
    tenant_id: str
    id: UUID
    camera_key: UUID
    camera_slug: str
    from_us: int
    to_us: int
    model: str
    against: str | None
    begin: float | None
    state: str
    revision: int
    created_us: int
    created_by: str
    due_us: int
    expires_us: int
    attempts: int = 0
    done_us: int = 0
    expected_us: int = 0
    claim: UUID | None = None
    seen_us: int | None = None
    model_version: str | None = None
    against_version: str | None = None
    same: int | None = None
    changed: int | None = None
    lost: int | None = None
    new: int | None = None
    fault_code: str | None = None
    fault: str | None = None
    ready_us: int | None = None
    deleted_us: int | None = None
    deleted_by: str | None = None

    @property
    def is_over(self) -> bool:
        return self.state not in UNFINISHED

    @property
    def rows(self) -> int:
        """How many differences are kept of it."""
        if self.state != JobState.READY:
            return 0
        return (self.changed or 0) + (self.lost or 0) + (self.new or 0)


class Difference(msgspec.Struct, frozen=True):
    tenant_id: str
    comparison_id: UUID
    number: int
    kind: str
    type: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    overlap: float | None
