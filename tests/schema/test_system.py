from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib.metadata import version
from uuid import UUID, uuid4

import pytest

from media.types import CameraState, ModelStatus
from models.lease import Worker, every_lease
from resolvers import leases, system
from resolvers.bus import LocalBus
from resolvers.context import Context, World
from resolvers.errors import ScopeMissing, Unavailable
from resolvers.leases import Wanted
from tests.schema.service import ask, codes, data
from tests.world import add_camera, context, token

PLATFORM = token("acme", "platform:admin")
EVERYTHING = """{ system {
  version
  workers { id name address startedAt lastSeenAt alive cameraCount models { name active } }
  leases { held expired free }
  storage { totalBytes freeBytes lowBytes reserveBytes isLow waitsBecause }
  bus { engine available }
  database { engine available }
  tenantCount
  cameraCounts { status count }
} }"""


class BrokenBus(LocalBus):
    async def check(self) -> str:
        raise Unavailable("redis does not answer")


async def test_an_operator_sees_the_installation_in_numbers(world: World) -> None:
    model = ModelStatus("yolox-nano", "2021-08-19", ("person",), "Apache-2.0", True, True, "CPU")
    world = replace(world, models=lambda: (model,))
    mine = [await add_camera(world), await add_camera(world, "cam-2", "acme")]
    me = Worker(uuid4(), "host-1:7", "http://w:8100", UUID(int=3), 1_000_000, 1_000_000)
    await leases.renew(world, me)
    wanted = [Wanted(each.tenant_id, each.key) for each in mine]
    await leases.take(world, me.id, wanted)
    await leases.release(me.id, [mine[1].key])

    found = (await data(world, EVERYTHING, bearer=PLATFORM))["system"]

    assert found["version"] == version("vms")
    [worker] = found["workers"]
    assert worker.pop("lastSeenAt") > worker.pop("startedAt") == "1970-01-01T00:00:01.000Z"
    assert worker == {
        "id": str(me.id),
        "name": "host-1:7",
        "address": "http://w:8100",
        "alive": True,
        "cameraCount": 1,
        "models": [{"name": "yolox-nano", "active": True}],
    }
    assert found["leases"] == {"held": 1, "expired": 0, "free": 1}
    assert found["storage"]["freeBytes"] > 0
    assert found["bus"] == {"engine": "local", "available": True}
    assert found["database"]["available"]
    assert found["tenantCount"] == 2
    assert {each["status"]: each["count"] for each in found["cameraCounts"]} == {
        **{state.name: 0 for state in CameraState},
        "DISABLED": 2,
    }


async def test_a_lease_that_ran_out_is_told_apart(world: World) -> None:
    camera = await add_camera(world)
    me = Worker(uuid4(), "one", None, UUID(int=3), 0, 0)
    await leases.renew(world, me)
    await leases.take(world, me.id, [Wanted("default", camera.key)])
    await every_lease().update(expires_us=1)
    found = await data(world, "{ system { leases { held expired free } } }", bearer=PLATFORM)
    assert found["system"]["leases"] == {"held": 0, "expired": 1, "free": 0}


async def test_a_bus_that_is_away_is_told(world: World) -> None:
    query = "{ system { bus { engine available } tenantCount } }"
    found = await data(replace(world, bus=BrokenBus()), query, bearer=PLATFORM)
    assert found["system"] == {"bus": {"engine": "redis", "available": False}, "tenantCount": 2}


async def test_the_old_field_of_storage_still_answers(world: World) -> None:
    query = "{ storage { totalBytes } system { storage { totalBytes } } }"
    found = await data(world, query, bearer=PLATFORM)
    assert found["storage"] == found["system"]["storage"]


async def test_nobody_of_a_tenant_sees_the_system(world: World) -> None:
    answer = await ask(world, EVERYTHING, bearer=token(scope="tenant:admin"))
    assert (codes(answer), answer["data"]) == (["SCOPE_MISSING"], None)


@pytest.mark.parametrize(
    "use_case",
    [
        system.system_version,
        system.database_of,
        system.bus_of,
        system.lease_counts,
        system.tenant_count,
        system.cameras_by_status,
    ],
)
async def test_each_of_its_use_cases_demands_the_scope(
    world: World, use_case: Callable[[Context], Awaitable[object]]
) -> None:
    with pytest.raises(ScopeMissing):
        await use_case(context(world))
