"""Events that other systems tell of: door contacts, other analytics, a guard's button.

They are numbered, followed, filtered and played like our own. A client names each with a key of its
own choice; the same key again is the same event, whatever else is said of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec

from models.base import select
from models.camera import CameraTable
from models.event import Event, EventTable
from models.event_days import DAY_US
from resolvers import ingest
from resolvers.access import Scope, visible
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, NotFound
from resolvers.features import is_event_type
from resolvers.ingest_outside import ToldEvent
from resolvers.tenants import own_tenant

MAX_KEY_CHARACTERS = 200
MAX_SOURCE_CHARACTERS = 100
MAX_LABEL_CHARACTERS = 64
MAX_BOXES = 100
MAX_PAYLOAD_BYTES = 16 * 1024
MAX_PAYLOAD_LEVELS = 32
"""Of objects and lists in each other: whoever follows must be able to write it down again."""
MAX_AHEAD_US = 60 * 60 * 1_000_000
"""A clock may be wrong; an event of next week is a mistake."""
DEFAULT_SOURCE = "outside"
_ROUNDING = 1e-6

_KEYS = UUID("0d8f5b57-6f1e-4c43-9c06-9b1c5a1f77c4")
"""Namespace of events' ids by tenant and key."""


class OutsideBox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rectangle in 0..1 of the frame, origin top left."""

    x: float
    y: float
    w: float
    h: float
    label: str = ""
    score: float = 1.0


class OutsideEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says. It lasts [at_us, ended_us]; None is a moment.

    `source` names the system that tells, where our own events have their model.
    """

    key: str
    camera_id: str
    type: str
    at_us: int
    ended_us: int | None = None
    confidence: float = 1.0
    boxes: Sequence[OutsideBox] = ()
    payload: dict[str, Any] = {}
    source: str = DEFAULT_SOURCE


class OutsideSaved(msgspec.Struct, frozen=True):
    """The event as it is stored; `created` False when its key was known before."""

    event: Event
    created: bool


async def event_create(ctx: Context, given: OutsideEvent) -> OutsideSaved:
    """Stores one event, once.

    Raises:
        ScopeMissing: without `events:write`.
        NotFound: no such camera in this tenant.
        InvalidInput: names each field that is wrong.
    """
    (event_id,), created = await _store(ctx, [given])
    rows = EventTable.within(ctx.actor.tenant_id).filter(id=event_id)
    (event,) = await select(rows, Event)
    return OutsideSaved(event, event_id in created)


async def events_create(ctx: Context, given: Sequence[OutsideEvent]) -> int:
    """Stores many, all of them or none. Returns how many were not known before. Raises the same."""
    _, created = await _store(ctx, given)
    return len(created)


async def _store(ctx: Context, given: Sequence[OutsideEvent]) -> tuple[list[str], set[str]]:
    """The ids of the events, and which of them are new."""
    checked = await checks(ctx)
    told = [checked.told(ctx.actor.tenant_id, each) for each in given]
    created = await ingest.record_told(ctx.world, ctx.actor.tenant_id, told)
    return [each.id for each in told], created


async def checks(ctx: Context) -> Checked:
    """What events are checked against now. Raises ScopeMissing without `events:write`."""
    return Checked(ctx.world.clock.now_us(), await _oldest_us(ctx), await _cameras(ctx))


async def _cameras(ctx: Context) -> dict[str, UUID]:
    rows = visible(ctx.actor, CameraTable, Scope.EVENTS_WRITE)
    return {str(slug): key for slug, key in await rows.values_list("slug", "key")}


async def _oldest_us(ctx: Context) -> int:
    """What is older the tenant does not keep."""
    days = (await own_tenant(ctx)).event_retention_days
    if days is None:
        return 0
    return max(0, (ctx.world.clock.now_us() - days * DAY_US) // DAY_US * DAY_US)


class Checked(msgspec.Struct, frozen=True):
    """What an event is checked against: the time, the oldest that is kept, the cameras by id."""

    now_us: int
    oldest_us: int
    cameras: dict[str, UUID]

    def told(self, tenant_id: str, given: OutsideEvent) -> ToldEvent:
        """The event as it will be stored. Raises NotFound for the camera, InvalidInput."""
        wrong = [*_text_faults(given), *self._time_faults(given), *_box_faults(given.boxes)]
        if not _is_share(given.confidence):
            wrong.append(FieldError("confidence", "want 0 to 1"))
        if message := _payload_fault(given.payload):
            wrong.append(FieldError("payload", message))
        if wrong:
            raise InvalidInput(*wrong)
        if given.camera_id not in self.cameras:
            raise NotFound(f"there is no camera {given.camera_id[:64]!r}")
        return ToldEvent(
            id=event_id_of(tenant_id, given.key),
            camera_key=self.cameras[given.camera_id],
            camera_slug=given.camera_id,
            type=given.type,
            confidence=given.confidence,
            at_us=given.at_us,
            ended_us=given.at_us if given.ended_us is None else given.ended_us,
            boxes=[msgspec.structs.asdict(box) for box in given.boxes],
            payload=given.payload,
            trace_id=uuid4(),
            model_version=given.source,
        )

    def _time_faults(self, given: OutsideEvent) -> list[FieldError]:
        wrong = []
        if given.at_us < self.oldest_us:
            wrong.append(FieldError("ts", "is older than the tenant keeps events"))
        if given.at_us > self.now_us + MAX_AHEAD_US:
            wrong.append(FieldError("ts", "is more than an hour in the future"))
        if given.ended_us is not None and given.ended_us < given.at_us:
            wrong.append(FieldError("ended_at", "want a time that is not before `ts`"))
        return wrong


def event_id_of(tenant_id: str, key: str) -> str:
    """The same for the same key of a tenant, whoever asks and whenever."""
    return f"ext-{uuid5(_KEYS, f'{tenant_id}/{key}').hex}"


def _text_faults(given: OutsideEvent) -> list[FieldError]:
    wrong = []
    if not is_event_type(given.type):
        wrong.append(FieldError("type", "want 1-32 of a-z, 0-9 and _, beginning with a letter"))
    for name, text, longest in (
        ("key", given.key, MAX_KEY_CHARACTERS),
        ("source", given.source, MAX_SOURCE_CHARACTERS),
    ):
        if not text or not _is_text(text, longest):
            wrong.append(FieldError(name, f"want 1 to {longest} printable characters"))
    return wrong


def _is_share(number: float) -> bool:
    return math.isfinite(number) and 0 <= number <= 1


def _box_faults(boxes: Sequence[OutsideBox]) -> list[FieldError]:
    if len(boxes) > MAX_BOXES:
        return [FieldError("boxes", f"want at most {MAX_BOXES}")]
    if not all(map(_is_in_frame, boxes)):
        return [FieldError("boxes", "want boxes in the frame: x, y, w, h and score from 0 to 1")]
    if not all(_is_text(box.label, MAX_LABEL_CHARACTERS) for box in boxes):
        message = f"want labels of at most {MAX_LABEL_CHARACTERS} printable characters"
        return [FieldError("boxes", message)]
    return []


def _is_in_frame(box: OutsideBox) -> bool:
    shares = (box.x, box.y, box.w, box.h, box.score)
    return all(map(_is_share, shares)) and max(box.x + box.w, box.y + box.h) <= 1 + _ROUNDING


def _is_text(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable()


def _payload_fault(payload: dict[str, Any]) -> str | None:
    """PostgreSQL keeps no NUL in JSON, and UTF-8 no surrogates."""
    if _levels(payload) > MAX_PAYLOAD_LEVELS:
        return f"want at most {MAX_PAYLOAD_LEVELS} levels of objects and lists"
    try:
        encoded = msgspec.json.encode(payload)
    except (UnicodeEncodeError, ValueError, TypeError):
        return "cannot be kept as JSON"
    if len(encoded) > MAX_PAYLOAD_BYTES:
        return f"want at most {MAX_PAYLOAD_BYTES} bytes of JSON"
    return "must not contain NUL" if b"\\u0000" in encoded else None


def _levels(payload: dict[str, Any]) -> int:
    """How deep it is nested; not looked further than what is too deep."""
    level: list[Any] = [payload]
    depth = 0
    while level and depth <= MAX_PAYLOAD_LEVELS:
        depth += 1
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    return depth
