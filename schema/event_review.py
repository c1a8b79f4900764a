"""Reviews of events: the input, and what comes back, mistakes included."""

from __future__ import annotations

import strawberry
from msgspec import UNSET, UnsetType

from resolvers import event_review
from resolvers.access import Scope
from resolvers.context import Context
from resolvers.errors import Conflict, FieldError, InvalidInput, NotFound, VmsError
from resolvers.event_review import ReviewWish
from resolvers.verdicts import Verdict
from schema.enums import Otherwise
from schema.errors import UserError, user_errors
from schema.events import Event
from schema.fields import described, required
from schema.inputs import or_none

_REPLACES = (
    "`version` of the review that this one is to replace, null for none as yet: another one "
    "meanwhile is a CONFLICT, and nothing is written. Left out, the last one wins."
)
_EVENT = "As it is now; null when refused."


@strawberry.input(description="What is to be said of an event.")
class ReviewInput:
    verdict: Verdict = strawberry.field(description="What it was.")
    note: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="What else there is to say, at most 1,000 characters in one line.",
    )
    replaces: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description=_REPLACES
    )

    def wish(self) -> ReviewWish:
        """Raises InvalidInput where `replaces` is no version."""
        return ReviewWish(self.verdict, or_none(self.note), self._replaced())

    def _replaced(self) -> int | UnsetType | None:
        if self.replaces is None:
            return None
        if self.replaces is strawberry.UNSET:
            return UNSET
        text = self.replaces
        if not (text.isascii() and text.isdigit() and len(text) <= 19):
            raise InvalidInput(FieldError("replaces", "want the version of a review"))
        return int(text)


@strawberry.type(description="An event as it was reviewed.")
class EventReviewPayload:
    event: Event | None = strawberry.field(
        description=described(_EVENT, Scope.EVENTS_READ, Otherwise.NULL),
        directives=required(Scope.EVENTS_READ, Otherwise.NULL),
    )
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def review(ctx: Context, event_id: str, given: ReviewInput) -> EventReviewPayload:
    try:
        event = await event_review.event_review(ctx, event_id, given.wish())
    except (InvalidInput, Conflict, NotFound) as error:
        return _refused(error)
    shown = Event(event) if ctx.actor.may(Scope.EVENTS_READ) else None
    return EventReviewPayload(event=shown, user_errors=[])


def _refused(error: VmsError) -> EventReviewPayload:
    return EventReviewPayload(event=None, user_errors=user_errors(error))
