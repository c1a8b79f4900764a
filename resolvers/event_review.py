"""What people say of events: seen, or a false alarm, with a note.

A review is a step of the tenant's log with a number of its own, so that neither the beginning nor
the end of an event is overtaken by it.
"""

from __future__ import annotations

import unicodedata

import msgspec
from msgspec import UNSET, UnsetType
from tortoise.transactions import in_transaction

from models.base import select
from models.event import Event, EventTable
from models.tenant import take_numbers
from resolvers.access import UNNAMED, Scope
from resolvers.bus import events_of
from resolvers.context import Context
from resolvers.errors import Conflict, FieldError, InvalidInput, NotFound
from resolvers.event_rows import of_ids
from resolvers.events import event_for
from resolvers.verdicts import Verdict

MAX_NOTE_CHARACTERS = 1000


class ReviewWish(msgspec.Struct, frozen=True):
    """`replaces` is the `review_seq` that the reviewer saw, None for none as yet.

    UNSET, the last one wins, whatever was there.
    """

    verdict: Verdict
    note: str | None = None
    replaces: int | UnsetType | None = UNSET


async def event_review(ctx: Context, event_id: str, wish: ReviewWish) -> Event:
    """Writes a review in place of an earlier one; the same of the same reviewer writes nothing.

    Returns:
        The event as it is now.

    Raises:
        ScopeMissing: without `events:write`.
        NotFound: no such event in this tenant.
        InvalidInput: the note is too long, or has control characters.
        Conflict: meanwhile another review stands where `replaces` says.
    """
    seen = await event_for(ctx, event_id, Scope.EVENTS_WRITE)
    note = _checked_note(wish.note)
    by = ctx.actor.subject or UNNAMED
    tenant_id, now_us = seen.tenant_id, ctx.world.clock.now_us()
    async with in_transaction():
        await take_numbers(tenant_id, "event_seq", 0)  # locks the log: one reviewer at a time
        before = await _now(seen)
        said = before.review or {}
        if (before.verdict, said.get("note"), said.get("by")) == (wish.verdict.value, note, by):
            return before
        if wish.replaces is not UNSET and wish.replaces != before.review_seq:
            raise Conflict("replaces", "another review was written meanwhile")
        number = await take_numbers(tenant_id, "event_seq", 1)
        rows = EventTable.within(tenant_id).filter(id=seen.id, at_us=seen.at_us)
        review = {"note": note, "by": by, "at_us": now_us}
        await rows.update(verdict=wish.verdict.value, review=review, review_seq=number)
        after = await _now(seen)
    await ctx.world.bus.ring(events_of(tenant_id))
    return after


async def _now(seen: Event) -> Event:
    """In the transaction that holds the log; raises NotFound when retention was quicker."""
    found = await select(of_ids(EventTable.within(seen.tenant_id), [seen.id]), Event)
    if not found:
        raise NotFound(f"there is no event {seen.id!r}")
    return found[0]


def _checked_note(note: str | None) -> str | None:
    """Without blanks around it; None where nothing is left."""
    text = (note or "").strip()
    wrong = len(text) > MAX_NOTE_CHARACTERS
    if wrong or any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        message = f"want at most {MAX_NOTE_CHARACTERS} characters, and no control characters"
        raise InvalidInput(FieldError("note", message))
    return text or None
