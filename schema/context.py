"""What field resolvers are given: the use cases' context and this operation's loaders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from resolvers.catalogue import states_of
from resolvers.context import Context
from resolvers.differences import DifferencePage, DifferencesOf, differences_of_each
from resolvers.events import EventPage, PageOf, pages_of_cameras
from resolvers.feature_states import FeatureState
from resolvers.outcomes import Outcome
from resolvers.playback import (
    EventPlayback,
    IntervalPlayback,
    Placed,
    event_playbacks,
    playback_of_each,
)
from resolvers.recordings import (
    Covered,
    DayOf,
    RangeOf,
    RecordedHour,
    coverage_of_each,
    hours_of_each,
)
from resolvers.stored_detections import FramePage, FramesOf, frames_of_each

if TYPE_CHECKING:
    from schema.cameras import Camera

AskedT = TypeVar("AskedT")
FoundT = TypeVar("FoundT")
CamerasByKey = Callable[[Context, list[UUID]], Awaitable[list["Camera | None"]]]


class RequestContext:
    """One operation: who asks and in which world, and what is looked up in batches.

    A loader asks once for all that the fields of one level want, and keeps nothing, as a
    subscription lives for long. `cameras` finds cameras by key, None for those that are gone; the
    others answer like the use cases of their names, each question with its own refusal. Few
    operations need any: they are made when they are first asked for.
    """

    def __init__(self, ctx: Context, cameras_by_key: CamerasByKey) -> None:
        self.ctx, self._cameras_by_key = ctx, cameras_by_key

    @cached_property
    def cameras(self) -> DataLoader[UUID, Camera | None]:
        return DataLoader(partial(self._cameras_by_key, self.ctx), cache=False)

    @cached_property
    def feature_states(self) -> DataLoader[str, FeatureState]:
        return DataLoader(partial(states_of, self.ctx), cache=False)

    @cached_property
    def camera_events(self) -> DataLoader[PageOf, EventPage]:
        return self._loader(pages_of_cameras)

    @cached_property
    def coverages(self) -> DataLoader[RangeOf, list[Covered]]:
        return self._loader(coverage_of_each)

    @cached_property
    def hours(self) -> DataLoader[DayOf, list[RecordedHour]]:
        return self._loader(hours_of_each)

    @cached_property
    def frames(self) -> DataLoader[FramesOf, FramePage]:
        return self._loader(frames_of_each)

    @cached_property
    def playbacks(self) -> DataLoader[RangeOf, IntervalPlayback]:
        return self._loader(playback_of_each)

    @cached_property
    def differences(self) -> DataLoader[DifferencesOf, DifferencePage]:
        return self._loader(differences_of_each)

    @cached_property
    def event_playbacks(self) -> DataLoader[Placed, EventPlayback]:
        return self._loader(event_playbacks)

    def _loader(
        self, ask: Callable[[Context, Sequence[AskedT]], Awaitable[Sequence[Outcome[FoundT]]]]
    ) -> DataLoader[AskedT, FoundT]:
        return DataLoader(partial(ask, self.ctx), cache=False)


Info = strawberry.Info[RequestContext, None]
