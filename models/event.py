"""Events, numbered in their tenant's log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from tortoise import fields
from tortoise.indexes import Index

from models.base import BytewiseText, ClosedManager, TenantOwned


class EventTable(TenantOwned):
    """A stored happening.

    `began_seq` is the number of its beginning in the tenant's log and never changes; `seq` moves
    with each change, and `last_change` says which it was. `at_us`, `position`, `confidence`,
    `boxes` and `snapshot` describe one frame and never change. `position` (1/90000 s on the
    camera's media timeline) is null when the frame was not recorded. `snapshot` is
    `{date}/{hour}/{name}` in the camera's folder. `written_us` is when its beginning was written,
    by the writer's clock just before the commit; null in rows from before it was noted. `payload`
    is what the outside system said that told of the event, and null in events of our own. `zones`
    are id, name and direction of those whose rules began it, as they were; `zone_ids` has their ids
    with a blank around each, to filter by. `best` is the best view found since: `at_us`,
    `position`, `box`, `snapshot`. `plate` is what is read of it so far: `text`, `raw`, `score` and
    `model_version`, and `plate_key` its letters and digits alone, to search by. All five are null
    where there is none. `verdict` is what people say of it,
    `review` the rest of what they said (`note`, `by`, `at_us`), and `review_seq` the number of that
    in the log, beside `seq`: all null until it is reviewed. There is no foreign key to the camera:
    events outlive it.
    """

    id = BytewiseText(max_length=40, primary_key=True)
    seq = fields.BigIntField()
    began_seq = fields.BigIntField()
    last_change = fields.CharField(max_length=8)
    camera_key = fields.UUIDField()
    camera_slug = BytewiseText(max_length=63)
    type = BytewiseText(max_length=32)
    confidence = fields.FloatField()
    at_us = fields.BigIntField()
    ended_us = fields.BigIntField(null=True)
    position = fields.BigIntField(null=True)
    track_id = fields.BigIntField(null=True)
    boxes = fields.JSONField[list[dict[str, Any]]]()
    snapshot = fields.CharField(max_length=64, null=True)
    trace_id = fields.UUIDField()
    model_version = fields.CharField(max_length=100)
    written_us = fields.BigIntField(null=True)
    payload = fields.JSONField[dict[str, Any] | None](null=True)
    zones = fields.JSONField[list[dict[str, Any]] | None](null=True)
    zone_ids = fields.TextField(null=True)
    best = fields.JSONField[dict[str, Any] | None](null=True)
    verdict = BytewiseText(max_length=16, null=True)
    review = fields.JSONField[dict[str, Any] | None](null=True)
    review_seq = fields.BigIntField(null=True)
    plate = fields.JSONField[dict[str, Any] | None](null=True)
    plate_key = BytewiseText(max_length=16, null=True)

    class Meta:
        table = "event"
        manager = ClosedManager()
        unique_together = (("tenant_id", "seq"), ("tenant_id", "began_seq"))
        indexes = (
            Index(fields=("tenant_id", "at_us", "id")),
            Index(fields=("tenant_id", "camera_slug", "at_us", "id")),
            Index(fields=("tenant_id", "type", "at_us", "id")),
            Index(fields=("tenant_id", "camera_slug", "type", "at_us", "id")),
        )


class Event(msgspec.Struct, frozen=True):
    tenant_id: str
    id: str
    seq: int
    began_seq: int
    last_change: str
    camera_key: UUID
    camera_slug: str
    type: str
    confidence: float
    at_us: int
    ended_us: int | None
    position: int | None
    track_id: int | None
    boxes: list[dict[str, Any]]
    snapshot: str | None
    trace_id: UUID
    model_version: str
    written_us: int | None
    payload: dict[str, Any] | None
    zones: list[dict[str, Any]] | None
    best: dict[str, Any] | None
    verdict: str | None
    review: dict[str, Any] | None
    review_seq: int | None
    plate: dict[str, Any] | None
