from __future__ import annotations

import pytest

from resolvers import tenants
from resolvers.access import Scope
from resolvers.context import World
from resolvers.errors import Conflict, InvalidInput, NotFound, ScopeMissing
from resolvers.features import ALL_FEATURES
from tests.world import add_camera, context


async def test_the_default_tenant_is_there_with_everything(world: World) -> None:
    found = await tenants.own_tenant(context(world))
    assert (found.id, found.camera_limit, found.features) == ("default", 16, ALL_FEATURES)


async def test_a_plan_is_changed_in_part_and_no_camera_is_lost(world: World) -> None:
    await add_camera(world, tenant_id="acme")
    platform = context(world, "", Scope.PLATFORM_ADMIN)
    await tenants.tenant_update(platform, "acme", features=["person"])
    changed = await tenants.tenant_update(platform, "acme", camera_limit=0)
    assert (changed.camera_limit, changed.features) == (0, ["person"])
    assert [each.id for each in await tenants.tenants(platform)] == ["acme", "default"]


async def test_what_is_wrong_with_a_tenant_is_named_and_nothing_changes(world: World) -> None:
    platform = context(world, "", Scope.PLATFORM_ADMIN)
    before = await tenants.tenants(platform)
    with pytest.raises(InvalidInput) as caught:
        await tenants.tenant_create(platform, "Ac me", -1, ["mind_reading"])
    assert [each.field for each in caught.value.fields] == ["id", "camera_limit", "features"]
    with pytest.raises(Conflict):
        await tenants.tenant_create(platform, "acme", 1, [])
    with pytest.raises(NotFound):
        await tenants.tenant_update(platform, "ghost", camera_limit=1)
    with pytest.raises(ScopeMissing):
        await tenants.tenant_update(context(world, "acme"), "acme", camera_limit=999)
    assert await tenants.tenants(platform) == before
