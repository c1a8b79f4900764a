"""Counts of events: a histogram's bars, or the cells of a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from resolvers import event_counts
from resolvers.event_counts import MAX_BUCKETS, MAX_ROWS, EventDimension, TimeBucket
from schema.enums import EventType
from schema.events import EventFilter
from schema.scalars import Instant

COST = 20_000
"""With five values of each count about what the longest answer takes, 30 ms: one is asked for at a
time. The database reads every event of the range beside it, a million in about a second."""

CountedFilter = Annotated[
    EventFilter,
    strawberry.argument(
        description=(
            "Which events. `since` must be given; without `until` it is now. The range may have "
            f"{MAX_BUCKETS} buckets."
        )
    ),
]
Bucket = Annotated[TimeBucket, strawberry.argument(description="How long each count's time is.")]
By = Annotated[
    list[EventDimension],
    strawberry.argument(description="What is counted apart; without it all is counted together."),
]
ABOUT = (
    "How many events there were, in buckets of time. Buckets without events are left out; the rest "
    f"come earliest first, then by camera and type. More than {MAX_ROWS} counts are refused with "
    "TOO_MANY_ROWS."
)


@strawberry.type(description="How many events there were in a bucket of time.")
class EventCount:
    start: Instant = strawberry.field(description="Where the bucket begins, UTC.")
    count: int = strawberry.field(description="How many, at least 1.")
    camera_id: strawberry.ID | None = strawberry.field(
        description="Of the camera of this id; null unless `by` has CAMERA."
    )
    type: EventType | None = strawberry.field(
        description="Of this type; null unless `by` has TYPE."
    )
    type_name: str | None = strawberry.field(
        description="Of this type, as `Event.typeName` says it; null unless `by` has TYPE."
    )


def counts(found: Sequence[event_counts.EventCount]) -> list[EventCount]:
    return [
        EventCount(
            start=Instant(each.start_us),
            count=each.count,
            camera_id=None if each.camera_slug is None else strawberry.ID(each.camera_slug),
            type=None if each.type is None else EventType.of(each.type),
            type_name=each.type,
        )
        for each in found
    ]
