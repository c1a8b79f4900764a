"""What webhooks are told is what GraphQL answers, word for word."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from media.types import ChangeKind, Direction, EventZone, View
from models.tenant import last_number
from resolvers import events
from resolvers.context import World
from resolvers.event_review import ReviewWish, event_review
from resolvers.outside_events import OutsideBox, OutsideEvent, event_create
from resolvers.verdicts import Verdict
from resolvers.watch import EventItem, GapItem
from resolvers.webhook_words import message_of
from tests.resolvers.keeping import NOON, SECOND
from tests.schema.service import data
from tests.world import add_camera, add_events, beginning, context

KEY = UUID(int=7)
EVENT = """query ($id: ID!) { event(id: $id) {
    id cameraId type typeName confidence ts endedAt trackId payload
    boxes { x y w h label score } zones { id name direction }
    best { ts score box { x y w h label score } }
    review { verdict note by at version } traceId modelVersion
} }"""


async def told(world: World, event_id: str, kind: ChangeKind) -> dict[str, Any]:
    event = await events.event(context(world), event_id)
    message = message_of(KEY, event.seq, EventItem("a-cursor", kind, event), NOON)
    assert message.id == f"msg_{KEY.hex}_{event.seq}"
    words: dict[str, Any] = json.loads(message.body)
    return words


async def add_own(world: World) -> str:
    """With everything that an event of ours may have."""
    camera = await add_camera(world)
    zones = (EventZone("0" * 32, "Line", None), EventZone("1" * 32, "Gate", Direction.A_TO_B))
    began = replace(beginning(camera.key, NOON, event_id="evt-1"), zones=zones)
    view = View(NOON + SECOND, None, began.detection, None)
    changes = [
        began,
        replace(began, kind=ChangeKind.CHANGED, best=view),
        replace(began, kind=ChangeKind.ENDED, ended_at_us=NOON + SECOND),
    ]
    await add_events(world, camera, changes)
    await event_review(context(world), "evt-1", ReviewWish(Verdict.FALSE_ALARM, "a shadow"))
    return "evt-1"


async def add_plain(world: World) -> str:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, NOON, event_id="evt-1")])
    return "evt-1"


async def add_outside(world: World) -> str:
    await add_camera(world)
    given = OutsideEvent(
        "k",
        "cam-front-01",
        "door_contact",
        NOON,
        boxes=[OutsideBox(0.1, 0.2, 0.3, 0.4, "door", 0.5)],
        payload={"door": ["north", {"é": None}], "boxes": 1},
    )
    return (await event_create(context(world), given)).event.id


@pytest.mark.parametrize("add", [add_own, add_plain, add_outside], ids=["own", "plain", "outside"])
async def test_an_event_is_told_as_graphql_answers(world: World, add: Any) -> None:
    event_id = await add(world)
    words = await told(world, event_id, ChangeKind.BEGAN)
    assert words["data"]["event"] == (await data(world, EVENT, {"id": event_id}))["event"]


@pytest.mark.parametrize("kind", list(ChangeKind))
async def test_the_envelope_says_which_step_it_is(world: World, kind: ChangeKind) -> None:
    words = await told(world, await add_plain(world), kind)
    assert list(words) == ["type", "timestamp", "data"]
    assert (words["type"], words["timestamp"]) == (f"event.{kind}", "2026-05-29T12:00:00.000Z")
    assert (words["data"]["cursor"], words["data"]["kind"]) == ("a-cursor", kind.name)


async def test_a_gap_says_so(world: World) -> None:
    assert await last_number("default", "event_seq") == 0
    message = message_of(KEY, 9, GapItem("a-cursor"), NOON)
    assert message.id == f"gap_{KEY.hex}_9"
    assert json.loads(message.body) == {
        "type": "event.gap",
        "timestamp": "2026-05-29T12:00:00.000Z",
        "data": {"cursor": "a-cursor", "reason": "RETENTION"},
    }
