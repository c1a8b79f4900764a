"""What field resolvers are given: the use cases' context and this operation's loaders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from resolvers.context import Context
from resolvers.events import EventPage, PageOf
from resolvers.playback import EventPlayback, IntervalPlayback
from resolvers.recordings import Covered, DayOf, RangeOf, RecordedHour

if TYPE_CHECKING:
    from models.event import Event
    from schema.cameras import Camera


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One operation: who asks and in which world, and what is looked up in batches.

    A loader asks once for all that the fields of one level want, and keeps nothing, as a
    subscription lives for long. `cameras` finds cameras by key, None for those that are gone; the
    others answer like the use cases of their names, each question with its own refusal.
    """

    ctx: Context
    cameras: DataLoader[UUID, Camera | None]
    camera_events: DataLoader[PageOf, EventPage]
    coverages: DataLoader[RangeOf, list[Covered]]
    hours: DataLoader[DayOf, list[RecordedHour]]
    playbacks: DataLoader[RangeOf, IntervalPlayback]
    event_playbacks: DataLoader[Event, EventPlayback]


Info = strawberry.Info[RequestContext, None]
