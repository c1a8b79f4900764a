"""Events that other systems tell of: the input, and what comes back, mistakes included."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from resolvers import outside_events
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, NotFound
from resolvers.outside_events import DEFAULT_SOURCE, OutsideBox, OutsideEvent
from schema.errors import UserError, user_errors
from schema.events import Event
from schema.inputs import or_none
from schema.scalars import Instant, Json

_KEY = (
    "Your name for it, 1 to 200 characters. The same key again is the same event: nothing is "
    "written, and it comes back as it is."
)
_TYPE = "What it is: 1 to 32 of a-z, 0-9 and _, like `door_contact`; a feature's name is one too."
_BOXES = "Where in the frame, at most 100."
_PAYLOAD = "What else there is to say: an object, at most 16 KiB of JSON and 32 levels deep."


@strawberry.input(description="A rectangle in the frame, in 0..1 of it, origin top left.")
class BoxInput:
    x: float = strawberry.field(description="Left edge, 0..1 of the frame's width.")
    y: float = strawberry.field(description="Top edge, 0..1 of the frame's height.")
    w: float = strawberry.field(description="Width, 0..1 of the frame's.")
    h: float = strawberry.field(description="Height, 0..1 of the frame's.")
    label: str = strawberry.field(default="", description="What is there, up to 64 characters.")
    score: float = strawberry.field(default=1.0, description="How sure, 0..1.")

    def box(self) -> OutsideBox:
        return OutsideBox(self.x, self.y, self.w, self.h, self.label, self.score)


@strawberry.input(description="Something that another system saw, beside a camera.")
class EventCreateInput:
    key: str = strawberry.field(description=_KEY)
    camera_id: strawberry.ID = strawberry.field(description="The camera that looks there.")
    type_name: str = strawberry.field(description=_TYPE)
    ts: Instant | None = strawberry.field(
        default=strawberry.UNSET, description="When it was, at most an hour ahead; else now."
    )
    ended_at: Instant | None = strawberry.field(
        default=strawberry.UNSET, description="When it was over; without it, it was a moment."
    )
    confidence: float = strawberry.field(default=1.0, description="How sure, 0..1.")
    boxes: list[BoxInput] = strawberry.field(default_factory=list, description=_BOXES)
    payload: Json | None = strawberry.field(default=strawberry.UNSET, description=_PAYLOAD)
    source: str = strawberry.field(
        default=DEFAULT_SOURCE, description="The system that tells, for `modelVersion`."
    )

    def event(self, now_us: int) -> OutsideEvent:
        """Raises InvalidInput when the payload is no object."""
        payload: object = or_none(self.payload) or {}
        if not isinstance(payload, dict):
            raise InvalidInput(FieldError("payload", "want an object"))
        at_us, ended_us = or_none(self.ts), or_none(self.ended_at)
        return OutsideEvent(
            key=self.key,
            camera_id=self.camera_id,
            type=self.type_name,
            at_us=now_us if at_us is None else at_us,
            ended_us=ended_us,
            confidence=self.confidence,
            boxes=[each.box() for each in self.boxes],
            payload=payload,
            source=self.source,
        )


@strawberry.type(description="An event as it is stored.")
class EventPayload:
    event: Event | None = strawberry.field(description="The event; null when refused.")
    created: bool = strawberry.field(description="Whether its key was not known before.")
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def create(ctx: Context, given: EventCreateInput) -> EventPayload:
    try:
        wanted = given.event(ctx.world.clock.now_us())
        saved = await outside_events.event_create(ctx, wanted)
    except InvalidInput as error:
        here = [FieldError(_SPELLED.get(e.field, e.field), e.message) for e in error.fields]
        return _refused(user_errors(InvalidInput(*here)))
    except NotFound as error:
        return _refused(user_errors(error))
    return EventPayload(event=Event(saved.event), created=saved.created, user_errors=[])


_SPELLED = {"type": "type_name"}
"""Of the use case's fields, what this input calls otherwise."""


def _refused(mistakes: Sequence[UserError]) -> EventPayload:
    return EventPayload(event=None, created=False, user_errors=list(mistakes))
