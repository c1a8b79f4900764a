"""Webhooks: what is told where, how that is going, and the mutations for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from media.types import ChangeKind
from resolvers import cursors, webhooks
from resolvers.context import Context
from resolvers.errors import Conflict, InvalidInput, NotFound
from resolvers.events import EventFilter as Wanted
from resolvers.verdicts import ReviewState
from resolvers.webhook_sending import Outcome
from resolvers.webhooks import WebhookDraft
from schema.errors import UserError, user_errors
from schema.events import EventFilter, wanted_events
from schema.fields import field
from schema.inputs import or_none
from schema.scalars import Instant, LogCursor

if TYPE_CHECKING:
    from models.webhook import Webhook as WebhookValue

_URL = "Where messages are posted to, https; at most 2,000 characters."
_SIGNING = "Signs its messages. Told when it is made, and never again; null at other times."
_KINDS = "Steps of these kinds alone; null or left out, all. Gaps are always told."
_RENEWED = "Makes another secret, good from the next message on."
_ROTATION = (
    "With `newSecret`: until then messages are signed with the secrets before it too, so that a "
    "receiver can take the new one at its leisure; at most 30 days. Null: those end at once."
)
_SKIP = "Leaves out what was not delivered until now."
_MISTAKES = "What to correct; when there is any, nothing was written."


@strawberry.type(description="The filter of a webhook; what is null does not filter.")
class WebhookFilter:
    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    @field(description="Of any of these cameras; null for all.")
    def camera_ids(self) -> list[strawberry.ID] | None:
        ids = self._wanted.camera_ids
        return None if ids is None else [strawberry.ID(each) for each in ids]

    @field(description="Of any of these types, by `Event.typeName`; null for all.")
    def type_names(self) -> list[str] | None:
        types = self._wanted.types
        return None if types is None else list(types)

    @field(description="Begun by a rule of any of these zones; null for all.")
    def zone_ids(self) -> list[strawberry.ID] | None:
        ids = self._wanted.zone_ids
        return None if ids is None else [strawberry.ID(each) for each in ids]

    @field(description="Reviewed like any of these, as it stands when it is told; null for all.")
    def review(self) -> list[ReviewState] | None:
        states = self._wanted.review
        return None if states is None else list(states)

    @field(description="With this number plate, as it is read when it is told; null for all.")
    def plate(self) -> str | None:
        return self._wanted.plate

    @field(description="Of this time or later; null for all.")
    def since(self) -> Instant | None:
        return None if self._wanted.since_us is None else Instant(self._wanted.since_us)

    @field(description="Before this time; null for all.")
    def until(self) -> Instant | None:
        return None if self._wanted.until_us is None else Instant(self._wanted.until_us)

    @field(description="At least this sure, 0..1; null for all.")
    def min_confidence(self) -> float | None:
        return self._wanted.min_confidence


@strawberry.type(description="A receiver that is told of events, one step after the other.")
class Webhook:
    def __init__(self, ctx: Context, webhook: WebhookValue) -> None:
        self._ctx, self._webhook = ctx, webhook

    @field(description="Its id.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self._webhook.id))

    @field(description="Where messages are posted to.", cost=50)
    def url(self) -> str:
        return webhooks.destination_of(self._ctx, self._webhook).url

    @field(description="Which events it is told of.")
    def filter(self) -> WebhookFilter:
        return WebhookFilter(webhooks.wanted_of(self._webhook))

    @field(description="Steps of these kinds alone; null for all.", size=3)
    def kinds(self) -> list[ChangeKind] | None:
        kinds = self._webhook.kinds
        return None if kinds is None else [ChangeKind(each) for each in kinds]

    @field(description="Whether it is told; while it is not, its place stays.")
    def enabled(self) -> bool:
        return self._webhook.enabled

    @field(description="Up to here all was delivered, or is not wanted; noted now and then.")
    def cursor(self) -> LogCursor:
        return LogCursor(cursors.encode_log(self._webhook.tenant_id, self._webhook.place))

    @field(description="When it took a message last; null while it took none.")
    def delivered_at(self) -> Instant | None:
        at_us = self._webhook.delivered_us
        return None if at_us is None else Instant(at_us)

    @field(description="Since when a message is tried again and again; null while none is.")
    def failing_since(self) -> Instant | None:
        since_us = self._webhook.failing_since_us
        return None if since_us is None else Instant(since_us)

    @field(description="What came of the last try; null while none failed.")
    def last_error(self) -> str | None:
        return self._webhook.last_error

    @field(description="Why it was switched off by itself: it answered 410. Null unless so.")
    def ended_because(self) -> str | None:
        return self._webhook.ended_because

    @field(description="Until when secrets before the last one sign too; null when none does.")
    def old_secrets_until(self) -> Instant | None:
        until_us = webhooks.old_secrets_until(self._ctx, self._webhook)
        return None if until_us is None else Instant(until_us)

    @field(description="When it was made.")
    def created_at(self) -> Instant:
        return Instant(self._webhook.created_us)


@strawberry.input(description="A webhook to be.")
class WebhookInput:
    url: str = strawberry.field(description=_URL)
    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The webhook to change, all of it; without it a new one.",
    )
    filter: EventFilter | None = strawberry.field(
        default=strawberry.UNSET, description="Which events it is told of; all without it."
    )
    kinds: list[ChangeKind] | None = strawberry.field(default=strawberry.UNSET, description=_KINDS)
    enabled: bool = strawberry.field(default=True, description="Whether it is told.")
    new_secret: bool = strawberry.field(default=False, description=_RENEWED)
    old_secrets_until: Instant | None = strawberry.field(
        default=strawberry.UNSET, description=_ROTATION
    )
    skip: bool = strawberry.field(default=False, description=_SKIP)

    def draft(self) -> WebhookDraft:
        return WebhookDraft(
            url=self.url,
            wanted=wanted_events(or_none(self.filter)),
            kinds=or_none(self.kinds),
            enabled=self.enabled,
            new_secret=self.new_secret,
            old_secrets_until_us=or_none(self.old_secrets_until),
            skip=self.skip,
        )


@strawberry.type(description="A webhook as written.")
class WebhookPayload:
    webhook: Webhook | None = strawberry.field(description="As it is now; null when refused.")
    secret: str | None = strawberry.field(description=_SIGNING)
    user_errors: list[UserError] = strawberry.field(description=_MISTAKES)


@strawberry.type(description="A webhook that is no more.")
class WebhookDeletePayload:
    deleted_id: strawberry.ID | None = strawberry.field(description="Null when refused.")
    user_errors: list[UserError] = strawberry.field(description=_MISTAKES)


@strawberry.type(description="What came of a message that was sent to try a webhook.")
class WebhookTestPayload:
    outcome: Outcome | None = strawberry.field(description="Null when nothing was sent.")
    message: str | None = strawberry.field(
        description="The same in plain words; null when nothing was sent."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was sent.")


async def listed(ctx: Context) -> list[Webhook]:
    return [Webhook(ctx, each) for each in await webhooks.webhooks(ctx)]


async def save(ctx: Context, given: WebhookInput) -> WebhookPayload:
    try:
        saved = await webhooks.webhook_save(ctx, given.draft(), or_none(given.id))
    except (InvalidInput, NotFound, Conflict) as error:
        return WebhookPayload(webhook=None, secret=None, user_errors=user_errors(error))
    shown = Webhook(ctx, saved.webhook)
    return WebhookPayload(webhook=shown, secret=saved.secret, user_errors=[])


async def delete(ctx: Context, webhook_id: str) -> WebhookDeletePayload:
    try:
        await webhooks.webhook_delete(ctx, webhook_id)
    except NotFound as error:
        return WebhookDeletePayload(deleted_id=None, user_errors=user_errors(error))
    return WebhookDeletePayload(deleted_id=strawberry.ID(webhook_id), user_errors=[])


async def test(ctx: Context, webhook_id: str) -> WebhookTestPayload:
    try:
        attempt = await webhooks.webhook_test(ctx, webhook_id)
    except NotFound as error:
        return WebhookTestPayload(outcome=None, message=None, user_errors=user_errors(error))
    return WebhookTestPayload(outcome=attempt.outcome, message=attempt.text, user_errors=[])
