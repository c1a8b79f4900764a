"""Webhooks as they are delivered: to real receivers, over what may happen to either side."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.metrics import registry
from app.webhook_sender import HttpSender
from app.webhooks import Deliveries
from media.clock import SystemClock
from media.types import ChangeKind
from models.event import EventTable
from models.event_days import drop_event_days, make_event_days
from models.tenant import last_number
from models.webhook import every_webhook
from resolvers import webhook_delivery
from resolvers.access import Actor, Scope
from resolvers.context import Context
from resolvers.event_review import ReviewWish, event_review
from resolvers.events import EventFilter
from resolvers.vault import Vault
from resolvers.verdicts import ReviewState, Verdict
from resolvers.webhook_delivery import Pace
from resolvers.webhook_sending import Outcome
from resolvers.webhooks import WebhookDraft, webhook_save
from tests.app.webhook_site import SOON, Site, another_failure, delivering, names, told
from tests.app.webhook_site import site as site
from tests.receiver import Answer, Received, ok, receiving
from tests.resolvers.keeping import DAY, NOON
from tests.world import add_camera, add_events, beginning


async def test_each_event_is_told_once_in_order_and_signed(site: Site) -> None:
    saved = await site.save()
    await site.begin(*names(10))
    async with delivering(site):
        await site.receiver.take(10)
        await site.begin(*names(10, 10))
        received = await site.receiver.take(20)
        webhook = await site.until(lambda each: each.place == 20)
    assert [one.event_id for one in received] == names(20)
    assert len({one.id for one in received}) == 20
    for one in received:
        one.verify(saved.secret or "")
    assert webhook.delivered_us is not None


async def test_changes_and_ends_are_told_unless_beginnings_are_enough(site: Site) -> None:
    await site.save()
    await site.save(kinds=[ChangeKind.BEGAN], url=f"{site.receiver.url}&only=began")
    begun = beginning(site.camera.key, NOON, event_id="evt-1")
    async with delivering(site):
        await add_events(site.world, site.camera, [begun])
        await site.receiver.take(2)
        ended = replace(begun, kind=ChangeKind.ENDED, ended_at_us=NOON)
        await add_events(site.world, site.camera, [ended])
        await event_review(site.admin, "evt-1", ReviewWish(Verdict.FALSE_ALARM))
        await site.begin("evt-2")
        received = await site.receiver.take(6)
    kinds = [(one.words["type"], one.event_id) for one in received if "only" not in one.path]
    assert kinds == [
        ("event.began", "evt-1"),
        ("event.ended", "evt-1"),
        ("event.changed", "evt-1"),
        ("event.began", "evt-2"),
    ]
    only = [(one.words["type"], one.event_id) for one in received if "only" in one.path]
    assert only == [("event.began", "evt-1"), ("event.began", "evt-2")]


async def test_what_the_filter_leaves_out_is_passed_over(site: Site) -> None:
    await site.save(wanted=EventFilter(review=[ReviewState.FALSE_ALARM]))
    async with delivering(site):
        await site.begin(*names(3))
        await event_review(site.admin, "evt-001", ReviewWish(Verdict.FALSE_ALARM))
        await site.until(lambda each: each.place == 4)
    assert {one.event_id for one in site.receiver.received} == {"evt-001"}
    assert site.receiver.received[-1].words["type"] == "event.changed"


async def test_a_place_is_noted_now_and_then_where_nothing_is_wanted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_delivery, "NOTE_PLACES", 5)
    monkeypatch.setattr(webhook_delivery, "NOTE_SECONDS", 3600)
    await site.save(wanted=EventFilter(types=["vehicle"]))
    async with delivering(site):
        await site.begin(*names(12))
        webhook = await site.until(lambda each: each.place >= 5)
    assert (webhook.delivered_us, site.receiver.received) == (None, [])


async def test_a_receiver_that_was_down_is_told_all_in_order(site: Site) -> None:
    await site.save()
    async with delivering(site) as deliveries:
        await site.begin(*names(3))
        await site.receiver.take(3)
        await site.receiver.stop()
        await site.begin(*names(20, 3))
        failing = await site.until(lambda each: each.failing_since_us is not None)
        assert failing.last_error in {"it can't be connected to", "the connection broke"}
        assert deliveries.failing() == 1
        await asyncio.sleep(0.1)
        assert deliveries.lag_seconds() >= 0.1
        await site.receiver.start()
        await site.receiver.take(23)
        well = await site.until(lambda each: each.place == 23)
        assert (deliveries.lag_seconds(), deliveries.failing()) == (0, 0)
    assert told(site.receiver.received) == names(23)
    assert (well.failing_since_us, well.last_error) == (None, None)


async def test_a_receiver_that_refuses_at_times_is_told_all_in_order(site: Site) -> None:
    count = 0

    def moody(_: Received) -> Answer:
        nonlocal count
        count += 1
        return (200, {}) if count % 3 == 0 else (500 + count % 4, {})

    site.receiver.answer = moody
    await site.save()
    async with delivering(site):
        await site.begin(*names(12))
        await site.until(lambda each: each.place == 12)
    assert told(site.receiver.received) == names(12)
    assert len(site.receiver.received) == 36


async def test_a_busy_receiver_is_left_alone_for_as_long_as_it_asks(site: Site) -> None:
    answers = iter([(503, {"Retry-After": "2"})])
    site.receiver.answer = lambda _: next(answers, (200, {}))
    times: list[float] = []
    await site.save()
    async with delivering(site):
        await site.begin("evt-1")
        for count in (1, 2):
            await site.receiver.take(count)
            times.append(asyncio.get_running_loop().time())
    assert times[1] - times[0] > 1.5, "its pace alone is 0.02 s"


async def test_a_receiver_that_is_gone_switches_its_webhook_off_and_that_is_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.receiver.answer = lambda _: (410, {})
    saved = await site.save()
    async with delivering(site) as deliveries:
        await site.begin(*names(3))
        ended = await site.until(lambda each: not each.enabled)
        while deliveries.failing():
            await asyncio.sleep(0.02)
        assert ended.ended_because == ended.last_error == "it answered 410: it wants no more"
        assert (ended.place, ended.version) == (0, 2)
        assert ended.failing_since_us is not None
        assert len(site.receiver.received) == 1
        site.receiver.answer = ok
        again = await site.save(saved.webhook)
        assert (again.webhook.enabled, again.webhook.ended_because) == (True, None)
        await site.until(lambda each: each.place == 3)
    assert told(site.receiver.received) == names(3)
    assert f"webhook {saved.webhook.id} is switched off" in caplog.text
    assert site.receiver.url not in caplog.text


async def test_a_redirect_is_a_failure_that_is_told(site: Site) -> None:
    async with receiving() as inside:
        site.receiver.answer = lambda _: (302, {"Location": inside.url})
        await site.save()
        async with delivering(site):
            await site.begin("evt-1")
            failing = await site.until(lambda each: each.last_error is not None)
        assert failing.last_error == "it answered 302; redirects are not followed"
        assert (failing.place, inside.received) == (0, [])


async def test_killed_in_the_middle_others_go_on_and_repeat_only_the_same_ids(site: Site) -> None:
    """Five times, at any moment, as `kill -9` would: nothing is given back, leases just end."""
    await site.save()
    site.receiver.delay = 0.01
    await site.begin(*names(60))
    for number in range(5):
        deliveries = Deliveries(site.world, site.sender, SOON, 0.1)
        task = asyncio.create_task(deliveries.run())
        await site.receiver.take(8 * (number + 1))
        for telling in deliveries._telling.values():
            telling.task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await every_webhook().update(teller_id=deliveries.teller_id, expires_us=0)
    async with delivering(site):
        await site.until(lambda each: each.place == 60)
    assert told(site.receiver.received) == names(60)
    assert len(site.receiver.received) <= 65


async def test_two_processes_never_tell_at_once(site: Site) -> None:
    await site.save()
    await site.begin(*names(20))
    async with delivering(site), delivering(site), delivering(site):
        await site.begin(*names(20, 20))
        await site.until(lambda each: each.place == 40)
    assert [one.event_id for one in site.receiver.received] == names(40)


async def test_a_process_that_ends_hands_over_at_once(site: Site) -> None:
    await site.save()
    async with delivering(site):
        async with delivering(site):
            await site.begin(*names(5))
            await site.receiver.take(5)
        await site.begin(*names(5, 5))
        await site.until(lambda each: each.place == 10)
    assert told(site.receiver.received) == names(10)


async def test_a_slow_receiver_holds_up_nobody_else(site: Site) -> None:
    async with receiving() as slow:
        slow.delay = 5
        await site.save(url=slow.url)
        await site.save()
        async with delivering(site):
            await site.begin(*names(30))
            await site.receiver.take(30, seconds=4)
            assert len(slow.received) == 1


async def test_a_gap_is_told_as_such(site: Site) -> None:
    now_us = site.world.clock.now_us()
    saved = await site.save()
    await site.begin(*names(3), at_us=now_us - 20 * DAY)
    await EventTable.within("default").update(written_us=now_us - 20 * DAY)
    await make_event_days(now_us)
    await drop_event_days({"default": now_us - 10 * DAY}, now_us)
    assert await last_number("default", "event_floor") == 3
    await site.begin("evt-new", at_us=now_us)
    async with delivering(site):
        gap, event = await site.receiver.take(2)
    gap.verify(saved.secret or "")
    assert gap.words["data"]["reason"] == "RETENTION"
    assert (gap.words["type"], event.event_id) == ("event.gap", "evt-new")
    assert gap.id != event.id


async def test_what_retention_removes_while_a_receiver_is_down_is_a_gap(site: Site) -> None:
    now_us = site.world.clock.now_us()
    await site.receiver.stop()
    await site.save()
    async with delivering(site) as deliveries:
        await site.begin(*names(3), at_us=now_us - 20 * DAY)
        await site.until(lambda each: each.failing_since_us is not None)
        await EventTable.within("default").update(written_us=now_us - 20 * DAY)
        await make_event_days(now_us)
        await drop_event_days({"default": now_us - 10 * DAY}, now_us)
        await another_failure(deliveries)
        await site.begin("evt-new", at_us=now_us)
        await site.receiver.start()
        received = await site.receiver.take(2)
    assert [one.event_id for one in received] == ["event.gap", "evt-new"]


async def test_another_tenants_events_are_not_told(site: Site) -> None:
    foreign = Context(Actor("acme", frozenset({Scope.TENANT_ADMIN})), site.world)
    await webhook_save(foreign, WebhookDraft(f"{site.receiver.url}&of=acme"))
    await site.save()
    far = await add_camera(site.world, "cam-far", "acme")
    async with delivering(site):
        await site.begin("evt-own")
        await add_events(site.world, far, [beginning(far.key, NOON, event_id="evt-far")])
        await site.receiver.take(2)
        await asyncio.sleep(0.2)
    found = {one.event_id: one.path.partition("of=")[2] for one in site.receiver.received}
    assert found == {"evt-own": "", "evt-far": "acme"}
    assert len(site.receiver.received) == 2


async def test_each_try_is_counted_by_its_outcome(site: Site) -> None:
    def count(outcome: Outcome) -> float:
        labels = {"outcome": outcome.value}
        return registry.get_sample_value("vms_webhook_deliveries_total", labels) or 0.0

    before = count(Outcome.DELIVERED), count(Outcome.REFUSED)
    answers = iter([500, 503])
    site.receiver.answer = lambda _: (next(answers, 200), {})
    await site.save()
    async with delivering(site):
        await site.begin("evt-1", "evt-2")
        await site.until(lambda each: each.place == 2)
    assert (count(Outcome.DELIVERED), count(Outcome.REFUSED)) == (before[0] + 2, before[1] + 2)


async def test_a_secret_that_does_not_open_is_told_and_tried_again(site: Site) -> None:
    await site.save()
    await site.begin("evt-1")
    other = replace(site.world, vault=Vault([Fernet.generate_key().decode()]))
    async with delivering(replace(site, world=other)):
        failing = await site.until(lambda each: each.last_error is not None)
    assert "does not open" in (failing.last_error or "")
    async with delivering(site):
        await site.receiver.take(1)


async def test_what_nobody_foresaw_is_logged_and_begun_anew(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    class Stumbling(HttpSender):
        stumbled = False

        async def send(self, *words: Any) -> Any:
            if not self.stumbled:
                Stumbling.stumbled = True
                raise RuntimeError("a stumble")
            return await site.sender.send(*words)

    await site.save()
    await site.begin("evt-1")
    stumbling = Stumbling(site.sender.networks, SystemClock(), allow_http=True)
    with caplog.at_level(logging.ERROR, "app.webhooks"):
        async with delivering(replace(site, sender=stumbling)):
            await site.receiver.take(1)
    assert "a stumble" in caplog.text
    await stumbling.close()


def test_the_pace_doubles_up_to_its_most_and_is_cut_at_random() -> None:
    pace = Pace(1.0, 300.0)
    for failures, whole in (1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (10_000, 300):
        found = {pace.after(failures) for _ in range(50)}
        assert whole / 2 <= min(found) <= max(found) <= whole
        assert len(found) > 1
