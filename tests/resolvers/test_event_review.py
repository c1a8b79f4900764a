"""Reviews: what people say of events, and how the log tells it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from media.types import ChangeKind, EventChange
from models.event import Event, EventTable
from models.event_days import drop_event_days, make_event_days
from models.tenant import last_number
from resolvers import event_review as reviewing
from resolvers import events, ingest
from resolvers.access import UNNAMED, Actor, Scope
from resolvers.context import Context, World
from resolvers.errors import Conflict, InvalidInput, NotFound, ScopeMissing
from resolvers.event_counts import TimeBucket, event_counts
from resolvers.event_review import MAX_NOTE_CHARACTERS, ReviewWish, event_review
from resolvers.outside_events import OutsideEvent, event_create
from resolvers.verdicts import ReviewState, Verdict
from resolvers.watch import EventItem, place_now, watch
from tests.resolvers.keeping import DAY, NOON, SECOND
from tests.world import add_camera, add_events, beginning, context

SEEN, FALSE = Verdict.ACKNOWLEDGED, Verdict.FALSE_ALARM


def reviewer(world: World, subject: str | None = "ann", tenant_id: str = "default") -> Context:
    scopes = frozenset({Scope.EVENTS_READ, Scope.EVENTS_WRITE})
    return Context(Actor(tenant_id, scopes, subject=subject), world)


async def add(world: World, *names: str, at_us: int = NOON) -> None:
    """A camera, and events of it that last."""
    camera = await add_camera(world)
    changes = [
        beginning(camera.key, at_us + number, event_id=name) for number, name in enumerate(names)
    ]
    await add_events(world, camera, changes)


async def end(world: World, camera_slug: str, name: str) -> None:
    ctx = context(world)
    event = await events.event(ctx, name)
    begun = beginning(event.camera_key, event.at_us, event_id=name)
    ended = replace(begun, kind=ChangeKind.ENDED, ended_at_us=event.at_us + SECOND)
    await add_events_of(world, event, camera_slug, ended)


async def add_events_of(world: World, event: Event, slug: str, change: EventChange) -> None:
    await ingest.record(world, event.tenant_id, {event.camera_key: slug}, [change])


async def steps(ctx: Context, after: str, count: int, **wanted: object) -> list[tuple[str, str]]:
    """Kinds and ids of the next steps."""
    found: list[tuple[str, str]] = []
    asked = events.EventFilter(**wanted)  # type: ignore[arg-type]
    async with asyncio.timeout(20), aclosing(watch(ctx, asked, after)) as items:
        async for item in items:
            assert isinstance(item, EventItem)
            found.append((item.kind.value, item.event.id))
            if len(found) == count:
                break
    return found


async def test_a_review_says_what_by_whom_and_when(world: World) -> None:
    await add(world, "evt-1")
    ctx = reviewer(world)
    before = world.clock.now_us()
    event = await event_review(ctx, "evt-1", ReviewWish(FALSE, "  a shadow\u3000影 "))
    assert event == await events.event(ctx, "evt-1")
    assert event.review is not None
    at_us = event.review.pop("at_us")
    assert before <= at_us <= world.clock.now_us()
    assert (event.verdict, event.review) == (
        "false_alarm",
        {"note": "a shadow\u3000影", "by": "ann"},
    )
    assert (event.began_seq, event.seq, event.review_seq) == (1, 1, 2)


async def test_a_later_review_takes_its_place(world: World) -> None:
    await add(world, "evt-1")
    await event_review(reviewer(world), "evt-1", ReviewWish(FALSE, "a shadow"))
    event = await event_review(reviewer(world, None), "evt-1", ReviewWish(SEEN))
    assert event.review is not None
    assert (event.verdict, event.review["note"], event.review["by"]) == (
        "acknowledged",
        None,
        UNNAMED,
    )
    assert event.review_seq == 3


async def test_the_same_again_writes_nothing(world: World) -> None:
    await add(world, "evt-1")
    wish = ReviewWish(FALSE, "a shadow", replaces=None)
    first = await event_review(reviewer(world), "evt-1", wish)
    assert await event_review(reviewer(world), "evt-1", wish) == first
    assert await last_number("default", "event_seq") == 2


async def test_a_review_of_what_another_replaced_meanwhile_is_a_conflict(world: World) -> None:
    await add(world, "evt-1")
    first = await event_review(reviewer(world), "evt-1", ReviewWish(SEEN, replaces=None))
    for replaces in (None, 7):
        wish = ReviewWish(FALSE, replaces=replaces)
        with pytest.raises(Conflict):
            await event_review(reviewer(world, "bob"), "evt-1", wish)
    assert await events.event(context(world), "evt-1") == first
    assert await last_number("default", "event_seq") == 2
    wish = ReviewWish(FALSE, replaces=first.review_seq)
    assert (await event_review(reviewer(world, "bob"), "evt-1", wish)).verdict == "false_alarm"


async def test_of_many_at_once_just_one_replaces_what_they_saw(world: World) -> None:
    await add(world, "evt-1")
    place = await place_now(context(world))

    async def one(number: int) -> bool:
        ctx = reviewer(world, f"guard-{number}")
        try:
            await event_review(ctx, "evt-1", ReviewWish(FALSE, replaces=None))
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*map(one, range(8)))) == 1
    assert await last_number("default", "event_seq") == 2
    assert await steps(context(world), place, 1) == [("changed", "evt-1")]


async def test_of_many_at_once_without_a_word_of_it_the_last_wins(world: World) -> None:
    await add(world, "evt-1")

    async def one(number: int) -> Event:
        return await event_review(reviewer(world, f"guard-{number}"), "evt-1", ReviewWish(FALSE))

    said = await asyncio.gather(*map(one, range(8)))
    assert sorted(each.review_seq or 0 for each in said) == list(range(2, 10))
    last = await events.event(context(world), "evt-1")
    assert last == max(said, key=lambda each: each.review_seq or 0)


async def test_followers_are_told_in_commit_order(world: World) -> None:
    await add(world, "evt-1", "evt-2")
    place = await place_now(context(world))
    await event_review(reviewer(world), "evt-2", ReviewWish(SEEN))
    await event_review(reviewer(world), "evt-1", ReviewWish(FALSE))
    await end(world, "cam-front-01", "evt-2")
    wanted = [("changed", "evt-2"), ("changed", "evt-1"), ("ended", "evt-2")]
    assert await steps(context(world), place, 3) == wanted


async def test_a_review_overtakes_no_end(world: World) -> None:
    await add(world, "evt-1")
    place = await place_now(context(world))
    await end(world, "cam-front-01", "evt-1")
    await event_review(reviewer(world), "evt-1", ReviewWish(FALSE))
    await event_review(reviewer(world), "evt-1", ReviewWish(SEEN))
    assert await steps(context(world), place, 2) == [("ended", "evt-1"), ("changed", "evt-1")]


async def test_a_review_does_not_stop_an_event_from_going_on(world: World) -> None:
    await add(world, "evt-1")
    await event_review(reviewer(world), "evt-1", ReviewWish(FALSE, "a shadow"))
    await end(world, "cam-front-01", "evt-1")
    event = await events.event(context(world), "evt-1")
    assert (event.last_change, event.ended_us, event.verdict) == (
        "ended",
        NOON + SECOND,
        "false_alarm",
    )


async def test_a_live_follower_of_false_alarms_is_told_of_one(world: World) -> None:
    await add(world, "evt-1", "evt-2")
    place = await place_now(context(world))
    told = asyncio.create_task(steps(context(world), place, 1, review=[ReviewState.FALSE_ALARM]))
    await asyncio.sleep(0.1)
    await event_review(reviewer(world), "evt-1", ReviewWish(SEEN))
    await event_review(reviewer(world), "evt-2", ReviewWish(FALSE))
    assert await told == [("changed", "evt-2")]


async def test_an_old_event_is_told_of_too(world: World) -> None:
    now_us = world.clock.now_us()
    await add(world, "evt-1", at_us=now_us - 20 * DAY)
    await make_event_days(now_us)
    place = await place_now(context(world))
    await event_review(reviewer(world), "evt-1", ReviewWish(FALSE))
    assert await steps(context(world), place, 1) == [("changed", "evt-1")]


@pytest.mark.parametrize(
    ("states", "names"),
    [
        ([ReviewState.UNREVIEWED], ["evt-1"]),
        ([ReviewState.ACKNOWLEDGED], ["evt-2"]),
        ([ReviewState.FALSE_ALARM], ["evt-3"]),
        ([ReviewState.FALSE_ALARM, ReviewState.UNREVIEWED], ["evt-3", "evt-1"]),
        (list(ReviewState), ["evt-3", "evt-2", "evt-1"]),
        ([], []),
        (None, ["evt-3", "evt-2", "evt-1"]),
    ],
    ids=["unreviewed", "acknowledged", "false alarm", "two", "all", "none", "without"],
)
async def test_events_are_filtered_by_what_was_said(
    world: World, states: list[ReviewState] | None, names: list[str]
) -> None:
    await add(world, "evt-1", "evt-2", "evt-3")
    await event_review(reviewer(world), "evt-2", ReviewWish(SEEN))
    await event_review(reviewer(world), "evt-3", ReviewWish(FALSE))
    wanted = events.EventFilter(review=states, since_us=NOON)
    ctx = context(world)
    assert [each.id for each in (await events.events(ctx, wanted)).events] == names
    counts = await event_counts(ctx, wanted, TimeBucket.WEEK) if names else []
    assert sum(each.count for each in counts) == len(names)


@pytest.mark.parametrize(
    "note",
    ["x" * (MAX_NOTE_CHARACTERS + 1), "a\nb", "a\0b", "a\x1bb", "a\x85b", "a\ud800b"],
    ids=["long", "newline", "nul", "escape", "next line", "surrogate"],
)
async def test_a_note_is_short_and_plain(world: World, note: str) -> None:
    await add(world, "evt-1")
    with pytest.raises(InvalidInput, match="note"):
        await event_review(reviewer(world), "evt-1", ReviewWish(FALSE, note))
    assert (await events.event(context(world), "evt-1")).verdict is None
    assert await last_number("default", "event_seq") == 1


async def test_the_longest_note_is_kept(world: World) -> None:
    await add(world, "evt-1")
    note = "影" * MAX_NOTE_CHARACTERS
    event = await event_review(reviewer(world), "evt-1", ReviewWish(FALSE, note))
    assert (event.review or {})["note"] == note


async def test_who_may_not_review_changes_nothing(world: World) -> None:
    await add(world, "evt-1")
    narrow = Actor("default", frozenset({Scope.EVENTS_WRITE}), cameras=frozenset({"cam-other"}))
    for ctx, refusal in (
        (context(world, "default", Scope.EVENTS_READ, Scope.CAMERAS_WRITE), ScopeMissing),
        (reviewer(world, tenant_id="acme"), NotFound),
        (Context(narrow, world), NotFound),
    ):
        with pytest.raises(refusal):
            await event_review(ctx, "evt-1", ReviewWish(FALSE))
    for absent in ("evt-2", "", "evt-1\0", "x" * 5000):
        with pytest.raises(NotFound):
            await event_review(reviewer(world), absent, ReviewWish(FALSE))
    assert (await events.event(context(world), "evt-1")).verdict is None
    assert await last_number("default", "event_seq") == 1
    assert await last_number("acme", "event_seq") == 0


async def test_an_event_from_outside_is_reviewed_like_our_own(world: World) -> None:
    await add_camera(world)
    told = OutsideEvent("door-1", "cam-front-01", "door_contact", NOON)
    event = (await event_create(context(world), told)).event
    said = await event_review(reviewer(world), event.id, ReviewWish(FALSE))
    assert said.verdict == "false_alarm"
    again = (await event_create(context(world), told)).event
    assert again == said


async def test_a_review_goes_with_its_event_and_makes_no_gap(world: World) -> None:
    now_us = world.clock.now_us()
    await add(world, "evt-1", at_us=now_us - 20 * DAY)
    await drop_events_written(now_us - 20 * DAY)
    camera = (await events.event(context(world), "evt-1")).camera_key
    await add_events_of(
        world,
        await events.event(context(world), "evt-1"),
        "cam-front-01",
        beginning(camera, now_us, event_id="evt-2"),
    )
    place = await place_now(context(world))
    await event_review(reviewer(world), "evt-1", ReviewWish(FALSE))
    await event_review(reviewer(world), "evt-2", ReviewWish(SEEN))
    await make_event_days(now_us)
    dropped = await drop_event_days({"default": now_us - 10 * DAY}, now_us)
    assert dropped.days + dropped.events == 1
    with pytest.raises(NotFound):
        await events.event(context(world), "evt-1")
    assert await last_number("default", "event_floor") == 1
    assert await steps(context(world), place, 1) == [("changed", "evt-2")]


async def drop_events_written(written_us: int) -> None:
    """As if all events had been written then."""
    await EventTable.within("default").update(written_us=written_us)


async def test_an_event_that_retention_took_meanwhile_is_not_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(world, "evt-1")
    event = await events.event(context(world), "evt-1")
    await drop_events_written(NOON)
    await drop_event_days({"default": world.clock.now_us()}, NOON)

    async def as_before(*_: object) -> Event:
        return event

    monkeypatch.setattr(reviewing, "event_for", as_before)
    before = await last_number("default", "event_seq")
    with pytest.raises(NotFound):
        await event_review(reviewer(world), "evt-1", ReviewWish(FALSE))
    assert await last_number("default", "event_seq") == before
