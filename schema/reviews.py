"""What people said of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from resolvers.verdicts import Verdict
from schema.fields import field
from schema.scalars import Instant

if TYPE_CHECKING:
    from models.event import Event as EventValue


@strawberry.type(description="What somebody said of an event; a later review takes its place.")
class Review:
    def __init__(self, event: EventValue, verdict: str) -> None:
        self._event, self._verdict = event, verdict
        self._said = event.review or {}

    @classmethod
    def of(cls, event: EventValue) -> Review | None:
        return None if event.verdict is None else cls(event, event.verdict)

    @field(description="What it was.")
    def verdict(self) -> Verdict:
        return Verdict(self._verdict)

    @field(description="What else there was to say; null where nothing was.")
    def note(self) -> str | None:
        note: str | None = self._said.get("note")
        return note

    @field(description="The subject of the token that said so.")
    def by(self) -> str:
        return str(self._said["by"])

    @field(description="When it was said.")
    def at(self) -> Instant:
        return Instant(self._said["at_us"])

    @field(description="Another with each review of this event: for `ReviewInput.replaces`.")
    def version(self) -> strawberry.ID:
        return strawberry.ID(str(self._event.review_seq))
