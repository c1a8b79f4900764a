"""Comparisons of models on recorded footage: what was asked for, how far it is, what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import comparisons
from resolvers.access import Interval, Scope
from resolvers.comparisons import ComparisonWish
from resolvers.context import Context
from resolvers.differences import DifferencesOf
from resolvers.errors import (
    ComparisonLimitReached,
    InvalidInput,
    NotFound,
    VmsError,
)
from schema.comparison_enums import ComparisonErrorCode, ComparisonState
from schema.context import Info
from schema.differences import DifferenceConnection, Kinds
from schema.errors import UserError, user_errors
from schema.fields import field
from schema.inputs import or_none
from schema.paging import After, First, PageInfo, checked_first, page_info
from schema.scalars import Instant

if TYPE_CHECKING:
    from models.comparison import Comparison as ComparisonValue
    from schema.cameras import Camera

ComparisonId = Annotated[strawberry.ID, strawberry.argument(description="The comparison's id.")]


@strawberry.type(description="Why nothing came of it.")
class ComparisonError:
    code: ComparisonErrorCode = strawberry.field(description="Which kind of reason.")
    message: str = strawberry.field(description="It in plain words.")


@strawberry.type(description="How much of the footage was looked at.")
class ComparisonProgress:
    done_seconds: float = strawberry.field(description="Seconds of footage.")
    expected_seconds: float = strawberry.field(
        description=(
            "Of so many: half a minute before the range too, and all of it twice where two models "
            "look; the range's length until a worker has begun."
        )
    )


@strawberry.type(description="How many events came of the comparison.")
class ComparisonCounts:
    same: int = strawberry.field(description="In both logs, and alike.")
    changed: int = strawberry.field(description="In both, but begun at another time or zone.")
    lost: int = strawberry.field(description="That `model` did not find.")
    new: int = strawberry.field(description="That it found alone.")


@strawberry.type(
    description=(
        "What a model would have told of recorded footage, held against the events that were told, "
        "or against another model. No event is written or changed."
    )
)
class Comparison:
    def __init__(self, value: ComparisonValue) -> None:
        self._value = value

    @field(description="Names it.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self._value.id))

    @field(description="Id of its camera, also after that was deleted.")
    def camera_id(self) -> strawberry.ID:
        return strawberry.ID(self._value.camera_slug)

    @field(description="Its camera; null once that was deleted.", scope=Scope.CAMERAS_READ, cost=30)
    async def camera(
        self, info: Info
    ) -> Annotated[Camera, strawberry.lazy("schema.cameras")] | None:
        return await info.context.cameras.load(self._value.camera_key)

    @field(name="from", description="Start of the range: events count that begin in it.")
    def from_(self) -> Instant:
        return Instant(self._value.from_us)

    @field(description="Its end, exclusive.")
    def to(self) -> Instant:
        return Instant(self._value.to_us)

    @field(description="Name of the model that is tried.")
    def model(self) -> str:
        return self._value.model

    @field(description="It as it was found, `name@date`; null before it is ready.")
    def model_version(self) -> str | None:
        return self._value.model_version

    @field(description="Score that begins an event in place of the model's own; null is its own.")
    def begin(self) -> float | None:
        return self._value.begin

    @field(description="Name of the model that it is held against; null for the stored events.")
    def against(self) -> str | None:
        return self._value.against

    @field(description="That one as it was found; null before it is ready, or where there is none.")
    def against_version(self) -> str | None:
        return self._value.against_version

    @field(description="How far it is.")
    def state(self) -> ComparisonState:
        return ComparisonState(self._value.state)

    @field(description="How much of it is done.")
    def progress(self) -> ComparisonProgress:
        return ComparisonProgress(
            done_seconds=self._value.done_us / 1_000_000,
            expected_seconds=self._value.expected_us / 1_000_000,
        )

    @field(description="What came of it; null unless it is ready.")
    def counts(self) -> ComparisonCounts | None:
        told = self._value
        if told.same is None or told.changed is None or told.lost is None or told.new is None:
            return None
        return ComparisonCounts(same=told.same, changed=told.changed, lost=told.lost, new=told.new)

    @field(
        description="What is not the same; empty unless it is ready.",
        scope=Scope.EVENTS_READ,
        cost=150,
    )
    async def differences(
        self,
        info: Info,
        kinds: Kinds = strawberry.UNSET,
        first: First = 50,
        after: After = strawberry.UNSET,
    ) -> DifferenceConnection:
        wanted, place = or_none(kinds), or_none(after)
        some = None if wanted is None else tuple(each.value for each in wanted)
        asked = DifferencesOf(self._value, some, checked_first(first), place)
        page = await info.context.differences.load(asked)
        return DifferenceConnection.of(self._value, page, place)

    @field(description="Why it failed; null unless it has.")
    def error(self) -> ComparisonError | None:
        code, text = self._value.fault_code, self._value.fault
        if code is None or text is None:
            return None
        return ComparisonError(code=ComparisonErrorCode(code), message=text)

    @field(description="When it was asked for.")
    def created_at(self) -> Instant:
        return Instant(self._value.created_us)

    @field(description="The subject of the token that asked for it.")
    def created_by(self) -> str:
        return self._value.created_by

    @field(description="When it is forgotten, with all that was found.")
    def expires_at(self) -> Instant:
        return Instant(self._value.expires_us)

    @field(description="When it was deleted; null before.")
    def deleted_at(self) -> Instant | None:
        deleted_us = self._value.deleted_us
        return None if deleted_us is None else Instant(deleted_us)

    @field(description="The subject of the token that deleted it; null before.")
    def deleted_by(self) -> str | None:
        return self._value.deleted_by


def shown(_: Context, value: ComparisonValue) -> Comparison:
    return Comparison(value)


@strawberry.type(description="A comparison in a page.")
class ComparisonEdge:
    node: Comparison = strawberry.field(description="The comparison.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of comparisons, the latest first.")
class ComparisonConnection:
    edges: list[ComparisonEdge] = strawberry.field(description="The comparisons with their places.")
    nodes: list[Comparison] = strawberry.field(description="The comparisons alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @classmethod
    def of(cls, page: comparisons.ComparisonPage, after: str | None) -> ComparisonConnection:
        nodes = [Comparison(each) for each in page.comparisons]
        cursors = [comparisons.comparison_cursor(each) for each in page.comparisons]
        return cls(
            edges=[ComparisonEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
            nodes=nodes,
            page_info=page_info(cursors, page.has_next, after),
        )


@strawberry.input(description="What to look at again, and with what.")
class ComparisonCreateInput:
    camera_id: strawberry.ID = strawberry.field(
        description="Of which camera, as it is set up when a worker begins."
    )
    from_: Instant = strawberry.field(name="from", description="Start of the range, inclusive.")
    to: Instant = strawberry.field(
        description="Its end, exclusive; at most six hours later, and not in the future."
    )
    model: str = strawberry.field(
        description="Name of the model to try: a detector that `models` says is installed."
    )
    against: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Another one to hold it against; without it the stored events.",
    )
    begin: float | None = strawberry.field(
        default=strawberry.UNSET,
        description="Score that begins an event, 0..1, in place of that of `model`.",
    )


WantedComparison = Annotated[
    ComparisonCreateInput, strawberry.argument(description="What to compare.")
]


@strawberry.type(description="A comparison as written.")
class ComparisonPayload:
    comparison: Comparison | None = strawberry.field(description="As it is now; null when refused.")
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def create(ctx: Context, given: ComparisonCreateInput) -> ComparisonPayload:
    wish = ComparisonWish(
        camera_id=given.camera_id,
        wanted=Interval(given.from_, given.to),
        model=given.model,
        against=or_none(given.against),
        begin=or_none(given.begin),
    )
    try:
        return _written(await comparisons.comparison_create(ctx, wish))
    except (InvalidInput, NotFound, ComparisonLimitReached) as error:
        return _refused(error)


async def delete(ctx: Context, comparison_id: str) -> ComparisonPayload:
    try:
        return _written(await comparisons.comparison_delete(ctx, comparison_id))
    except NotFound as error:
        return _refused(error)


def _written(value: ComparisonValue) -> ComparisonPayload:
    return ComparisonPayload(comparison=Comparison(value), user_errors=[])


def _refused(error: VmsError) -> ComparisonPayload:
    return ComparisonPayload(comparison=None, user_errors=user_errors(error))
