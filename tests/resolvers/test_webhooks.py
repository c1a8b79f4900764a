"""Webhooks of a tenant: made, changed, deleted, listed and tried."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import msgspec
import pytest

from media.types import ChangeKind
from models.base import select
from models.bulk import run
from models.webhook import Webhook, WebhookTable
from resolvers.access import Actor, Scope
from resolvers.context import Context, World
from resolvers.errors import Conflict, InvalidInput, NotFound, ScopeMissing, Unavailable
from resolvers.events import EventFilter
from resolvers.verdicts import ReviewState
from resolvers.webhook_sending import Attempt, Destination, Message, Outcome
from resolvers.webhooks import (
    MAX_URL_CHARACTERS,
    MAX_WEBHOOKS,
    WebhookDraft,
    destination_of,
    old_secrets_until,
    wanted_of,
    webhook_delete,
    webhook_save,
    webhook_test,
    webhooks,
)
from tests.resolvers.keeping import DAY, NOON, at
from tests.world import add_camera, add_events, beginning, context

URL = "https://receiver.example/hook?key=1"
DRAFT = WebhookDraft(URL)


@dataclass(slots=True)
class Noting:
    """Sends nowhere, and notes what was to be sent."""

    sent: list[tuple[Destination, Message]] = field(default_factory=list)

    def fault(self, url: str) -> str | None:
        return None if url.startswith("https://") else "want https"

    async def send(self, to: Destination, message: Message) -> Attempt:
        self.sent.append((to, message))
        return Attempt(Outcome.DELIVERED, "it answered 200")


@pytest.fixture
def sender() -> Noting:
    return Noting()


@pytest.fixture
def admin(world: World, sender: Noting) -> Context:
    return context(replace(world, webhooks=sender))


async def rows() -> list[Webhook]:
    found = await select(WebhookTable.within("default"), Webhook)
    return found + await select(WebhookTable.within("acme"), Webhook)


async def test_a_new_webhook_begins_at_the_end_of_the_log(admin: Context) -> None:
    camera = await add_camera(admin.world)
    await add_events(admin.world, camera, [beginning(camera.key, NOON)])
    saved = await webhook_save(admin, DRAFT)
    webhook = saved.webhook
    assert await webhooks(admin) == [webhook]
    assert (webhook.place, webhook.enabled, webhook.kinds, webhook.version) == (1, True, None, 1)
    assert (webhook.delivered_us, webhook.failing_since_us, webhook.last_error) == (None,) * 3
    assert wanted_of(webhook) == EventFilter()


async def test_the_secret_is_told_once_and_kept_sealed(admin: Context) -> None:
    saved = await webhook_save(admin, DRAFT)
    assert saved.secret is not None
    assert len(base64.b64decode(saved.secret.removeprefix("whsec_"))) == 32
    shown = destination_of(admin, saved.webhook)
    assert (shown.url, shown.secrets) == (URL, [saved.secret])
    text = repr(await run("SELECT * FROM webhook"))
    assert saved.secret[6:] not in text
    assert "receiver.example" not in text
    again = await webhook_save(admin, DRAFT, str(saved.webhook.id))
    assert again.secret is None
    assert destination_of(admin, again.webhook).secrets == [saved.secret]


async def test_another_secret_replaces_the_first(admin: Context) -> None:
    first = await webhook_save(admin, DRAFT)
    renewed = msgspec.structs.replace(DRAFT, new_secret=True)
    second = await webhook_save(admin, renewed, str(first.webhook.id))
    assert second.secret not in {None, first.secret}
    assert destination_of(admin, second.webhook).secrets == [second.secret]


async def test_the_secrets_before_sign_too_for_a_while(admin: Context) -> None:
    then = Context(admin.actor, at(admin.world, NOON))
    first = await webhook_save(then, DRAFT)
    told = [first.secret]
    for _ in range(5):
        renewed = msgspec.structs.replace(DRAFT, new_secret=True, old_secrets_until_us=NOON + DAY)
        saved = await webhook_save(then, renewed, str(first.webhook.id))
        told.insert(0, saved.secret)
        assert list(destination_of(then, saved.webhook).secrets) == told[:4]
        assert old_secrets_until(then, saved.webhook) == NOON + DAY
    kept = (await webhook_save(then, DRAFT, str(first.webhook.id))).webhook
    assert list(destination_of(then, kept).secrets) == told[:4], "another change leaves them"
    later = Context(admin.actor, at(admin.world, NOON + DAY))
    assert list(destination_of(later, kept).secrets) == told[:1]
    assert old_secrets_until(later, kept) is None
    ended = msgspec.structs.replace(DRAFT, new_secret=True)
    alone = await webhook_save(then, ended, str(first.webhook.id))
    assert list(destination_of(then, alone.webhook).secrets) == [alone.secret]
    assert alone.webhook.old_secrets_sealed is None


@pytest.mark.parametrize("days", [-1, 0, 31])
async def test_old_secrets_sign_for_a_month_at_most(admin: Context, days: int) -> None:
    then = Context(admin.actor, at(admin.world, NOON))
    made = await webhook_save(then, DRAFT)
    wrong = msgspec.structs.replace(DRAFT, new_secret=True, old_secrets_until_us=NOON + days * DAY)
    with pytest.raises(InvalidInput) as caught:
        await webhook_save(then, wrong, str(made.webhook.id))
    assert [each.field for each in caught.value.fields] == ["old_secrets_until"]
    assert await rows() == [made.webhook]


async def test_a_change_is_all_of_it_but_its_place(admin: Context) -> None:
    first = (await webhook_save(admin, DRAFT)).webhook
    await WebhookTable.within("default").update(
        delivered_us=5, failing_since_us=6, last_error="it answered 500"
    )
    camera = await add_camera(admin.world)
    await add_events(admin.world, camera, [beginning(camera.key, NOON)])
    wanted = EventFilter(
        camera_ids=["cam-front-01"],
        types=["person"],
        since_us=NOON,
        min_confidence=0.5,
        zone_ids=["0" * 32],
        review=[ReviewState.FALSE_ALARM],
    )
    draft = WebhookDraft("https://other.example/", wanted, [ChangeKind.BEGAN], enabled=False)
    second = (await webhook_save(admin, draft, str(first.id))).webhook
    assert [second] == await webhooks(admin)
    assert wanted_of(second) == wanted
    assert (second.id, second.place, second.version) == (first.id, 0, 2)
    assert (second.kinds, second.enabled) == (["began"], False)
    assert (second.delivered_us, second.failing_since_us, second.last_error) == (5, None, None)
    assert destination_of(admin, second).url == "https://other.example/"
    skipped = msgspec.structs.replace(draft, skip=True)
    assert (await webhook_save(admin, skipped, str(first.id))).webhook.place == 1


@pytest.mark.parametrize(
    ("draft", "name"),
    [
        (WebhookDraft("http://receiver.example/"), "url"),
        (WebhookDraft("https://" + "x" * MAX_URL_CHARACTERS), "url"),
        (WebhookDraft(URL, kinds=[]), "kinds"),
        (WebhookDraft(URL, EventFilter(types=["No Type"])), "filter"),
        (WebhookDraft(URL, EventFilter(zone_ids=["x"])), "filter"),
        (WebhookDraft(URL, EventFilter(camera_ids=["x" * 100])), "filter"),
    ],
    ids=["http", "long", "no kinds", "type", "zone", "camera"],
)
async def test_mistakes_are_named_and_change_nothing(
    admin: Context, draft: WebhookDraft, name: str
) -> None:
    known = (await webhook_save(admin, DRAFT)).webhook
    for webhook_id in (None, str(known.id)):
        with pytest.raises(InvalidInput) as refused:
            await webhook_save(admin, draft, webhook_id)
        assert [each.field for each in refused.value.fields] == [name]
    assert await rows() == [known]


async def test_there_are_so_many_at_most(admin: Context) -> None:
    made = [(await webhook_save(admin, DRAFT)).webhook for _ in range(MAX_WEBHOOKS)]
    with pytest.raises(Conflict):
        await webhook_save(admin, DRAFT)
    assert len(await rows()) == MAX_WEBHOOKS
    await webhook_save(admin, DRAFT, str(made[-1].id))
    await webhook_save(Context(Actor("acme", admin.actor.scopes), admin.world), DRAFT)


async def test_a_deleted_webhook_is_gone(admin: Context) -> None:
    first, second = [(await webhook_save(admin, DRAFT)).webhook for _ in range(2)]
    await webhook_delete(admin, str(first.id))
    assert await webhooks(admin) == [second]
    with pytest.raises(NotFound):
        await webhook_delete(admin, str(first.id))


async def test_a_test_is_sent_once_with_an_id_of_its_own(admin: Context, sender: Noting) -> None:
    saved = await webhook_save(admin, DRAFT)
    for _ in range(2):
        attempt = await webhook_test(admin, str(saved.webhook.id))
        assert attempt.outcome is Outcome.DELIVERED
    (to, first), (_, second) = sender.sent
    assert (to.url, to.secrets) == (URL, [saved.secret])
    assert first.id != second.id
    told = msgspec.json.decode(first.body)
    assert (told["type"], told["data"]) == ("webhook.test", {"webhookId": str(saved.webhook.id)})
    assert await rows() == [saved.webhook]


async def test_who_may_not_changes_nothing(admin: Context, sender: Noting) -> None:
    known = (await webhook_save(admin, DRAFT)).webhook
    world, some = admin.world, frozenset(Scope) - {Scope.TENANT_ADMIN}
    admins = frozenset({Scope.TENANT_ADMIN})
    for ctx, refusal in (
        (Context(Actor("default", some), world), ScopeMissing),
        (Context(Actor("acme", admins), world), NotFound),
        (Context(Actor("default", admins, frozenset({"cam-front-01"})), world), NotFound),
    ):
        with pytest.raises((refusal, ScopeMissing)):
            await webhook_save(ctx, DRAFT, str(known.id))
        with pytest.raises(refusal):
            await webhook_delete(ctx, str(known.id))
        with pytest.raises(refusal):
            await webhook_test(ctx, str(known.id))
    with pytest.raises(ScopeMissing):
        await webhook_save(Context(Actor("default", admins, frozenset({"c"})), world), DRAFT)
    for absent in (str(uuid4()), "", "x", "\0", str(UUID(int=0)) * 9):
        with pytest.raises(NotFound):
            await webhook_save(admin, DRAFT, absent)
        with pytest.raises(NotFound):
            await webhook_delete(admin, absent)
    assert (await rows(), sender.sent) == ([known], [])
    assert await webhooks(Context(Actor("acme", admins), world)) == []


async def test_a_process_that_sends_nothing_makes_none(world: World) -> None:
    with pytest.raises(Unavailable):
        await webhook_save(context(world), DRAFT)
    assert await rows() == []
