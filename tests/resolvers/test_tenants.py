from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from models.tenant import last_number
from resolvers import tenants
from resolvers.access import Scope
from resolvers.bus import CAMERA_CONFIG, RETENTION
from resolvers.camera_input import CameraChanges, CameraDraft
from resolvers.cameras import camera_create, camera_update, cameras
from resolvers.context import Context, World
from resolvers.errors import (
    BadCursor,
    CameraLimitReached,
    Conflict,
    InvalidInput,
    NotFound,
    ScopeMissing,
)
from resolvers.features import ALL_FEATURES
from resolvers.ingest import cameras_of_all_tenants
from resolvers.tenants import PlanChanges
from resolvers.watch import EventItem, GapItem, place_now, watch
from tests.footage import segment, summarise
from tests.world import add_camera, add_events, beginning, context

AT = 1_780_000_000_000_000


def admin(world: World) -> Context:
    return context(world, "", Scope.PLATFORM_ADMIN)


async def test_the_default_tenant_is_there_with_everything(world: World) -> None:
    found = await tenants.own_tenant(context(world))
    assert (found.id, found.camera_limit, found.features) == ("default", 16, ALL_FEATURES)


async def test_a_new_tenant_has_what_was_said_and_no_other_limit(world: World) -> None:
    plan = PlanChanges(camera_limit=3, retention_bytes=5 * 10**12, features=["person", "person"])
    made = await tenants.tenant_create(admin(world), "cinema", plan)
    assert (made.camera_limit, made.features) == (3, ["person"])
    assert (made.retention_days, made.retention_bytes) == (None, 5 * 10**12)
    assert (made.requests_per_minute, made.connection_limit) == (None, None)
    assert await tenants.own_tenant(context(world, "cinema")) == made


async def test_a_plan_is_changed_in_part_and_no_camera_is_lost(world: World) -> None:
    await add_camera(world, tenant_id="acme")
    platform = admin(world)
    await tenants.tenant_update(platform, "acme", PlanChanges(features=["person"]))
    await tenants.tenant_update(platform, "acme", PlanChanges(retention_days=7))
    changed = await tenants.tenant_update(platform, "acme", PlanChanges(camera_limit=0))
    assert (changed.camera_limit, changed.features) == (0, ["person"])
    assert changed.retention_days == 7
    freed = await tenants.tenant_update(platform, "acme", PlanChanges(retention_days=None))
    assert freed.retention_days is None
    assert len(await cameras(context(world, "acme"))) == 1


async def test_a_lowered_limit_refuses_new_cameras_until_there_are_fewer(world: World) -> None:
    await add_camera(world, tenant_id="acme")
    await add_camera(world, "cam-b", tenant_id="acme")
    await tenants.tenant_update(admin(world), "acme", PlanChanges(camera_limit=1))
    with pytest.raises(CameraLimitReached, match="allows 1 cameras and there are 2"):
        await camera_create(
            context(world, "acme"), CameraDraft(name="C", rtsp_url="rtsp://10.0.0.1/")
        )
    assert len(await cameras(context(world, "acme"))) == 2


async def test_workers_and_retention_hear_of_a_changed_plan_at_once(world: World) -> None:
    async with world.bus.bell(CAMERA_CONFIG) as workers, world.bus.bell(RETENTION) as cleaners:
        await tenants.tenant_update(admin(world), "acme", PlanChanges(features=[]))
        assert workers.is_set()
        assert cleaners.is_set()


async def test_a_feature_taken_from_the_plan_is_not_looked_for_and_the_wish_stays(
    world: World,
) -> None:
    camera = await add_camera(world, tenant_id="acme")
    both = ["person", "vehicle"]
    await camera_update(context(world, "acme"), camera.slug, CameraChanges(features=both))
    for plan, looked_for in (([], []), (["vehicle"], ["vehicle"]), (ALL_FEATURES, both)):
        await tenants.tenant_update(admin(world), "acme", PlanChanges(features=plan))
        (run,) = await cameras_of_all_tenants()
        assert run.features == looked_for
        (shown,) = await cameras(context(world, "acme"))
        assert shown.features == both


async def test_after_a_restore_no_number_is_told_twice_and_followers_learn_of_it(
    world: World,
) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-before")])
    cursor = await place_now(context(world))
    await tenants.after_restore(admin(world))
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-after")])
    async with aclosing(watch(context(world), after=cursor)) as items, asyncio.timeout(30):
        gap, after = [await anext(items), await anext(items)]
    assert isinstance(gap, GapItem)
    assert isinstance(after, EventItem)
    assert (after.event.id, after.event.began_seq) == ("evt-after", 1_000_002)
    assert len(await cameras(context(world))) == 1
    with pytest.raises(ScopeMissing):
        await tenants.after_restore(context(world))
    assert await last_number("default", "event_seq") == 1_000_002


async def test_use_is_told_in_numbers_of_each_tenant_alone(world: World) -> None:
    camera = await add_camera(world, tenant_id="acme")
    await add_camera(world)
    await summarise(world, camera, [segment(AT, 0), segment(AT + 4_000_000, 360_000)])
    for ctx in (admin(world), context(world, "acme", Scope.EVENTS_READ)):
        assert await tenants.cameras_used(ctx, "acme") == 1
        assert await tenants.bytes_used(ctx, "acme") == 2000
    assert await tenants.bytes_used(context(world), "default") == 0
    for refused in (tenants.cameras_used, tenants.bytes_used):
        with pytest.raises(ScopeMissing):
            await refused(context(world), "acme")


async def test_tenants_are_paged_through_by_id(world: World) -> None:
    platform = admin(world)
    for number in range(3):
        await tenants.tenant_create(platform, f"t-{number}", PlanChanges())
    page = await tenants.tenants_page(platform, 3, None)
    assert ([each.id for each in page.tenants], page.has_next) == (["acme", "default", "t-0"], True)
    rest = await tenants.tenants_page(platform, 3, tenants.tenant_cursor(page.tenants[-1]))
    assert ([each.id for each in rest.tenants], rest.has_next) == (["t-1", "t-2"], False)
    with pytest.raises(BadCursor):
        await tenants.tenants_page(platform, 3, "x")


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"camera_limit": -1}, "camera_limit"),
        ({"camera_limit": None}, "camera_limit"),
        ({"features": ["mind_reading"]}, "features"),
        ({"retention_days": 0}, "retention_days"),
        ({"retention_bytes": 1 << 60}, "retention_bytes"),
        ({"event_retention_days": -3}, "event_retention_days"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"connection_limit": 0}, "connection_limit"),
    ],
)
async def test_what_is_wrong_with_a_plan_is_named_and_nothing_changes(
    world: World, plan: dict[str, Any], field: str
) -> None:
    before = await tenants.tenants(admin(world))
    with pytest.raises(InvalidInput) as caught:
        await tenants.tenant_update(admin(world), "acme", PlanChanges(**plan))
    assert [each.field for each in caught.value.fields] == [field]
    with pytest.raises(InvalidInput) as caught:
        await tenants.tenant_create(admin(world), "Ac me", PlanChanges(**plan))
    assert [each.field for each in caught.value.fields] == ["id", field]
    assert await tenants.tenants(admin(world)) == before


async def test_taken_and_unknown_ids_are_refused_and_nothing_changes(world: World) -> None:
    before = await tenants.tenants(admin(world))
    with pytest.raises(Conflict):
        await tenants.tenant_create(admin(world), "acme", PlanChanges(camera_limit=1))
    with pytest.raises(NotFound):
        await tenants.tenant_update(admin(world), "ghost", PlanChanges(camera_limit=1))
    assert await tenants.tenants(admin(world)) == before


async def test_a_tenants_own_admin_manages_no_tenant(world: World) -> None:
    own = context(world, "acme")
    before = await tenants.tenants(admin(world))
    for refused in (
        tenants.tenant_update(own, "acme", PlanChanges(camera_limit=999)),
        tenants.tenant_create(own, "more", PlanChanges()),
        tenants.tenant(own, "acme"),
        tenants.tenants(own),
        tenants.tenants_page(own, 10, None),
    ):
        with pytest.raises(ScopeMissing):
            await refused
    assert await tenants.tenants(admin(world)) == before


async def test_the_platforms_admin_sees_no_tenants_rows(world: World) -> None:
    await add_camera(world, tenant_id="acme")
    with pytest.raises(ScopeMissing):
        await cameras(context(world, "acme", Scope.PLATFORM_ADMIN))
