"""Steps of the log as webhooks are told them: `Subscription.events` in GraphQL's names, as JSON.

Addresses of pictures and footage are left out: they carry authority, and a webhook's message may
lie anywhere.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from media.playlist import iso_milliseconds
from models.event import Event
from resolvers.features import ALL_FEATURES, Feature
from resolvers.verdicts import Verdict
from resolvers.watch import GapItem, Item
from resolvers.webhook_sending import Message


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    pass


class BoxWords(_Told, frozen=True):
    x: float
    y: float
    w: float
    h: float
    label: str
    score: float


class ZoneWords(_Told, frozen=True):
    id: str
    name: str
    direction: str | None


class ViewWords(_Told, frozen=True):
    ts: str
    box: BoxWords
    score: float


class ReviewWords(_Told, frozen=True):
    verdict: str
    note: str | None
    by: str
    at: str
    version: str


class EventWords(_Told, frozen=True):
    id: str
    camera_id: str
    type: str
    type_name: str
    confidence: float
    ts: str
    ended_at: str | None
    track_id: int | None
    boxes: list[BoxWords]
    payload: dict[str, Any]
    zones: list[ZoneWords]
    best: ViewWords | None
    review: ReviewWords | None
    trace_id: UUID
    model_version: str


class ChangeWords(_Told, frozen=True):
    cursor: str
    kind: str
    event: EventWords


class GapWords(_Told, frozen=True):
    cursor: str
    reason: str = "RETENTION"


class Words(_Told, frozen=True):
    """A whole body; `timestamp` is when it was written down."""

    type: str
    timestamp: str
    data: ChangeWords | GapWords | dict[str, str]


def message_of(webhook_id: UUID, place: int, item: Item, now_us: int) -> Message:
    """Of the step at `place`; the same id again for the same step."""
    at = iso_milliseconds(now_us)
    if isinstance(item, GapItem):
        words = Words("event.gap", at, GapWords(item.cursor))
        return Message(f"gap_{webhook_id.hex}_{place}", msgspec.json.encode(words))
    kind = item.kind
    change = ChangeWords(item.cursor, kind.name, _event(item.event))
    words = Words(f"event.{kind.value}", at, change)
    return Message(f"msg_{webhook_id.hex}_{place}", msgspec.json.encode(words))


def trial_message(webhook_id: UUID, now_us: int) -> Message:
    words = Words("webhook.test", iso_milliseconds(now_us), {"webhookId": str(webhook_id)})
    return Message(f"test_{webhook_id.hex}_{now_us}", msgspec.json.encode(words))


def _event(event: Event) -> EventWords:
    is_ours = event.type in ALL_FEATURES
    return EventWords(
        id=event.id,
        camera_id=event.camera_slug,
        type=Feature(event.type).name if is_ours else "OTHER",
        type_name=event.type,
        confidence=event.confidence,
        ts=iso_milliseconds(event.at_us),
        ended_at=None if event.ended_us is None else iso_milliseconds(event.ended_us),
        track_id=event.track_id,
        boxes=[BoxWords(**box) for box in event.boxes],
        payload={**(event.payload or {}), "boxes": event.boxes, "track_id": event.track_id},
        zones=[_zone(each) for each in event.zones or ()],
        best=None if event.best is None else _view(event.best),
        review=_review(event),
        trace_id=event.trace_id,
        model_version=event.model_version,
    )


def _zone(zone: dict[str, Any]) -> ZoneWords:
    direction = zone["direction"]
    return ZoneWords(zone["id"], zone["name"], None if direction is None else direction.upper())


def _view(best: dict[str, Any]) -> ViewWords:
    box = BoxWords(**best["box"])
    return ViewWords(iso_milliseconds(best["at_us"]), box, box.score)


def _review(event: Event) -> ReviewWords | None:
    said = event.review
    if event.verdict is None or said is None:
        return None
    return ReviewWords(
        verdict=Verdict(event.verdict).name,
        note=said["note"],
        by=said["by"],
        at=iso_milliseconds(said["at_us"]),
        version=str(event.review_seq),
    )
