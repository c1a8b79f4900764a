"""Which models detect here, in processes that run none themselves too."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from media.types import ModelStatus
from models.lease import Worker, WorkerTable
from resolvers import catalogue, leases
from resolvers.access import Scope
from resolvers.context import World
from resolvers.errors import ScopeMissing
from tests.world import context

ACTIVE = ModelStatus("yolox", "2021-08-19", ("person",), "Apache-2.0", True, True, "CPU")
IDLE = ModelStatus("yolox", "2021-08-19", ("person",), "Apache-2.0", False, False, None, "pull it")
OTHER = ModelStatus("ssd", "2023-02-03", ("vehicle",), "Apache-2.0", False, False, None, "pull it")


async def register(world: World, *models: ModelStatus) -> Worker:
    me = Worker(uuid4(), "worker", None, uuid4(), 0, 0)
    await leases.renew(replace(world, models=lambda: models), me)
    return me


async def test_an_api_process_knows_what_its_workers_run(world: World) -> None:
    assert list(await catalogue.known_models(world)) == []
    await register(world, OTHER, IDLE)
    await register(world, ACTIVE, OTHER)
    assert list(await catalogue.models(context(world))) == [ACTIVE, OTHER]


async def test_a_process_that_runs_models_says_so_itself(world: World) -> None:
    await register(world, IDLE)
    assert await catalogue.known_models(replace(world, models=lambda: (ACTIVE,))) == (ACTIVE,)


async def test_workers_that_are_gone_detect_nothing(world: World) -> None:
    gone = await register(world, ACTIVE)
    await WorkerTable.filter(id=gone.id).update(seen_us=0)
    assert list(await catalogue.known_models(world)) == []


async def test_reading_models_needs_a_scope(world: World) -> None:
    await register(world, ACTIVE)
    with pytest.raises(ScopeMissing):
        await catalogue.models(context(world, "default", Scope.EVENTS_READ))
