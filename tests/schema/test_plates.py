"""Events by number plate over GraphQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media.types import Plate
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.statements import counted
from tests.world import add_camera, add_events, beginning, token

FIND = """query ($plate: String, $first: Int = 50) {
  events(filter: { plate: $plate }, first: $first) { nodes { plate } } }"""
AT_US = 1_780_000_000_000_000


@pytest.fixture
async def here(world: World) -> World:
    camera = await add_camera(world)
    changes = [
        replace(
            beginning(camera.key, AT_US + number, feature="license_plate"),
            plate=Plate(text, text, 0.9, "reader@2024-01-02"),
        )
        for number, text in enumerate(("51F-123.45", "51F-123.46", "29B1-234.56"))
    ]
    await add_events(world, camera, changes)
    return world


async def found(world: World, plate: str | None, bearer: str = "") -> list[str]:
    nodes = (await data(world, FIND, {"plate": plate}, bearer or token()))["events"]["nodes"]
    return [each["plate"] for each in nodes]


async def test_a_plate_is_found_however_it_is_written(here: World) -> None:
    assert await found(here, "51f 123-45") == ["51F-123.45"]
    assert await found(here, "51F*") == ["51F-123.46", "51F-123.45"]
    assert await found(here, "*234*") == ["29B1-234.56", "51F-123.46", "51F-123.45"]
    assert len(await found(here, None)) == 3
    assert await found(here, "51F*", token("acme")) == []


async def test_a_page_of_plates_is_as_many_statements_as_another(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    counts = []
    for plate in (None, None, "51F12345", "51F*", "*45"):
        async with counted(caplog) as statements:
            await data(here, FIND, {"plate": plate})
        counts.append(len(statements))
    assert set(counts[2:]) == {counts[1]}


async def test_what_is_no_plate_names_its_field(here: World) -> None:
    answer = await ask(here, FIND, {"plate": "5*"})
    assert codes(answer) == ["INVALID_INPUT"]
    assert [each["field"] for each in answer["errors"][0]["extensions"]["fields"]] == ["plate"]
