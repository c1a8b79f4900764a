"""Zones of cameras, and events that they began."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from contextlib import aclosing
from uuid import uuid4

import msgspec
import pytest

from media.schedule import Schedule, Span
from media.shapes import Point
from media.types import (
    Box,
    ChangeKind,
    Detection,
    Direction,
    EventChange,
    EventZone,
    Snapshot,
    View,
)
from media.zones import Zone, ZonePurpose
from models.camera import Camera
from resolvers import cameras, events, ingest, watch
from resolvers.access import Scope
from resolvers.camera_input import CameraChanges
from resolvers.context import World
from resolvers.errors import Conflict, InvalidInput, NotFound, ScopeMissing
from resolvers.events import EventFilter
from resolvers.watch import EventItem
from resolvers.zone_input import MAX_POINTS, ScheduleDraft, SpanDraft, ZoneDraft
from resolvers.zones import MAX_ZONES, zone_delete, zone_save, zones_of
from tests.world import add_camera, add_events, beginning, context

TRIANGLE = [(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)]
LINE = [(0.1, 0.5), (0.9, 0.5)]
NIGHTS = ScheduleDraft("Asia/Ho_Chi_Minh", [SpanDraft([5, 4, 4], "22:00", "06:30")])
AT_US = 1_780_000_000_000_000


def draft(**changes: object) -> ZoneDraft:
    plain = ZoneDraft("Yard", ZonePurpose.INSIDE, TRIANGLE)
    return msgspec.structs.replace(plain, **changes)


async def camera_now(world: World, slug: str = "cam-front-01", tenant: str = "default") -> Camera:
    return await cameras.camera(context(world, tenant), slug)


async def test_a_zone_is_kept_as_it_was_wished(world: World) -> None:
    await add_camera(world)
    wished = draft(
        name=" Yard ",
        features=["person", "person"],
        seconds=2.5,
        min_width=0.1,
        min_height=0.2,
        cooldown_seconds=30.0,
        schedule=NIGHTS,
    )

    saved = await zone_save(context(world), "cam-front-01", wished)

    assert saved.zone == Zone(
        id=saved.zone.id,
        name="Yard",
        purpose=ZonePurpose.INSIDE,
        points=(Point(0.1, 0.1), Point(0.9, 0.1), Point(0.5, 0.9)),
        features=("person",),
        seconds=2.5,
        min_width=0.1,
        min_height=0.2,
        cooldown_s=30.0,
        schedule=Schedule("Asia/Ho_Chi_Minh", (Span((4, 5), 1320, 390),)),
    )
    assert zones_of(await camera_now(world)) == (saved.zone,)
    assert zones_of(saved.camera) == (saved.zone,)


async def test_a_change_of_a_zone_changes_all_of_it_and_nothing_else(world: World) -> None:
    await add_camera(world)
    ctx = context(world)
    first = (await zone_save(ctx, "cam-front-01", draft(seconds=5.0))).zone
    second = (await zone_save(ctx, "cam-front-01", draft(name="Other"))).zone
    line = draft(name="Gate", purpose=ZonePurpose.CROSSING, points=LINE, direction=Direction.B_TO_A)

    saved = await zone_save(ctx, "cam-front-01", line, first.id)

    assert (saved.zone.id, saved.zone.seconds) == (first.id, 0.0)
    assert zones_of(await camera_now(world)) == (saved.zone, second)


async def test_a_deleted_zone_is_gone_and_the_others_stay(world: World) -> None:
    await add_camera(world)
    ctx = context(world)
    first, second = [(await zone_save(ctx, "cam-front-01", draft())).zone for _ in range(2)]

    assert zones_of(await zone_delete(ctx, "cam-front-01", first.id)) == (second,)
    assert (await zone_delete(ctx, "cam-front-01", second.id)).zones is None
    with pytest.raises(NotFound, match="no zone"):
        await zone_delete(ctx, "cam-front-01", first.id)


async def test_zones_outlive_other_changes_of_the_camera(world: World) -> None:
    await add_camera(world)
    zone = (await zone_save(context(world), "cam-front-01", draft())).zone

    await cameras.camera_update(context(world), "cam-front-01", CameraChanges(name="New"))

    assert zones_of(await camera_now(world)) == (zone,)


async def test_a_zone_is_a_numbered_change_of_its_camera_and_rings(world: World) -> None:
    before = await add_camera(world)
    async with world.bus.bell("camera-config") as bell:
        saved = await zone_save(context(world), "cam-front-01", draft())
        await asyncio.wait_for(bell.wait(), 5)

    assert saved.camera.change_seq > before.change_seq
    (told,) = await ingest.cameras_of_all_tenants()
    assert zones_of(told) == (saved.zone,)


MANY = [(0.5 + 0.4 * n / MAX_POINTS, 0.1 + 0.001 * n * n) for n in range(MAX_POINTS + 1)]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"points": [(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)]}, ["points[2]"]),
        ({"points": [*TRIANGLE, (0.5, 1.5), (-1, 0)]}, ["points[3]", "points[4]"]),
        ({"points": TRIANGLE[:2]}, ["points"]),
        ({"points": [TRIANGLE[0]] * 3}, ["points"]),
        ({"points": [*TRIANGLE, TRIANGLE[0]]}, ["points[3]"]),
        ({"points": MANY}, ["points"]),
        ({"points": [(float("nan"), 0), (float("inf"), 0), (0, 0)]}, ["points[0]", "points[1]"]),
        ({"purpose": ZonePurpose.CROSSING, "points": [(0.5, 0.5)] * 2}, ["points[1]"]),
        ({"purpose": ZonePurpose.CROSSING}, ["points"]),
        ({"purpose": ZonePurpose.CROSSING, "points": LINE, "seconds": 1.0}, ["seconds"]),
        ({"purpose": ZonePurpose.LOITERING}, ["seconds"]),
        ({"purpose": ZonePurpose.MASK, "cooldown_seconds": 0.0}, ["cooldown_seconds"]),
        ({"purpose": ZonePurpose.MASK, "min_width": 0.1, "seconds": 1}, ["seconds", "min_width"]),
        ({"direction": Direction.BOTH}, ["direction"]),
        ({"name": "  "}, ["name"]),
        ({"name": "a\nb"}, ["name"]),
        ({"features": ["dog"]}, ["features"]),
        ({"seconds": -1.0, "min_height": 1.1}, ["seconds", "min_height"]),
        ({"seconds": float("inf"), "cooldown_seconds": 1e6}, ["seconds", "cooldown_seconds"]),
        ({"schedule": ScheduleDraft("Mars/Base", [])}, ["schedule.time_zone", "schedule.spans"]),
        (
            {"schedule": ScheduleDraft("UTC", [SpanDraft([], "24:00", "6:00")])},
            ["schedule.spans[0].days", "schedule.spans[0].from", "schedule.spans[0].to"],
        ),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_changes(
    world: World, changes: dict[str, object], fields: list[str]
) -> None:
    before = await add_camera(world)

    with pytest.raises(InvalidInput) as refused:
        await zone_save(context(world), "cam-front-01", draft(**changes))

    assert [each.field for each in refused.value.fields] == fields
    assert await camera_now(world) == before


async def test_parallel_saves_leave_exactly_as_many_zones_as_there_may_be(world: World) -> None:
    await add_camera(world)
    ctx = context(world)
    done = await asyncio.gather(
        *(zone_save(ctx, "cam-front-01", draft()) for _ in range(MAX_ZONES + 5)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, Conflict) for each in done) == 5
    assert len(zones_of(await camera_now(world))) == MAX_ZONES
    known = zones_of(await camera_now(world))[3]
    assert (await zone_save(ctx, "cam-front-01", draft(), known.id)).zone.id == known.id


async def test_another_tenants_zones_are_out_of_reach(world: World) -> None:
    await add_camera(world, "cam-front-01", "default")
    await add_camera(world, "cam-front-01", "acme")
    await add_camera(world, "cam-acme", "acme")
    theirs = (await zone_save(context(world, "acme"), "cam-front-01", draft())).zone
    before = await camera_now(world, tenant="acme")
    ctx = context(world, "default")
    for camera_id, says in (("cam-front-01", "no zone"), ("cam-acme", "no camera")):
        for refusal in (
            zone_save(ctx, camera_id, draft(), theirs.id),
            zone_delete(ctx, camera_id, theirs.id),
        ):
            with pytest.raises(NotFound, match=says):
                await refusal
    assert await camera_now(world, tenant="acme") == before
    assert (await camera_now(world)).zones is None


async def test_who_may_only_read_changes_nothing(world: World) -> None:
    before = await add_camera(world)
    ctx = context(world, "default", Scope.CAMERAS_READ)
    for refusal in (
        zone_save(ctx, "cam-front-01", draft()),
        zone_delete(ctx, "cam-front-01", "x"),
    ):
        with pytest.raises(ScopeMissing):
            await refusal
    assert await camera_now(world) == before


YARD, GATE = uuid4().hex, uuid4().hex


def met(camera: Camera, *zones: EventZone, at_us: int = AT_US) -> EventChange:
    return dataclasses.replace(beginning(camera.key, at_us), zones=zones)


async def found(world: World, zone_ids: Sequence[str] | None, tenant: str = "default") -> list[str]:
    page = await events.events(context(world, tenant), EventFilter(zone_ids=zone_ids))
    return [each.id for each in page.events]


async def test_events_keep_their_zones_and_are_found_by_them(world: World) -> None:
    camera = await add_camera(world)
    yard = EventZone(YARD, 'Yard" "id', None)
    gate = EventZone(GATE, "Gate", Direction.A_TO_B)
    both = met(camera, yard, gate, at_us=AT_US + 2)
    one = met(camera, yard, at_us=AT_US + 1)
    none = met(camera)
    await add_events(world, camera, [both, one, none])

    assert await found(world, None) == [both.event_id, one.event_id, none.event_id]
    assert await found(world, [YARD]) == [both.event_id, one.event_id]
    assert await found(world, [GATE]) == [both.event_id]
    assert await found(world, [GATE, uuid4().hex]) == [both.event_id]
    assert await found(world, [GATE, YARD]) == [both.event_id, one.event_id]
    assert await found(world, []) == []
    assert await found(world, [YARD], "acme") == []
    kept = (await events.event(context(world), both.event_id)).zones
    assert kept == [
        {"id": YARD, "name": 'Yard" "id', "direction": None},
        {"id": GATE, "name": "Gate", "direction": "a_to_b"},
    ]
    assert (await events.event(context(world), none.event_id)).zones is None


@pytest.mark.parametrize("zone_ids", [["%"], ["x" * 40], ["a\0b"], [YARD] * 201])
async def test_a_filter_by_what_is_no_zone_is_refused(world: World, zone_ids: list[str]) -> None:
    with pytest.raises(InvalidInput, match="zone_ids"):
        await found(world, zone_ids)


async def test_followers_may_follow_a_zone(world: World) -> None:
    camera = await add_camera(world)
    ctx = context(world)
    place = await watch.place_now(ctx)
    gate = met(camera, EventZone(GATE, "Gate", Direction.BOTH), at_us=AT_US + 1)
    await add_events(world, camera, [met(camera), gate])

    async with aclosing(watch.watch(ctx, EventFilter(zone_ids=[GATE]), place)) as steps:
        item = await asyncio.wait_for(anext(steps), 10)

    assert isinstance(item, EventItem)
    assert item.event.id == gate.event_id


async def test_a_better_view_is_a_change_and_stays_to_the_end(world: World) -> None:
    camera = await add_camera(world)
    began = beginning(camera.key, AT_US, position=90_000)
    view = View(
        AT_US + 5_000_000,
        540_000,
        Detection("person", "person", 0.95, Box(0.2, 0.2, 0.6, 0.9)),
        Snapshot("2026-05-28", "20", "snap-5.jpg"),
    )
    changed = dataclasses.replace(began, kind=ChangeKind.CHANGED, best=view)
    ended = dataclasses.replace(began, kind=ChangeKind.ENDED, ended_at_us=AT_US + 9_000_000)
    for batch in ([began], [changed], [ended]):
        await add_events(world, camera, batch)

    kept = await events.event(context(world), began.event_id)

    assert kept.best == {
        "at_us": AT_US + 5_000_000,
        "position": 540_000,
        "box": {"x": 0.2, "y": 0.2, "w": 0.4, "h": 0.7, "label": "person", "score": 0.95},
        "snapshot": "2026-05-28/20/snap-5.jpg",
    }
    assert (kept.at_us, kept.position, kept.confidence) == (AT_US, 90_000, 0.87)
    assert (kept.seq, kept.began_seq, kept.last_change) == (3, 1, "ended")


async def test_a_better_view_in_the_batch_of_the_beginning_is_kept(world: World) -> None:
    camera = await add_camera(world)
    began = beginning(camera.key, AT_US)
    view = View(AT_US + 1, None, began.detection, None)
    changed = dataclasses.replace(began, kind=ChangeKind.CHANGED, best=view)
    await add_events(world, camera, [began, changed])

    kept = await events.event(context(world), began.event_id)

    assert kept.best is not None
    assert (kept.best["at_us"], kept.best["snapshot"]) == (AT_US + 1, None)
