"""Writes events that other systems tell of into the tenant's log, as workers' are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from media.types import ChangeKind
from models.bulk import NewRows, insert
from models.event import EventTable
from models.tenant import take_numbers
from resolvers.event_rows import of_ids
from resolvers.ingest_events import EVENT_TYPES


class ToldEvent(msgspec.Struct, frozen=True):
    """An event as it will be stored, but for its numbers. It is over: [at_us, ended_us]."""

    id: str
    camera_key: UUID
    camera_slug: str
    type: str
    confidence: float
    at_us: int
    ended_us: int
    boxes: list[dict[str, Any]]
    payload: dict[str, Any]
    trace_id: UUID
    model_version: str


async def write_told(tenant_id: str, events: Sequence[ToldEvent], written_us: int) -> set[str]:
    """In the caller's transaction. Each event takes two numbers, for its beginning and its end.

    Returns:
        The ids of those that were not there before; the others are left as they are.

    Raises:
        TenantUnknown: there is no such tenant.
    """
    # Taking no number locks the log: what is known cannot change meanwhile.
    seq = await take_numbers(tenant_id, "event_seq", 0)
    by_id = {event.id: event for event in reversed(events)}  # of two the first counts
    known = of_ids(EventTable.within(tenant_id), list(by_id))
    there = {str(each) for each in await known.values_list("id", flat=True)}
    fresh = [event for event in events if event.id not in there and by_id[event.id] is event]
    if fresh:
        await take_numbers(tenant_id, "event_seq", 2 * len(fresh))
        numbers = range(seq + 1, seq + 1 + 2 * len(fresh), 2)
        records = [
            _record(tenant_id, event, began_seq, written_us)
            for event, began_seq in zip(fresh, numbers, strict=True)
        ]
        await insert("event", NewRows(EVENT_TYPES, records))
    return {event.id for event in fresh}


def _record(
    tenant_id: str, event: ToldEvent, began_seq: int, written_us: int
) -> tuple[object, ...]:
    """A row in the order of EVENT_TYPES."""
    values: dict[str, object] = {
        **msgspec.structs.asdict(event),
        "tenant_id": tenant_id,
        "seq": began_seq + 1,
        "began_seq": began_seq,
        "last_change": ChangeKind.ENDED.value,
        "position": None,
        "track_id": None,
        "snapshot": None,
        "zones": None,
        "zone_ids": None,
        "best": None,
        "plate": None,
        "plate_key": None,
        "boxes": msgspec.json.encode(event.boxes).decode(),
        "payload": msgspec.json.encode(event.payload).decode(),
        "written_us": written_us,
    }
    return tuple(values[name] for name in EVENT_TYPES)
