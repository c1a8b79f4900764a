"""Zones over GraphQL, and what events say of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from media.types import (
    Box,
    ChangeKind,
    Detection,
    Direction,
    EventZone,
    Snapshot,
    View,
)
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.world import add_camera, add_events, beginning, token

ZONE = """id name purpose points { x y } features seconds direction minWidth minHeight
  cooldownSeconds schedule { timeZone spans { days from to } }"""
SAVE = f"""mutation ($camera: ID!, $input: ZoneInput!) {{
  done: zoneSave(cameraId: $camera, input: $input) {{
    zone {{ {ZONE} }} camera {{ id zones {{ id }} }} userErrors {{ code field message }} }} }}"""
DELETE = """mutation ($camera: ID!, $id: ID!) { done: zoneDelete(cameraId: $camera, id: $id) {
  zone { id } camera { zones { id } } userErrors { code field } } }"""
READ = f"""query {{ camera(id: "cam-front-01") {{ zones {{ {ZONE} }} }} }}"""
GATE = {
    "name": "Gate",
    "purpose": "CROSSING",
    "points": [{"x": 0.1, "y": 0.5}, {"x": 0.9, "y": 0.5}],
}
YARD = {
    "name": "Yard",
    "purpose": "LOITERING",
    "points": [{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.1}, {"x": 0.5, "y": 0.9}],
    "features": ["PERSON", "VEHICLE"],
    "seconds": 20.5,
    "minWidth": 0.05,
    "minHeight": 0.1,
    "cooldownSeconds": 60.0,
    "schedule": {
        "timeZone": "Europe/Berlin",
        "spans": [{"days": ["SATURDAY", "SUNDAY"], "from": "22:00", "to": "06:05"}],
    },
}


async def saved(world: World, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    variables = {"camera": "cam-front-01", "input": {**given, **more}}
    done: dict[str, Any] = (await data(world, SAVE, variables))["done"]
    return done


async def test_zones_are_saved_read_and_deleted(world: World) -> None:
    await add_camera(world)
    yard = (await saved(world, YARD))["zone"]
    gate = (await saved(world, GATE))["zone"]

    assert yard == {**YARD, "id": yard["id"], "direction": None}
    assert (gate["direction"], gate["seconds"], gate["schedule"]) == ("BOTH", 0.0, None)
    assert (await data(world, READ))["camera"]["zones"] == [yard, gate]
    changed = await saved(world, GATE, id=gate["id"], direction="A_TO_B", name="Door")
    assert (changed["zone"]["id"], changed["zone"]["direction"]) == (gate["id"], "A_TO_B")
    assert changed["camera"]["zones"] == [{"id": yard["id"]}, {"id": gate["id"]}]

    done = (await data(world, DELETE, {"camera": "cam-front-01", "id": yard["id"]}))["done"]

    assert done == {"zone": None, "camera": {"zones": [{"id": gate["id"]}]}, "userErrors": []}
    assert [each["name"] for each in (await data(world, READ))["camera"]["zones"]] == ["Door"]


async def test_mistakes_name_the_field_and_the_point(world: World) -> None:
    await add_camera(world)
    bow = [{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.9}, {"x": 0.9, "y": 0.1}, {"x": 0.1, "y": 0.9}]
    wrong = await saved(world, YARD, points=bow, cooldownSeconds=-1)
    assert [(e["code"], e["field"]) for e in wrong["userErrors"]] == [
        ("INVALID_INPUT", "cooldownSeconds"),
        ("INVALID_INPUT", "points[2]"),
    ]
    outside = await saved(world, GATE, points=[{"x": 0.1, "y": 0.5}, {"x": 1.2, "y": 0.5}])
    assert [e["field"] for e in outside["userErrors"]] == ["points[1]"]
    schedule = {"timeZone": "Nowhere", "spans": YARD["schedule"]["spans"]}  # type: ignore[index]
    nowhere = await saved(world, YARD, schedule=schedule)
    assert [e["field"] for e in nowhere["userErrors"]] == ["schedule.timeZone"]
    unknown = await saved(world, GATE, id="ghost")
    assert [e["code"] for e in unknown["userErrors"]] == ["NOT_FOUND"]
    assert [each["zone"] for each in (wrong, outside, nowhere, unknown)] == [None] * 4
    assert (await data(world, READ))["camera"]["zones"] == []


async def test_another_tenant_and_who_may_only_read_change_nothing(world: World) -> None:
    await add_camera(world)
    zone = (await saved(world, GATE))["zone"]
    variables = {"camera": "cam-front-01", "input": {**GATE, "id": zone["id"], "name": "Mine"}}
    theirs = (await data(world, SAVE, variables, token("acme")))["done"]
    assert [each["code"] for each in theirs["userErrors"]] == ["NOT_FOUND"]
    gone = {"camera": "cam-front-01", "id": zone["id"]}
    assert (await data(world, DELETE, gone, token("acme")))["done"]["camera"] is None
    reader = token(scope="cameras:read")
    assert codes(await ask(world, SAVE, variables, reader)) == ["SCOPE_MISSING"]
    assert codes(await ask(world, DELETE, gone, reader)) == ["SCOPE_MISSING"]
    assert (await data(world, READ, None, reader))["camera"]["zones"] == [zone]


EVENTS = """query ($zones: [ID!]) { events(filter: { zoneIds: $zones }) { nodes {
  ts zones { id name direction } snapshotUrl playback { offset }
  best { ts box { x w label } score snapshotUrl playback { offset } } } } }"""
AT_US = 1_780_000_000_000_000


async def test_events_tell_their_zones_and_their_best_view(world: World) -> None:
    camera = await add_camera(world)
    gate = EventZone("a" * 32, "Gate", Direction.B_TO_A)
    shot = Snapshot("2026-05-28", "20", "snap-9.jpg")
    began = dataclasses.replace(beginning(camera.key, AT_US), zones=(gate,))
    seen = Detection("person", "person", 0.95, Box(0.2, 0.2, 0.6, 0.9))
    best = View(AT_US + 5_000_000, None, seen, shot)
    changed = dataclasses.replace(began, kind=ChangeKind.CHANGED, best=best)
    await add_events(world, camera, [began, changed, beginning(camera.key, AT_US - 1)])

    found = (await data(world, EVENTS, {"zones": None}))["events"]["nodes"]
    of_gate = (await data(world, EVENTS, {"zones": ["a" * 32]}))["events"]["nodes"]
    address = of_gate[0]["best"].pop("snapshotUrl")

    assert [(each["zones"], each["best"]) for each in found[1:]] == [([], None)]
    assert of_gate == [
        {
            "ts": "2026-05-28T20:26:40.000Z",
            "zones": [{"id": "a" * 32, "name": "Gate", "direction": "B_TO_A"}],
            "snapshotUrl": None,
            "playback": None,
            "best": {
                "ts": "2026-05-28T20:26:45.000Z",
                "box": {"x": 0.2, "w": 0.4, "label": "person"},
                "score": 0.95,
                "playback": None,
            },
        }
    ]
    assert address.startswith("/v2/hls/cam-front-01/2026-05-28/20/snap-9.jpg?grant=")
    pictures = "query { events { nodes { best { ts snapshotUrl } } } }"
    unseen = await data(world, pictures, None, token(scope="events:read"))
    assert unseen["events"]["nodes"][0]["best"]["snapshotUrl"] is None


async def test_a_filter_by_no_zone_names_its_field(world: World) -> None:
    answer = await ask(world, EVENTS, {"zones": ["ghost"]})

    assert codes(answer) == ["INVALID_INPUT"]
    assert [each["field"] for each in answer["errors"][0]["extensions"]["fields"]] == ["zoneIds"]
