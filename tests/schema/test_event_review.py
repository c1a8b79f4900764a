"""`eventReview` and `Event.review`: what people say of events, mistakes included."""

from __future__ import annotations

from typing import Any

import pytest

from resolvers.access import Scope
from resolvers.context import World
from tests.matrix import bearer
from tests.resolvers.keeping import NOON
from tests.schema.service import ask, codes, data
from tests.world import add_camera, add_events, beginning

REVIEW = """mutation ($id: ID!, $input: ReviewInput!) { eventReview(id: $id, input: $input) {
    event { id review { verdict note by version } } userErrors { code field }
} }"""
LIST = "query ($f: EventFilter) { events(filter: $f) { nodes { id review { verdict at } } } }"


async def add(world: World) -> None:
    camera = await add_camera(world)
    changes = [beginning(camera.key, NOON + n, event_id=f"evt-{n}") for n in (1, 2)]
    await add_events(world, camera, changes)


async def review(world: World, bearer: str | None = None, **given: Any) -> dict[str, Any]:
    found = await data(world, REVIEW, {"id": "evt-1", "input": given}, bearer)
    payload: dict[str, Any] = found["eventReview"]
    return payload


async def test_an_event_is_reviewed_and_found_by_it(world: World) -> None:
    await add(world)
    said = await review(world, verdict="FALSE_ALARM", note="a shadow")
    assert said == {
        "event": {
            "id": "evt-1",
            "review": {
                "verdict": "FALSE_ALARM",
                "note": "a shadow",
                "by": "a token without a subject",
                "version": "3",
            },
        },
        "userErrors": [],
    }
    for states, names in (["FALSE_ALARM"], ["evt-1"]), (["UNREVIEWED"], ["evt-2"]), ([], []):
        found = await data(world, LIST, {"f": {"review": states}})
        assert [each["id"] for each in found["events"]["nodes"]] == names
    unreviewed = await data(world, LIST, {"f": {"review": ["UNREVIEWED"]}})
    assert unreviewed["events"]["nodes"][0]["review"] is None


async def test_a_review_that_was_replaced_meanwhile_is_a_conflict(world: World) -> None:
    await add(world)
    first = await review(world, verdict="ACKNOWLEDGED", replaces=None)
    refused = await review(world, verdict="FALSE_ALARM", replaces=None)
    assert refused == {"event": None, "userErrors": [{"code": "CONFLICT", "field": "replaces"}]}
    version = first["event"]["review"]["version"]
    second = await review(world, verdict="FALSE_ALARM", replaces=version)
    assert second["event"]["review"]["verdict"] == "FALSE_ALARM"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"note": "a\nb"}, "note"),
        ({"replaces": "x"}, "replaces"),
        ({"replaces": "9" * 20}, "replaces"),
    ],
    ids=["note", "no version", "long version"],
)
async def test_mistakes_are_named(world: World, given: dict[str, Any], field: str) -> None:
    await add(world)
    refused = await review(world, verdict="ACKNOWLEDGED", **given)
    assert refused["userErrors"] == [{"code": "INVALID_INPUT", "field": field}]
    found = await data(world, LIST, {"f": {"review": ["UNREVIEWED"]}})
    assert len(found["events"]["nodes"]) == 2


async def test_who_may_only_write_is_not_shown_the_event(world: World) -> None:
    await add(world)
    said = await review(world, bearer([Scope.EVENTS_WRITE]), verdict="ACKNOWLEDGED")
    assert said == {"event": None, "userErrors": []}
    found = await data(world, LIST, {"f": {"review": ["ACKNOWLEDGED"]}})
    assert len(found["events"]["nodes"]) == 1


async def test_a_foreign_event_is_like_none(world: World) -> None:
    await add(world)
    foreign = await review(world, bearer([Scope.TENANT_ADMIN], "acme"), verdict="ACKNOWLEDGED")
    assert foreign["userErrors"] == [{"code": "NOT_FOUND", "field": None}]


async def test_reading_is_not_enough(world: World) -> None:
    await add(world)
    variables = {"id": "evt-1", "input": {"verdict": "ACKNOWLEDGED"}}
    answer = await ask(world, REVIEW, variables, bearer([Scope.EVENTS_READ]))
    assert codes(answer) == ["SCOPE_MISSING"]
