"""What the SDL states of scopes is so: each field with each scope, each object and each token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from graphql import (
    GraphQLObjectType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_directive_values,
    parse,
    visit,
)

from resolvers.access import Scope
from resolvers.broadcast import detections_of
from resolvers.context import World
from resolvers.detections import ShownFrame
from schema.sdl import PATH
from tests.matrix import (
    ABSENT,
    FOREIGN,
    OWN,
    Stage,
    add_export,
    add_webhook,
    add_zone,
    bearer,
    may,
    scope_sets,
    set_up,
    tables,
)
from tests.schema.service import client_of, codes, served
from tests.schema.socket_client import opened
from tests.world import add_camera

SDL = build_schema(PATH.read_text(encoding="utf-8"))
RANGE = 'from: "2026-05-29T12:00:00Z", to: "2026-05-29T12:00:08Z"'
LOCK = f'{{{RANGE}, reason: "seen"}}'


class Ask(NamedTuple):
    """`kind`: of the object that `$id` names, None without. `shows`: where the field's value is."""

    text: str
    kind: str | None = None
    shows: tuple[str, ...] = ()


def of_camera(field: str, *shows: str) -> Ask:
    return Ask(f"query ($id: ID!) {{ camera(id: $id) {{ {field} }} }}", "camera", shows)


def of_event(field: str, *shows: str) -> Ask:
    return Ask(f"query ($id: ID!) {{ event(id: $id) {{ {field} }} }}", "event", shows)


def change(field: str, kind: str, below: str) -> Ask:
    return Ask(f"mutation ($id: ID!) {{ {field} {{ {below} userErrors {{ code }} }} }}", kind)


ASKS = {
    "Query.viewer": Ask("{ viewer { tenantId } }"),
    "Query.camera": of_camera("name"),
    "Query.cameras": Ask("{ cameras { nodes { id } } }"),
    "Query.event": of_event("ts"),
    "Query.events": Ask("{ events { nodes { id } } }"),
    "Query.eventCounts": Ask(
        '{ eventCounts(filter: {since: "2026-05-29T00:00:00Z"}, bucket: WEEK) { count } }'
    ),
    "Query.models": Ask("{ models { name } }"),
    "Query.evidenceLocks": Ask("{ evidenceLocks { nodes { id } } }"),
    "Query.removals": Ask("{ removals { nodes { id } } }"),
    "Query.webhooks": Ask("{ webhooks { id url cursor filter { cameraIds } } }"),
    "Query.export": Ask("query ($id: ID!) { export(id: $id) { state } }", "export"),
    "Query.exports": Ask("{ exports { nodes { id } } }"),
    "Query.system": Ask(
        "{ system { version tenantCount workers { id } leases { held } bus { engine } } }"
    ),
    "Query.storage": Ask("{ storage { isLow } }"),
    "Query.tenant": Ask("query ($id: ID!) { tenant(id: $id) { createdAt } }", "tenant"),
    "Query.tenants": Ask("{ tenants { nodes { id } } }"),
    "Mutation.cameraCreate": Ask(
        'mutation { cameraCreate(input: {name: "New", rtspUrl: "rtsp://10.0.0.1/x"}) '
        "{ camera { id } userErrors { code } } }"
    ),
    "Mutation.cameraUpdate": change(
        'cameraUpdate(id: $id, input: {name: "Other"})', "camera", "camera { name }"
    ),
    "Mutation.cameraDelete": change("cameraDelete(id: $id)", "new camera", "deletedId"),
    "Mutation.zoneSave": change(
        'zoneSave(cameraId: $id, input: {name: "Gate", purpose: CROSSING, '
        "points: [{x: 0.1, y: 0.5}, {x: 0.9, y: 0.5}]})",
        "camera",
        "zone { name }",
    ),
    "Mutation.zoneDelete": change(
        'zoneDelete(cameraId: "cam-own", id: $id)', "new zone", "camera { name }"
    ),
    "Mutation.cameraProbe": Ask(
        'mutation { cameraProbe(rtspUrl: "http://10.0.0.1") { userErrors { field } } }'
    ),
    "Mutation.eventCreate": change(
        'eventCreate(input: {key: "k", cameraId: $id, typeName: "door"})', "camera", "created"
    ),
    "Mutation.eventReview": change(
        "eventReview(id: $id, input: {verdict: FALSE_ALARM})", "event", "event { id }"
    ),
    "EventReviewPayload.event": change(
        "eventReview(id: $id, input: {verdict: FALSE_ALARM})", "event", "event { id }"
    )._replace(shows=("eventReview", "event")),
    "Mutation.webhookSave": change(
        'webhookSave(input: {id: $id, url: "https://receiver.example/"})', "webhook", "secret"
    ),
    "Mutation.webhookDelete": change("webhookDelete(id: $id)", "new webhook", "deletedId"),
    "Mutation.webhookTest": change("webhookTest(id: $id)", "webhook", "outcome"),
    "Mutation.evidenceLock": change(
        f"evidenceLock(cameraId: $id, input: {LOCK})", "camera", "lock { reason }"
    ),
    "Mutation.evidenceLift": change("evidenceLift(id: $id)", "lock", "lock { reason }"),
    "Mutation.exportCreate": change(
        f"exportCreate(input: {{cameraIds: [$id], {RANGE}}})", "camera", "export { state }"
    ),
    "Mutation.exportDelete": change("exportDelete(id: $id)", "new export", "export { state }"),
    "Mutation.liveStart": change(
        'liveStart(cameraId: $id, offer: "v=0")', "camera", "session { answer }"
    ),
    "Mutation.liveStop": change("liveStop(id: $id)", "session", "endedId"),
    "Mutation.tenantCreate": change(
        "tenantCreate(id: $id, plan: {cameraLimit: 3})", "new tenant", "tenant { createdAt }"
    ),
    "Mutation.tenantUpdate": change(
        "tenantUpdate(id: $id, plan: {cameraLimit: 3})", "tenant", "tenant { createdAt }"
    ),
    "Mutation.tokenRevoke": Ask(
        "mutation ($token: String!) "
        "{ tokenRevoke(token: $token) { revocation { revokedAt } userErrors { field } } }"
    ),
    "Mutation.tokensRevoke": Ask(
        'mutation { tokensRevoke(subject: "nobody") '
        "{ revocation { subject } userErrors { field } } }"
    ),
    "Subscription.events": Ask(
        "subscription ($after: Cursor) { events(after: $after) { __typename } }"
    ),
    "Subscription.exportProgress": Ask(
        "subscription ($id: ID!) { exportProgress(id: $id) { state } }", "export"
    ),
    "Subscription.cameras": Ask("subscription { cameras { id } }"),
    "Subscription.detections": Ask(
        "subscription ($id: ID!) { detections(cameraId: $id) { boxes { x } } }", "camera"
    ),
    "Camera.rtspUrl": of_camera("rtspUrl", "camera", "rtspUrl"),
    "Camera.snapshotUrl": of_camera("snapshotUrl", "camera", "snapshotUrl"),
    "Camera.featureStates": of_camera("featureStates { feature }"),
    "Camera.events": of_camera("events { nodes { id } }"),
    "Camera.coverage": of_camera(f"coverage({RANGE}) {{ recordedSeconds }}"),
    "Camera.hours": of_camera('hours(date: "2026-05-29") { hour }'),
    "Camera.playback": of_camera(f"playback({RANGE}) {{ to }}"),
    "Camera.detections": of_camera(f"detections({RANGE}) {{ nodes {{ ts }} }}"),
    "Event.camera": of_event("camera { name }"),
    "Event.snapshotUrl": of_event("snapshotUrl", "event", "snapshotUrl"),
    "Event.playback": of_event("playback { offset }"),
    "EventView.snapshotUrl": of_event("best { snapshotUrl }", "event", "best", "snapshotUrl"),
    "EventView.playback": of_event("best { playback { offset } }"),
    "Export.cameras": Ask("query ($id: ID!) { export(id: $id) { cameras { id } } }", "export"),
    "EvidenceLock.camera": Ask("{ evidenceLocks { nodes { camera { id } } } }"),
    "Removal.camera": Ask("{ removals { nodes { camera { id } } } }"),
    "LiveStartPayload.hlsUrl": Ask(
        'mutation ($id: ID!) { liveStart(cameraId: $id, offer: "v=0") { hlsUrl } }',
        "camera",
        ("liveStart", "hlsUrl"),
    ),
}
REQUIRES = SDL.get_directive("requires")


def stated(coordinate: str) -> tuple[frozenset[Scope], str] | None:
    """What the SDL says of a field: the scope, none for ANY, and what comes otherwise."""
    kind, name = coordinate.split(".")
    node = SDL.type_map[kind].fields[name].ast_node  # type: ignore[attr-defined]
    assert REQUIRES is not None
    values = get_directive_values(REQUIRES, node)
    if values is None:
        return None
    scope = values["scope"]
    needed = frozenset[Scope]() if scope == "ANY" else frozenset({Scope[scope]})
    return needed, values["otherwise"]


def coordinates() -> Iterator[str]:
    """Every field that the SDL gives a scope, and every field at the root."""
    for kind in SDL.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            at_root = kind.name in {"Query", "Mutation", "Subscription"}
            names = [f"{kind.name}.{name}" for name in kind.fields]
            yield from (each for each in names if at_root or stated(each))


class _Needed(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info, self.scopes = info, set[Scope]()

    def enter_field(self, *_: object) -> None:
        parent, field = self._info.get_parent_type(), self._info.get_field_def()
        if parent is not None and field is not None and field.ast_node is not None:
            found = stated(f"{parent.name}.{field.ast_node.name.value}")
            if found is not None and found[1] == "REFUSED":
                self.scopes |= found[0]


def needed_by(text: str) -> frozenset[Scope]:
    """What the SDL demands for a document, field by field."""
    info = TypeInfo(SDL)
    visitor = _Needed(info)
    visit(parse(text), TypeInfoVisitor(info, visitor))
    return frozenset(visitor.scopes)


FIELDS = sorted(coordinates())
EXECUTED = [each for each in FIELDS if not each.startswith("Subscription.")]


def test_every_field_with_a_scope_is_tried_and_no_other() -> None:
    assert sorted(ASKS) == FIELDS, "say in ASKS how it is asked for"


async def asked(
    client: httpx.AsyncClient, ask: Ask, object_id: str, token: str, **headers: str
) -> httpx.Response:
    """`$token` is the token that asks itself."""
    variables = {"token": token} if "$token" in ask.text else {"id": object_id}
    body = {"query": ask.text, "variables": variables}
    return await client.post(
        "/graphql", json=body, headers={"Authorization": f"Bearer {token}", **headers}
    )


async def object_of(stage: Stage, kind: str | None, place: str, number: int = 0) -> str:
    """An id; of what a success would use up, a new one each time."""
    if kind is None:
        return ""
    if kind == "new tenant":
        return f"t-{number}"
    if kind.startswith("new ") and place == OWN:
        return await _new(stage, kind, number)
    return stage.id(kind.removeprefix("new "), place)


async def _new(stage: Stage, kind: str, number: int) -> str:
    if kind == "new zone":
        return await add_zone(stage.world, "default", "cam-own")
    if kind == "new webhook":
        return await add_webhook(stage.world, "default")
    if kind == "new export":
        return await add_export(stage.world, "default", "cam-own")
    return (await add_camera(stage.world, f"cam-{number}")).slug


def places(stage: Stage, kind: str | None) -> list[str]:
    known = [place for some, place in stage.ids if kind and some == kind.removeprefix("new ")]
    return [OWN] if kind in {None, "new tenant"} else known


def without_id(answer: httpx.Response, object_id: str) -> bytes:
    return answer.content.replace(object_id.encode(), b"ID") if object_id else answer.content


def value_at(answer: dict[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = answer["data"]
    for name in path:
        found = found[name]
    return found


@pytest.mark.parametrize("coordinate", EXECUTED)
async def test_a_field_demands_what_the_schema_states(world: World, coordinate: str) -> None:
    stage, ask = await set_up(world), ASKS[coordinate]
    needed = needed_by(ask.text)
    sets = scope_sets(needed | (stated(coordinate) or (frozenset(), ""))[0])
    async with client_of(stage.world) as client:
        before = await tables()
        await refused_or_not_there(client, stage, ask, sets)
        assert await tables() == before, "a refusal changed something"
        for number, scopes in enumerate(each for each in sets if may(each, needed)):
            object_id = await object_of(stage, ask.kind, OWN, number)
            answer = (await asked(client, ask, object_id, bearer(scopes))).json()
            assert codes(answer) == [], (scopes, answer)
            assert all(value is not None for value in answer["data"].values())
            if ask.kind not in {None, "tenant", "new tenant"}:
                assert "NOT_FOUND" not in str(answer)
            if ask.shows:
                shown = value_at(answer, ask.shows)
                own, otherwise = stated(coordinate) or (frozenset(), "")
                is_whole = "secret" in shown if otherwise == "LESS" else shown is not None
                assert is_whole == may(scopes, own), (scopes, shown)


async def refused_or_not_there(
    client: httpx.AsyncClient, stage: Stage, ask: Ask, sets: list[frozenset[Scope]]
) -> None:
    """Own objects without the scope, others' and absent ones with any, and bad tokens."""
    needed = needed_by(ask.text)
    for scopes in sets:
        told = {}
        for place in places(stage, ask.kind):
            object_id = (
                await object_of(stage, ask.kind, place) if place != OWN else _own(stage, ask)
            )
            if place == OWN and may(scopes, needed):
                continue
            answer = await asked(client, ask, object_id, bearer(scopes))
            told[place] = without_id(answer, object_id)
            if place == OWN:
                assert set(codes(answer.json())) == {"SCOPE_MISSING"}, (scopes, answer.text)
        assert told.get(FOREIGN) == told.get(ABSENT) or FOREIGN not in told, scopes
    await strangers(client, stage, ask)


def _own(stage: Stage, ask: Ask) -> str:
    """For attempts that must fail: an object that stays."""
    if ask.kind is None or ask.kind == "new tenant":
        return "t-refused"
    return stage.id(ask.kind.removeprefix("new "), OWN)


async def strangers(client: httpx.AsyncClient, stage: Stage, ask: Ask) -> None:
    """A token that is over, and one of a tenant that there is not."""
    over, nobody = bearer(Scope, ttl_seconds=-60), bearer([Scope.TENANT_ADMIN], "nobody")
    own = _own(stage, ask)
    for accept in ("application/json", "text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
        answer = await asked(client, ask, own, over, Accept=accept)
        assert (answer.status_code, codes(answer.json())) == (401, ["TOKEN_EXPIRED"])
    told = set()
    for place in places(stage, ask.kind):
        object_id = own if place == OWN else stage.id((ask.kind or "").removeprefix("new "), place)
        told.add(without_id(await asked(client, ask, object_id, nobody), object_id))
    assert len(told) == 1, told


@asynccontextmanager
async def shown_frames(world: World, camera_id: str) -> AsyncIterator[None]:
    """A frame of the camera again and again, for who follows what is seen."""

    async def show() -> None:
        words = msgspec.json.encode(ShownFrame(0, 320, 240, []))
        while True:
            await world.broadcast.send(detections_of("default", camera_id), words)
            await asyncio.sleep(0.02)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait({showing})


@pytest.mark.parametrize("coordinate", [each for each in FIELDS if each not in EXECUTED])
async def test_a_subscription_demands_what_the_schema_states(world: World, coordinate: str) -> None:
    stage, ask = await set_up(world), ASKS[coordinate]
    needed = needed_by(ask.text)
    assert needed
    variables = {"after": stage.before} if "$after" in ask.text else None
    if ask.kind is not None:
        variables = {"id": stage.id(ask.kind, OWN)}
    before = await tables()
    async with served(stage.world) as place, shown_frames(stage.world, stage.id("camera", OWN)):
        for scopes in scope_sets(needed):
            async with opened(place) as socket:
                await socket.init({"token": bearer(scopes)})
                await socket.subscribe(ask.text, variables)
                if may(scopes, needed):
                    assert await socket.next()
                    continue
                message = await socket.receive()
                assert message["type"] == "error", (scopes, message)
                assert codes({"errors": message["payload"]}) == ["SCOPE_MISSING"]
        async with opened(place) as socket:
            payload = {"token": bearer(Scope, ttl_seconds=-60)}
            await socket.send({"type": "connection_init", "payload": payload})
            assert (await socket.closed())[0] == 4401
    async with client_of(stage.world) as client:
        body = {"query": ask.text, "variables": variables}
        for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
            headers = {"Accept": accept, "Authorization": f"Bearer {bearer(Scope, ttl_seconds=-9)}"}
            answer = await client.post("/graphql", json=body, headers=headers)
            assert (answer.status_code, codes(answer.json())) == (401, ["TOKEN_EXPIRED"])
    assert await tables() == before
