from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from media.playlist import Segment
from media.types import ChangeKind
from models.event import EventTable
from models.tenant import last_number
from resolvers import events, playback, tenants
from resolvers.access import Actor, Scope
from resolvers.context import Context, World
from resolvers.errors import InvalidInput, NotFound, NotRecorded, ScopeMissing
from resolvers.outside_events import (
    OutsideBox,
    OutsideEvent,
    event_create,
    event_id_of,
    events_create,
)
from resolvers.tenants import PlanChanges
from resolvers.watch import EventItem, place_now, watch
from tests.footage import lay_down, segment, summarise
from tests.resolvers.keeping import DAY, HOUR, NOON, SECOND, at
from tests.world import add_camera, add_events, beginning, context

DOOR = OutsideEvent("door-1", "cam-front-01", "door_contact", NOON)


def writer(world: World, tenant_id: str = "default") -> Context:
    return context(world, tenant_id, Scope.EVENTS_WRITE)


async def count(tenant_id: str = "default") -> int:
    return await EventTable.within(tenant_id).count()


async def test_an_event_is_stored_with_all_that_was_said(world: World) -> None:
    camera = await add_camera(world)
    given = msgspec.structs.replace(
        DOOR,
        ended_us=NOON + SECOND,
        confidence=0.5,
        boxes=[OutsideBox(0.1, 0.2, 0.3, 0.4, "door", 0.9)],
        payload={"door": "north", "held": [1, None, True]},
        source="door-controller@2",
    )
    saved = await event_create(writer(world), given)
    event = saved.event
    assert saved.created
    assert (event.camera_key, event.camera_slug) == (camera.key, "cam-front-01")
    assert (event.type, event.confidence, event.at_us) == ("door_contact", 0.5, NOON)
    assert (event.ended_us, event.last_change) == (NOON + SECOND, ChangeKind.ENDED.value)
    box = {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4, "label": "door", "score": 0.9}
    assert event.boxes == [box]
    assert event.payload == {"door": "north", "held": [1, None, True]}
    assert event.model_version == "door-controller@2"
    assert (event.track_id, event.snapshot, event.position) == (None, None, None)
    assert await events.event(context(world), event.id) == event


async def test_the_same_key_is_the_same_event_whatever_is_said_of_it(world: World) -> None:
    await add_camera(world)
    first = await event_create(writer(world), DOOR)
    other = msgspec.structs.replace(DOOR, at_us=NOON + 3 * DAY, type="window", payload={"a": 1})
    again = await event_create(writer(world), other)
    assert (again.event, again.created) == (first.event, False)
    assert await count() == 1
    assert await last_number("default", "event_seq") == 2


async def test_a_key_is_the_tenants_own(world: World) -> None:
    await add_camera(world)
    await add_camera(world, tenant_id="acme")
    for tenant_id in ("default", "acme"):
        assert (await event_create(writer(world, tenant_id), DOOR)).created
    assert (await count("default"), await count("acme")) == (1, 1)
    assert event_id_of("default", "door-1") != event_id_of("acme", "door-1")


async def test_many_at_once_with_one_key_are_one(world: World) -> None:
    await add_camera(world)
    done = await asyncio.gather(*(event_create(writer(world), DOOR) for _ in range(20)))
    assert sum(each.created for each in done) == 1
    assert len({each.event.id for each in done}) == 1
    assert await count() == 1


async def test_it_is_numbered_and_followed_like_our_own(world: World) -> None:
    camera = await add_camera(world)
    feed = watch(context(world), after=await place_now(context(world)))
    await add_events(world, camera, [beginning(camera.key, NOON, event_id="evt-own-1")])
    await event_create(writer(world), DOOR)
    await add_events(world, camera, [beginning(camera.key, NOON, event_id="evt-own-2")])
    seen: list[tuple[str, str]] = []
    async with aclosing(feed) as items, asyncio.timeout(30):
        async for item in items:
            assert isinstance(item, EventItem)
            seen.append((item.event.type, item.kind.value))
            if len(seen) == 4:
                break
    assert seen == [
        ("person", "began"),
        ("door_contact", "began"),
        ("door_contact", "ended"),
        ("person", "began"),
    ]


async def test_it_is_filtered_by_its_type(world: World) -> None:
    await add_camera(world)
    await event_create(writer(world), DOOR)
    for types, wanted in ((["door_contact"], 1), (["person"], 0), (["person", "door_contact"], 1)):
        page = await events.events(context(world), events.EventFilter(types=types))
        assert len(page.events) == wanted


def run_of(positions_from: int, count: int = 3) -> list[Segment]:
    first = segment(NOON, positions_from)
    return [first] + [
        segment(NOON + n * 4 * SECOND, positions_from + n * 360_000, run_id=first.run_id)
        for n in range(1, count)
    ]


async def test_it_is_played_from_the_very_time_it_tells(world: World) -> None:
    camera = await add_camera(world)
    made = run_of(900_000)
    lay_down(world, camera, made, ended=True)
    await summarise(world, camera, made)
    for after_us in (0, 1, 5_000_000, 11_999_999):
        told = msgspec.structs.replace(DOOR, key=f"k{after_us}", at_us=NOON + after_us)
        event = (await event_create(writer(world), told)).event
        found = await playback.event_playback(context(world), event.id)
        assert abs(found.offset_us - after_us) <= 11 + playback.NUDGE_US


async def test_footage_that_is_listed_after_the_event_plays_it_all_the_same(world: World) -> None:
    """As when a door opens now: its segment is written some seconds later."""
    camera = await add_camera(world)
    then = at(world, NOON + 9 * SECOND)
    made = run_of(0)
    lay_down(world, camera, made[:2])
    told = msgspec.structs.replace(DOOR, at_us=NOON + 9 * SECOND)
    event = (await event_create(writer(then), told)).event
    asking = asyncio.create_task(playback.event_playback(context(then), event.id))
    await asyncio.sleep(0.3)
    assert not asking.done()
    lay_down(world, camera, made)
    found = await asking
    assert found.offset_us == 9 * SECOND + playback.NUDGE_US


async def test_at_a_time_without_footage_there_is_nothing_to_play(world: World) -> None:
    camera = await add_camera(world)
    made = run_of(0)
    lay_down(world, camera, made, ended=True)
    told = msgspec.structs.replace(DOOR, at_us=NOON + 12 * SECOND)
    event = (await event_create(writer(world), told)).event
    with pytest.raises(NotRecorded):
        await playback.event_playback(context(world), event.id)


async def test_our_own_event_whose_frame_was_not_recorded_is_not_looked_for_by_time(
    world: World,
) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, run_of(0), ended=True)
    await add_events(world, camera, [beginning(camera.key, NOON, event_id="evt-x")])
    with pytest.raises(NotRecorded):
        await playback.event_playback(context(world), "evt-x")


def nested(levels: int) -> dict[str, Any]:
    inner: list[Any] = []
    for _ in range(levels - 2):
        inner = [inner]
    return {"a": inner, "b": 7}


async def test_a_payload_may_be_nested(world: World) -> None:
    await add_camera(world)
    deep = msgspec.structs.replace(DOOR, payload=nested(32))
    created = await event_create(writer(at(world, NOON + DAY)), deep)
    assert created.event.payload == nested(32)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"key": ""}, "key"),
    ({"key": "x" * 201}, "key"),
    ({"key": "a\0"}, "key"),
    ({"type": "Door"}, "type"),
    ({"type": "x" * 33}, "type"),
    ({"type": "door-contact"}, "type"),
    ({"source": "\n"}, "source"),
    ({"at_us": NOON + DAY + HOUR + 1}, "ts"),
    ({"ended_us": NOON - 1}, "ended_at"),
    ({"confidence": 1.1}, "confidence"),
    ({"confidence": float("nan")}, "confidence"),
    ({"boxes": [OutsideBox(0.5, 0, 0.6, 1)]}, "boxes"),
    ({"boxes": [OutsideBox(0, 0, 1, 1, "x" * 65)]}, "boxes"),
    ({"boxes": [OutsideBox(0, 0, 1, 1)] * 101}, "boxes"),
    ({"payload": {"a": "x" * 17_000}}, "payload"),
    ({"payload": {"a": "\0"}}, "payload"),
    ({"payload": {"a": "\ud800"}}, "payload"),
    ({"payload": nested(33)}, "payload"),
    ({"payload": nested(900)}, "payload"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG)
async def test_what_is_wrong_is_named_and_nothing_is_written(
    world: World, changes: dict[str, Any], field: str
) -> None:
    await add_camera(world)
    wrong = msgspec.structs.replace(DOOR, **changes)
    with pytest.raises(InvalidInput) as caught:
        await event_create(writer(at(world, NOON + DAY)), wrong)
    assert [each.field for each in caught.value.fields] == [field]
    assert (await count(), await last_number("default", "event_seq")) == (0, 0)


async def test_what_the_tenant_no_longer_keeps_is_refused(world: World) -> None:
    await add_camera(world)
    admin = context(world, "", Scope.PLATFORM_ADMIN)
    await tenants.tenant_update(admin, "default", PlanChanges(event_retention_days=2))
    then = at(world, NOON + 3 * DAY)
    with pytest.raises(InvalidInput, match="older than the tenant keeps"):
        await event_create(writer(then), DOOR)
    kept = msgspec.structs.replace(DOOR, at_us=NOON + DAY)
    assert (await event_create(writer(then), kept)).created
    assert await count() == 1


async def test_one_wrong_event_keeps_all_of_its_batch_out(world: World) -> None:
    await add_camera(world)
    some = [msgspec.structs.replace(DOOR, key=f"k{n}") for n in range(3)]
    with pytest.raises(InvalidInput):
        await events_create(writer(world), [*some, msgspec.structs.replace(DOOR, confidence=2.0)])
    assert await count() == 0
    assert await events_create(writer(world), [*some, some[0]]) == 3
    assert await events_create(writer(world), some) == 0
    assert await last_number("default", "event_seq") == 6


async def test_another_tenants_camera_is_not_there(world: World) -> None:
    await add_camera(world, tenant_id="acme")
    with pytest.raises(NotFound):
        await event_create(writer(world), DOOR)
    assert await count("acme") == 0


async def test_only_who_may_write_events_and_only_of_the_cameras_it_may_see(world: World) -> None:
    await add_camera(world)
    for scope in (Scope.EVENTS_READ, Scope.CAMERAS_WRITE, Scope.PLATFORM_ADMIN):
        with pytest.raises(ScopeMissing):
            await event_create(context(world, "default", scope), DOOR)
    narrowed = Actor("default", frozenset({Scope.EVENTS_WRITE}), frozenset({"cam-other"}))
    with pytest.raises(NotFound):
        await event_create(replace(writer(world), actor=narrowed), DOOR)
    assert await count() == 0
