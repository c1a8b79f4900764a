"""Rows of many keys at once are the rows of each key."""

from __future__ import annotations

from random import Random

import pytest

from models.base import select
from models.bulk import NewRows
from models.each import select_each
from models.event import Event, EventTable
from resolvers.context import World
from tests.statements import counted
from tests.world import add_camera, add_events, beginning

NOON = 1_780_056_000_000_000
TYPES = ("person", "vehicle", "face")


async def test_each_key_gets_its_own_rows_in_their_order_and_number(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(7)
    cameras = [await add_camera(world, f"cam-{number}") for number in range(5)]
    for camera in cameras[:-1]:
        told = [
            beginning(camera.key, NOON + chance.randrange(30), feature=chance.choice(TYPES))
            for _ in range(chance.randrange(40))
        ]
        await add_events(world, camera, told)
    for _ in range(25):
        wanted = EventTable.within("default").order_by(*chance.choice([("-at_us", "-id"), ("id",)]))
        if chance.random() < 0.5:
            some = chance.sample(TYPES, chance.randrange(3))
            wanted = wanted.filter(type__in=some, at_us__lt=NOON + chance.randrange(35))
        if chance.random() < 0.8:
            wanted = wanted.limit(chance.randint(1, 9))
        asked = [chance.choice(cameras) for _ in range(chance.randrange(9))]
        keys = NewRows(
            {"camera_slug": "text", "camera_key": "uuid"}, [(each.slug, each.key) for each in asked]
        )
        async with counted(caplog) as statements:
            found = await select_each(wanted, Event, keys)
        assert len(statements) == min(len(asked), 1)
        assert found == [
            await select(wanted.filter(camera_slug=each.slug, camera_key=each.key), Event)
            for each in asked
        ]
