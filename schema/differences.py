"""What a comparison has found: the events that are not the same in both logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from resolvers.access import Scope
from resolvers.differences import DifferencePage, difference_cursor, frame_of
from schema.comparison_enums import DifferenceKind
from schema.context import Info
from schema.enums import EventType
from schema.events import EventPlayback, played
from schema.fields import field
from schema.paging import PageInfo, page_info
from schema.scalars import Instant

if TYPE_CHECKING:
    from models.comparison import Comparison as ComparisonValue
    from models.comparison import Difference as DifferenceValue

Kinds = Annotated[
    list[DifferenceKind] | None,
    strawberry.argument(description="Of any of these kinds; all without it."),
]


@strawberry.type(description="Where in a frame an object is, in 0..1 of it, origin top left.")
class ComparedBox:
    x: float = strawberry.field(description="Left edge, 0..1 of the frame's width.")
    y: float = strawberry.field(description="Top edge, 0..1 of the frame's height.")
    w: float = strawberry.field(description="Width, 0..1 of the frame's.")
    h: float = strawberry.field(description="Height, 0..1 of the frame's.")


@strawberry.type(description="An event as one of the two logs has it.")
class ComparedEvent:
    def __init__(self, of: ComparisonValue, told: dict[str, Any]) -> None:
        self._of, self._told = of, told

    @field(
        description=(
            "Of a stored event its id, which `event` takes; else a number of this comparison alone."
        )
    )
    def id(self) -> strawberry.ID:
        return strawberry.ID(self._told["id"])

    @field(description="When the frame that begins it was captured.")
    def ts(self) -> Instant:
        return Instant(self._told["at_us"])

    @field(description="How sure the model is, 0..1.")
    def confidence(self) -> float:
        return float(self._told["score"])

    @field(description="Where its object is.")
    def box(self) -> ComparedBox:
        return ComparedBox(**self._told["box"])

    @field(description="Ids of the zones whose rules begin it; none where it needs none.", size=2)
    def zone_ids(self) -> list[strawberry.ID]:
        return [strawberry.ID(each) for each in self._told["zones"]]

    @field(
        description="Where to play it; null when its frame is not recorded (any more).",
        scope=Scope.PLAYBACK_READ,
        cost=400,
    )
    async def playback(self, info: Info) -> EventPlayback | None:
        return await played(info, frame_of(self._of, self._told))


@strawberry.type(description="An event that is not the same in both logs.")
class Difference:
    def __init__(self, of: ComparisonValue, value: DifferenceValue) -> None:
        self._of, self._value = of, value

    @field(description="What became of it.")
    def kind(self) -> DifferenceKind:
        return DifferenceKind(self._value.kind)

    @field(description="What was seen.")
    def type(self) -> EventType:
        return EventType.of(self._value.type)

    @field(description="As it was told, or as `against` tells it; null of a new one.")
    def before(self) -> ComparedEvent | None:
        told = self._value.before
        return None if told is None else ComparedEvent(self._of, told)

    @field(description="As `model` tells it; null of a lost one.")
    def after(self) -> ComparedEvent | None:
        told = self._value.after
        return None if told is None else ComparedEvent(self._of, told)

    @field(
        description=(
            "How far the object's places in both agree, as the mean intersection over union of its "
            "boxes, 0..1; null unless it changed."
        )
    )
    def overlap(self) -> float | None:
        return self._value.overlap


@strawberry.type(description="A difference in a page.")
class DifferenceEdge:
    node: Difference = strawberry.field(description="The difference.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of differences, by time.")
class DifferenceConnection:
    edges: list[DifferenceEdge] = strawberry.field(description="The differences with their places.")
    nodes: list[Difference] = strawberry.field(description="The differences alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @classmethod
    def of(
        cls, value: ComparisonValue, page: DifferencePage, after: str | None
    ) -> DifferenceConnection:
        nodes = [Difference(value, each) for each in page.differences]
        cursors = [difference_cursor(each) for each in page.differences]
        return cls(
            edges=[DifferenceEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
            nodes=nodes,
            page_info=page_info(cursors, page.has_next, after),
        )
