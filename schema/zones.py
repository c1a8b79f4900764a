"""A camera's zones as clients see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from media.types import Direction
from media.zones import ZonePurpose
from resolvers.features import Feature
from schema.enums import Weekday

if TYPE_CHECKING:
    from media.schedule import Schedule as ScheduleValue
    from media.schedule import Span as SpanValue
    from media.zones import Zone as ZoneValue


@strawberry.type(description="A place in the frame, in 0..1 of it, origin top left.")
class Point:
    x: float = strawberry.field(description="From the left, 0..1 of the frame's width.")
    y: float = strawberry.field(description="From the top, 0..1 of the frame's height.")


@strawberry.type(description="Hours of a week.")
class ScheduleSpan:
    days: list[Weekday] = strawberry.field(description="The days that it begins on.")
    from_: str = strawberry.field(name="from", description="When it begins, local time: `22:00`.")
    to: str = strawberry.field(
        description="When it ends; on the next day, where that is not later than `from`."
    )

    @classmethod
    def of(cls, span: SpanValue) -> ScheduleSpan:
        days = [Weekday(day) for day in span.days]
        return cls(days=days, from_=_clock(span.from_minute), to=_clock(span.to_minute))


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@strawberry.type(description="When a zone is in force, as clocks show it there.")
class Schedule:
    time_zone: str = strawberry.field(description="Of the IANA database: `Asia/Ho_Chi_Minh`.")
    spans: list[ScheduleSpan] = strawberry.field(description="In force in any of them.")

    @classmethod
    def of(cls, schedule: ScheduleValue) -> Schedule:
        spans = [ScheduleSpan.of(each) for each in schedule.spans]
        return cls(time_zone=schedule.time_zone, spans=spans)


@strawberry.type(description="A part of a camera's picture, and what it is for.")
class Zone:
    id: strawberry.ID = strawberry.field(description="Names it, to change it and in events.")
    name: str = strawberry.field(description="What people call it.")
    purpose: ZonePurpose = strawberry.field(description="What it is for.")
    points: list[Point] = strawberry.field(
        description="Corners of the polygon in order, or both ends of the line."
    )
    features: list[Feature] = strawberry.field(
        description="What it is about; none is all that the camera looks for."
    )
    seconds: float = strawberry.field(description="How long to be inside before an event begins.")
    direction: Direction | None = strawberry.field(
        description="Which crossings count; null of a polygon."
    )
    min_width: float = strawberry.field(description="Least width of an object, 0..1.")
    min_height: float = strawberry.field(description="Least height of an object, 0..1.")
    cooldown_seconds: float = strawberry.field(
        description="For how long after an event it begins no other."
    )
    schedule: Schedule | None = strawberry.field(description="When it is in force; null is always.")

    @classmethod
    def of(cls, zone: ZoneValue) -> Zone:
        return cls(
            id=strawberry.ID(zone.id),
            name=zone.name,
            purpose=zone.purpose,
            points=[Point(x=each.x, y=each.y) for each in zone.points],
            features=[Feature(each) for each in zone.features],
            seconds=zone.seconds,
            direction=zone.direction if zone.purpose is ZonePurpose.CROSSING else None,
            min_width=zone.min_width,
            min_height=zone.min_height,
            cooldown_seconds=zone.cooldown_s,
            schedule=None if zone.schedule is None else Schedule.of(zone.schedule),
        )
