"""The same random steps by /v2 in one tenant and by GraphQL in another come to the same."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.api import ApiOptions, build_api
from models.base import select
from models.camera import Camera, CameraTable
from models.tenant import TenantTable
from resolvers.context import World
from resolvers.features import Feature
from tests.world import add_camera, add_events, beginning, token

LEFT, RIGHT = "default", "acme"
"""The tenants that /v2 and GraphQL work in."""

GRAPHQL_NAMES = {"rtsp_url": "rtspUrl", "detection_url": "detectionUrl"}
CAMERA = "id name rtspUrl features fps enabled record status"
PAYLOAD = f"{{ camera {{ {CAMERA} }} filteredFeatures userErrors {{ code field }} }}"
CREATE = f"mutation M($input: CameraCreateInput!) {{ it: cameraCreate(input: $input) {PAYLOAD} }}"
UPDATE = (
    "mutation M($id: ID!, $input: CameraUpdateInput!)"
    f" {{ it: cameraUpdate(id: $id, input: $input) {PAYLOAD} }}"
)
DELETE = "mutation M($id: ID!) { it: cameraDelete(id: $id) { deletedId userErrors { code } } }"
EVENTS = """query Q($filter: EventFilter, $first: Int!, $after: String) {
  events(filter: $filter, first: $first, after: $after) {
    nodes { cameraId type confidence ts boxes { x y w h } trackId modelVersion }
    pageInfo { endCursor hasNextPage } } }"""

GOOD: dict[str, list[Any]] = {
    "name": ["Gate", "Cổng", "x" * 200],
    "rtsp_url": ["rtsp://10.0.0.7/a", "rtsp://u:p@10.0.0.8/b"],
    "id": ["cam-a", "cam-b", "cam-c"],
    "features": [[], ["person"], ["person", "vehicle"], ["violence", "person"]],
    "fps": [0.2, 5, 7.5, 30],
    "enabled": [True, False],
    "record": [True, False],
    "detection_url": [None, "rtsp://u:p@10.0.0.9/sub"],
}
BAD: dict[str, list[Any]] = {
    "name": ["x" * 201, "", " "],
    "rtsp_url": ["http://10.0.0.7/", "rtsp://", ""],
    "id": ["Cam", "x" * 64],
    "fps": [0.1, 31, 0],
    "detection_url": ["http://10.0.0.9/", "rtsp://169.254.169.254/s"],
}


@dataclass(frozen=True)
class Result:
    """What came of a step, in words that both dialects can be translated into."""

    camera: dict[str, Any] | None = None
    filtered: tuple[str, ...] = ()
    errors: frozenset[tuple[str, str | None]] = frozenset()


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    plan = {"camera_limit": 3, "features": ["person", "vehicle"]}
    await TenantTable.filter(id__in=[LEFT, RIGHT]).update(**plan)
    app = build_api(world, ApiOptions("prom", "password"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        yield client


def of(tenant_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(tenant_id)}"}


async def by_graphql(
    http: httpx.AsyncClient, query: str, variables: dict[str, Any]
) -> dict[str, Any]:
    body = {"query": query, "variables": variables}
    answer = (await http.post("/graphql", json=body, headers=of(RIGHT))).json()
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]
    return found


def spelled(given: dict[str, Any]) -> dict[str, Any]:
    found = {GRAPHQL_NAMES.get(name, name): value for name, value in given.items()}
    if "features" in found:
        found["features"] = [Feature(each).name for each in found["features"]]
    return found


async def change_left(http: httpx.AsyncClient, method: str, path: str, body: Any) -> Result:
    answer = await http.request(method, f"/v2/api/cameras{path}", json=body, headers=of(LEFT))
    if answer.status_code == 204:
        return Result()
    shown = answer.json()
    if answer.status_code >= 400:
        named = [each["field"] for each in shown.get("errors", ())] or [None]
        return Result(errors=frozenset((shown["code"], each) for each in named))
    for name in ("tenant_id", "created_at", "updated_at"):
        del shown[name]
    filtered = answer.headers.get("x-filtered-features", "")
    return Result(shown, tuple(filtered.split(", ")) if filtered else ())


async def change_right(http: httpx.AsyncClient, query: str, variables: dict[str, Any]) -> Result:
    shown = (await by_graphql(http, query, variables))["it"]
    original = {ours: name for name, ours in GRAPHQL_NAMES.items()}
    errors = frozenset(
        (each["code"], original.get(each.get("field"), each.get("field")))
        for each in shown["userErrors"]
    )
    camera = shown.get("camera")
    if camera is not None:
        camera = {original.get(name, name): value for name, value in camera.items()}
        camera["features"] = [Feature[each].value for each in camera["features"]]
        camera["status"] = camera["status"].lower()
    filtered = tuple(Feature[each].value for each in shown.get("filteredFeatures", ()))
    return Result(camera, filtered, errors)


async def cameras_of(tenant_id: str) -> list[tuple[object, ...]]:
    """All that a client chose, and the state: without keys, times and ciphertexts."""
    rows = CameraTable.within(tenant_id).order_by("slug")
    return [
        (
            each.slug,
            each.name,
            each.features,
            each.fps,
            each.enabled,
            each.record,
            each.status,
            each.detection_url_sealed is not None,
        )
        for each in await select(rows, Camera)
    ]


def given(dice: random.Random, names: list[str]) -> dict[str, Any]:
    bad = [name for name in names if name in BAD and dice.random() < 0.08]
    return {name: dice.choice((BAD if name in bad else GOOD)[name]) for name in names}


def some(dice: random.Random, names: list[str]) -> list[str]:
    return [name for name in names if dice.random() < 0.5]


@pytest.mark.parametrize("seed", range(3))
async def test_cameras_are_changed_alike(world: World, http: httpx.AsyncClient, seed: int) -> None:
    dice = random.Random(seed)
    optional = ["id", "features", "fps", "enabled", "record", "detection_url"]
    outcomes = set()
    for _ in range(100):
        step = dice.choice(["create", "create", "update", "update", "delete"])
        known = [str(each[0]) for each in await cameras_of(LEFT)]
        camera_id = dice.choice([*known, "nothing"])
        if step == "create":
            body = given(dice, ["name", "rtsp_url", *some(dice, optional)])
            left = await change_left(http, "POST", "", body)
            right = await change_right(http, CREATE, {"input": spelled(body)})
        elif step == "update":
            body = given(dice, some(dice, [*optional[1:], "name", "rtsp_url"]))
            left = await change_left(http, "PATCH", f"/{camera_id}", body)
            right = await change_right(http, UPDATE, {"id": camera_id, "input": spelled(body)})
        else:
            left = await change_left(http, "DELETE", f"/{camera_id}", None)
            right = await change_right(http, DELETE, {"id": camera_id})
        assert (step, left) == (step, right)
        assert await cameras_of(LEFT) == await cameras_of(RIGHT)
        outcomes |= {code for code, _ in left.errors} or {step}
    assert outcomes >= {"create", "update", "delete", "INVALID_INPUT", "NOT_FOUND"}


async def test_cameras_are_listed_alike(world: World, http: httpx.AsyncClient) -> None:
    for tenant_id in (LEFT, RIGHT):
        for n in range(3):
            await add_camera(world, f"cam-{n}", tenant_id)
    left = (await http.get("/v2/api/cameras", headers=of(LEFT))).json()
    right = await by_graphql(http, "{ cameras { nodes { id name rtspUrl fps } } }", {})
    shown = [(each["id"], each["name"], each["rtsp_url"], each["fps"]) for each in left]
    assert shown == [tuple(each.values()) for each in right["cameras"]["nodes"]]


BEGIN_US = 1_767_225_600_000_000


async def fill(world: World, dice: random.Random) -> None:
    made = {
        tenant_id: [await add_camera(world, f"cam-{n}", tenant_id) for n in range(3)]
        for tenant_id in (LEFT, RIGHT)
    }
    for _ in range(60):
        n, feature = dice.randrange(3), dice.choice(["person", "vehicle"])
        at_us = BEGIN_US + dice.randrange(40) * 250_000
        for tenant_id, cameras in made.items():
            change = beginning(cameras[n].key, at_us, feature=feature)
            await add_events(world, cameras[n], [change])
            assert cameras[n].tenant_id == tenant_id


async def pages_left(http: httpx.AsyncClient, query: dict[str, Any]) -> list[list[Any]]:
    pages = []
    answer = await http.get("/v2/api/events", params=query, headers=of(LEFT))
    while True:
        assert answer.status_code == 200, answer.text
        pages.append([_event_left(each) for each in answer.json()])
        if "next" not in answer.links:
            return pages
        answer = await http.get(answer.links["next"]["url"], headers=of(LEFT))


def _event_left(shown: dict[str, Any]) -> tuple[Any, ...]:
    boxes = [tuple(box[side] for side in "xywh") for box in shown["payload"]["boxes"]]
    named = (shown["camera_id"], shown["type"], shown["confidence"], shown["ts"])
    return (*named, boxes, shown["payload"]["track_id"], shown["model_version"])


async def pages_right(http: httpx.AsyncClient, variables: dict[str, Any]) -> list[list[Any]]:
    pages: list[list[Any]] = []
    after = None
    while True:
        found = (await by_graphql(http, EVENTS, {**variables, "after": after}))["events"]
        pages.append([_event_right(each) for each in found["nodes"]])
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            return pages


def _event_right(shown: dict[str, Any]) -> tuple[Any, ...]:
    boxes = [tuple(box[side] for side in "xywh") for box in shown["boxes"]]
    named = (shown["cameraId"], shown["type"].lower(), shown["confidence"], shown["ts"])
    return (*named, boxes, shown["trackId"], shown["modelVersion"])


def unordered(pages: list[list[Any]]) -> list[Any]:
    """Events of one moment are in the order of their ids, which differ between tenants."""
    return sorted(event for page in pages for event in page)


@pytest.mark.parametrize("seed", range(2))
async def test_events_are_listed_alike(world: World, http: httpx.AsyncClient, seed: int) -> None:
    dice = random.Random(seed)
    await fill(world, dice)
    for _ in range(25):
        query: dict[str, Any] = {"limit": dice.choice([1, 7, 50, 100])}
        wanted: dict[str, Any] = {}
        if dice.random() < 0.5:
            query["camera_id"] = dice.choice(["cam-0", "cam-1", "nowhere"])
            wanted["cameraIds"] = [query["camera_id"]]
        if dice.random() < 0.5:
            query["type"] = dice.choice(["person", "violence"])
            wanted["types"] = [query["type"].upper()]
        for name in ("since", "until"):
            if dice.random() < 0.5:
                at = f"2026-01-01T00:00:{dice.randrange(11):02}.250Z"
                query[name] = wanted[name] = at
        left = await pages_left(http, query)
        right = await pages_right(http, {"filter": wanted, "first": query["limit"]})
        assert [len(page) for page in left] == [len(page) for page in right]
        assert [page[0][3] for page in left if page] == [page[0][3] for page in right if page]
        assert unordered(left) == unordered(right)
