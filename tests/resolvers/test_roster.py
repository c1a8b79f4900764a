"""What is known of a tenant's cameras is what the database holds, whoever changed it."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest
from tortoise.transactions import in_transaction

from media.types import CameraState, StatusChanged
from models.base import select
from models.camera import Camera, CameraTable
from resolvers import cameras, ingest, roster
from resolvers.camera_input import CameraChanges
from resolvers.context import World
from resolvers.roster import Rosters
from tests.world import add_camera, context


async def in_database(tenant_id: str) -> list[Camera]:
    rows = CameraTable.within(tenant_id).order_by("created_us", "slug")
    return await select(rows, Camera)


async def check(rosters: Rosters, tenant_id: str) -> None:
    found, known = await in_database(tenant_id), await rosters.of(tenant_id)
    assert list(known.in_order) == found
    assert known.by_slug == {each.slug: each for each in found}
    assert known.by_key == {each.key: each for each in found}


async def change(world: World, dice: random.Random, tenant_id: str) -> None:
    ctx, known = context(world, tenant_id), await in_database(tenant_id)
    step = dice.choice(["create", "rename", "delete", "state", "replace"])
    if not known or (step == "create" and len(known) < 8):
        await add_camera(world, f"cam-{uuid4().hex[:8]}", tenant_id)
        return
    camera = dice.choice(known)
    if step == "state":
        state = StatusChanged(camera.key, CameraState.ONLINE, None, dice.randrange(10**9), None)
        await ingest.record(world, tenant_id, {camera.key: camera.slug}, [state])
    elif step in {"delete", "replace"}:
        await cameras.camera_delete(ctx, camera.slug)
        if step == "replace":
            await add_camera(world, camera.slug, tenant_id)
    else:
        await cameras.camera_update(ctx, camera.slug, CameraChanges(name=f"n{dice.random()}"))


@pytest.mark.parametrize("seed", range(3))
async def test_it_is_as_current_as_the_database(world: World, seed: int) -> None:
    dice, mine, of_another_process = random.Random(seed), Rosters(), Rosters()
    for _ in range(40):
        for _ in range(dice.randrange(3)):
            await change(world, dice, dice.choice(["default", "acme"]))
        reader = dice.choice([mine, of_another_process])
        await check(reader, dice.choice(["default", "acme"]))


async def test_an_unchanged_roster_is_not_read_again(world: World) -> None:
    await add_camera(world)
    first = await world.rosters.of("default")
    assert await world.rosters.of("default") is first


async def test_an_unknown_tenant_has_no_cameras(world: World) -> None:
    assert (await world.rosters.of("nobody")).in_order == []


async def test_a_database_that_was_put_back_is_read_anew(world: World) -> None:
    """As after a restore from a backup: the log's number is smaller than the one known."""
    await add_camera(world, "one")
    saved = await in_database("default")
    await cameras.camera_update(context(world), "one", CameraChanges(name="later"))
    await world.rosters.of("default")
    rows = CameraTable.within("default")
    await rows.update(name=saved[0].name, change_seq=saved[0].change_seq)
    async with in_transaction() as connection:
        await connection.execute_script("UPDATE tenant SET camera_seq = 1 WHERE id = 'default'")
    assert [each.name for each in (await world.rosters.of("default")).in_order] == ["Front gate"]


async def test_it_is_refused_inside_a_transaction(world: World) -> None:
    async with in_transaction():
        with pytest.raises(RuntimeError, match="committed"):
            await world.rosters.of("default")


async def test_tenants_asked_for_least_recently_are_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "MOST_KEPT", 3)
    for n in range(3):
        await add_camera(world, f"cam-{n}")
    await add_camera(world, "other", "acme")
    first = await world.rosters.of("default")
    assert await world.rosters.of("default") is first
    await world.rosters.of("acme")
    again = await world.rosters.of("default")
    assert again is not first
    assert list(again.in_order) == list(first.in_order)
