from __future__ import annotations

from dataclasses import replace

import pytest

from media.disk import DiskMarks, halt
from media.playlist import iso_milliseconds
from media.types import ModelStatus
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.world import add_camera, token

VIEWER = "{ viewer { tenantId plan { cameraLimit cameraCount features } scopes expiresAt } }"


async def test_the_viewer_is_the_token(world: World) -> None:
    await add_camera(world)
    await add_camera(world, tenant_id="acme")
    bearer = token(scope=["events:read", "cameras:read", "somebody:else"])
    found = (await data(world, VIEWER, bearer=bearer))["viewer"]
    expires_us = (await world.identity.actor_of_token(bearer)).expires_us
    assert expires_us is not None
    assert found.pop("expiresAt") == iso_milliseconds(expires_us)
    assert found == {
        "tenantId": "default",
        "plan": {
            "cameraLimit": 16,
            "cameraCount": 1,
            "features": ["PERSON", "VEHICLE", "FACE", "LICENSE_PLATE", "VIOLENCE", "MOTION"],
        },
        "scopes": ["cameras:read", "events:read"],
    }


async def test_a_token_of_a_tenant_that_does_not_exist_has_no_viewer(world: World) -> None:
    answer = await ask(world, VIEWER, bearer=token("nobody"))
    assert (codes(answer), answer["data"]) == (["NOT_FOUND"], None)


async def test_models_tell_what_can_be_detected(world: World) -> None:
    active = ModelStatus(
        "yolox-nano", "2021-08-19", ("person", "vehicle"), "Apache-2.0", True, True, "CPU"
    )
    missing = ModelStatus(
        "other", "2020-01-02", (), "MIT", False, False, reason="its files are not here"
    )
    query = "{ models { name version features licence installed active device reason } }"
    found = await data(replace(world, models=lambda: (active, missing)), query)
    assert found["models"] == [
        {
            "name": "yolox-nano",
            "version": "2021-08-19",
            "features": ["PERSON", "VEHICLE"],
            "licence": "Apache-2.0",
            "installed": True,
            "active": True,
            "device": "CPU",
            "reason": None,
        },
        {
            "name": "other",
            "version": "2020-01-02",
            "features": [],
            "licence": "MIT",
            "installed": False,
            "active": False,
            "device": None,
            "reason": "its files are not here",
        },
    ]


@pytest.mark.parametrize("scope", ["events:read", "platform:admin", ""])
async def test_models_need_a_scope(world: World, scope: str) -> None:
    answer = await ask(world, "{ models { name } }", bearer=token(scope=scope))
    assert codes(answer) == ["SCOPE_MISSING"]


async def test_the_platforms_admin_sees_how_the_disk_is_doing(world: World) -> None:
    query = "{ storage { totalBytes freeBytes lowBytes reserveBytes isLow waitsBecause } }"
    for low_bytes, is_low in ((0, False), (1 << 50, True)):
        marked = replace(world, marks=DiskMarks(low_bytes, 7))
        found = (await data(marked, query, bearer=token("x", "platform:admin")))["storage"]
        assert 0 < found.pop("freeBytes") < found.pop("totalBytes")
        wanted = {"lowBytes": low_bytes, "reserveBytes": 7, "isLow": is_low, "waitsBecause": None}
        assert found == wanted
    halt(world.store.root, "no room")
    found = await data(world, query, bearer=token("x", "platform:admin"))
    assert found["storage"]["waitsBecause"] == "no room"
    assert codes(await ask(world, query)) == ["SCOPE_MISSING"]
