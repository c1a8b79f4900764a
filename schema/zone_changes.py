"""What a client may do to zones: the input, and what comes back, mistakes included."""

from __future__ import annotations

import strawberry

from media.types import Direction
from media.zones import ZonePurpose
from resolvers import zones
from resolvers.context import Context
from resolvers.errors import Conflict, InvalidInput, NotFound, VmsError
from resolvers.features import Feature
from resolvers.zone_input import ScheduleDraft, SpanDraft, ZoneDraft
from schema.cameras import Camera
from schema.enums import Weekday
from schema.errors import UserError, user_errors
from schema.inputs import or_none
from schema.zones import Zone

_POINTS = (
    "Corners of a polygon in order, 3 to 32, no edge crossing another; or both ends of a line to "
    "cross."
)
_SECONDS = "How long to be inside before an event begins, up to an hour; not of a line or a mask."
_DIRECTION = "Which crossings of a line count, both without it; not of a polygon."
_COOLDOWN = "For how long after an event it begins no other, up to a day; not of a mask."


@strawberry.input(description="A place in the frame, in 0..1 of it, origin top left.")
class PointInput:
    x: float = strawberry.field(description="From the left, 0..1 of the frame's width.")
    y: float = strawberry.field(description="From the top, 0..1 of the frame's height.")


@strawberry.input(description="Hours of a week.")
class ScheduleSpanInput:
    days: list[Weekday] = strawberry.field(description="The days that it begins on.")
    from_: str = strawberry.field(name="from", description="When it begins, local time: `22:00`.")
    to: str = strawberry.field(
        description=(
            "When it ends; on the next day, where that is not later than `from`. From 00:00 to "
            "00:00 is the whole day."
        )
    )


@strawberry.input(description="When a zone is in force, as clocks show it there.")
class ScheduleInput:
    time_zone: str = strawberry.field(description="Of the IANA database: `Asia/Ho_Chi_Minh`.")
    spans: list[ScheduleSpanInput] = strawberry.field(
        description="In force in any of them, 1 to 21."
    )

    def draft(self) -> ScheduleDraft:
        spans = [
            SpanDraft(days=[day.value for day in each.days], from_=each.from_, to=each.to)
            for each in self.spans
        ]
        return ScheduleDraft(self.time_zone, spans)


@strawberry.input(description="A zone to be.")
class ZoneInput:
    name: str = strawberry.field(description="What people call it, up to 200 characters.")
    purpose: ZonePurpose = strawberry.field(description="What it is for.")
    points: list[PointInput] = strawberry.field(description=_POINTS)
    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The zone to change, all of it; without it a new one."
    )
    features: list[Feature] = strawberry.field(
        default_factory=list,
        description="What it is about; none is all that the camera looks for.",
    )
    seconds: float | None = strawberry.field(default=strawberry.UNSET, description=_SECONDS)
    direction: Direction | None = strawberry.field(default=strawberry.UNSET, description=_DIRECTION)
    min_width: float | None = strawberry.field(
        default=strawberry.UNSET, description="Least width of an object, 0..1; not of a mask."
    )
    min_height: float | None = strawberry.field(
        default=strawberry.UNSET, description="Least height of an object, 0..1; not of a mask."
    )
    cooldown_seconds: float | None = strawberry.field(
        default=strawberry.UNSET, description=_COOLDOWN
    )
    schedule: ScheduleInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it is in force; without it always."
    )

    def draft(self) -> ZoneDraft:
        schedule = or_none(self.schedule)
        return ZoneDraft(
            name=self.name,
            purpose=self.purpose,
            points=[(each.x, each.y) for each in self.points],
            features=self.features,
            seconds=or_none(self.seconds),
            direction=or_none(self.direction),
            min_width=or_none(self.min_width),
            min_height=or_none(self.min_height),
            cooldown_seconds=or_none(self.cooldown_seconds),
            schedule=None if schedule is None else schedule.draft(),
        )


@strawberry.type(description="A camera's zones as written.")
class ZonePayload:
    zone: Zone | None = strawberry.field(
        description="As it is now; null when it was deleted, or refused."
    )
    camera: Camera | None = strawberry.field(description="As it is now; null when refused.")
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def save(ctx: Context, camera_id: str, given: ZoneInput) -> ZonePayload:
    try:
        saved = await zones.zone_save(ctx, camera_id, given.draft(), or_none(given.id))
    except (InvalidInput, NotFound, Conflict) as error:
        return _refused(error)
    return ZonePayload(zone=Zone.of(saved.zone), camera=Camera(ctx, saved.camera), user_errors=[])


async def delete(ctx: Context, camera_id: str, zone_id: str) -> ZonePayload:
    try:
        camera = await zones.zone_delete(ctx, camera_id, zone_id)
    except NotFound as error:
        return _refused(error)
    return ZonePayload(zone=None, camera=Camera(ctx, camera), user_errors=[])


def _refused(error: VmsError) -> ZonePayload:
    return ZonePayload(zone=None, camera=None, user_errors=user_errors(error))
