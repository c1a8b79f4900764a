"""Any frames in any order: the socket answers by its protocol, or closes with a code of it.

What it must do is told by a model of the protocol that knows nothing of our parser.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from resolvers.context import World
from tests.schema.service import served
from tests.schema.socket_client import Socket, opened
from tests.world import token

Frame = str | bytes
LAST = {"last": "word"}
EVENTS = "subscription { events { __typename } }"
GOOD, OVER = token(), token(ttl_seconds=-60)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(texts, values, max_size=3)
ids = st.sampled_from(["1", "2", "é", "\x00", '"}', "𝄞" * 100])
queries = st.sampled_from([EVENTS, "{ viewer { tenantId } }", "{ nothing }", "{}", "{", ""]) | texts


def message(kind: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    optional = {"payload": members.pop("payload")} if kind in {"ping", "pong"} else {}
    return st.fixed_dictionaries({"type": st.just(kind), **members}, optional=optional)


requests = st.fixed_dictionaries(
    {"query": queries},
    optional={
        "variables": st.none() | objects,
        "operationName": st.none() | texts,
        "extensions": st.none() | st.just({"persistedQuery": {"version": 1, "sha256Hash": "ab"}}),
    },
)
init = message("connection_init", payload=st.just({"token": GOOD}))
well_formed = st.one_of(
    message("ping", payload=st.none() | objects),
    message("pong", payload=st.none() | objects),
    message("subscribe", id=ids, payload=requests),
    message("subscribe", id=ids, payload=st.just({"query": EVENTS})),
    message("complete", id=ids),
)
unwanted_init = message(
    "connection_init",
    payload=st.sampled_from([{"token": GOOD}, {"token": OVER}, {"token": "x"}, {}, None]),
)
odd = st.sampled_from(["", "ping", "next", "PING", 0, 1, None, [], {}, {"query": "{a}"}]) | values
spoiled = st.tuples(well_formed, st.sampled_from(["type", "id", "payload"]), odd).map(
    lambda found: {**found[0], found[1]: found[2]}
)
cut = st.tuples(well_formed, st.sampled_from(["type", "id", "payload"])).map(
    lambda found: {name: value for name, value in found[0].items() if name != found[1]}
)
frames: st.SearchStrategy[Frame] = st.one_of(
    well_formed.map(json.dumps),
    well_formed.map(lambda found: json.dumps(found, ensure_ascii=False)),
    well_formed.map(json.dumps),
    unwanted_init.map(json.dumps),
    spoiled.map(json.dumps),
    cut.map(json.dumps),
    values.map(json.dumps),
    texts,
    st.binary(max_size=20),
)
sessions = st.tuples(st.lists(init.map(json.dumps), max_size=1), st.lists(frames, max_size=8)).map(
    lambda found: [*found[0], *found[1]]
)


def parsed(frame: Frame) -> dict[str, Any] | None:
    """A message of the protocol as clients may send it; None for all else."""
    if isinstance(frame, bytes):
        return None
    try:
        found = json.loads(frame)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    payload = found.get("payload")
    match found.get("type"):
        case "connection_init" | "ping" | "pong":
            fits = payload is None or isinstance(payload, dict)
        case "complete":
            fits = is_id(found.get("id"))
        case "subscribe":
            fits = is_id(found.get("id")) and isinstance(payload, dict) and is_request(payload)
        case _:
            fits = False
    return found if fits else None


def is_id(given: object) -> bool:
    return isinstance(given, str) and given != ""


def is_request(payload: dict[str, Any]) -> bool:
    extensions = payload.get("extensions")
    return (
        isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
        and isinstance(extensions, dict | None)
    )


class Model:
    """What a session of frames must come to: `closes` are the codes that it may end with.

    None among them: it goes on. An operation that is answered may still be there when its id is
    used again, or not any more.
    """

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.closes: set[int | None] = set()
        self.pings: list[object] = []
        self.subscribed: Counter[str] = Counter()
        self._initialised = False
        self._running: set[str] = set()
        self._answered: set[str] = set()
        for frame in frames:
            code = self._close_of(parsed(frame))
            if code is not None:
                self.closes.add(code)
                return
        self.closes.add(None)

    def _close_of(self, found: dict[str, Any] | None) -> int | None:
        if found is None:
            return 4400
        match found["type"]:
            case "connection_init":
                return self._init(found.get("payload") or {})
            case "ping":
                self.pings.append(found.get("payload"))
            case "complete":
                self._running.discard(found["id"])
                self._answered.discard(found["id"])
            case "subscribe":
                return self._subscribe(found["id"], found["payload"])
        return None

    def _init(self, payload: dict[str, Any]) -> int | None:
        if self._initialised:
            return 4429
        self._initialised = True
        return {GOOD: None, OVER: 4401}.get(payload.get("token", ""), 4403)

    def _subscribe(self, operation_id: str, payload: dict[str, Any]) -> int | None:
        if not self._initialised:
            return 4401
        if operation_id in self._running:
            return 4409
        if operation_id in self._answered:
            self.closes.add(4409)
        self.subscribed[operation_id] += 1
        goes_on = payload["query"] == EVENTS
        goes_on &= payload.get("operationName") is None and payload.get("extensions") is None
        (self._running if goes_on else self._answered).add(operation_id)
        return None


async def exchange(socket: Socket, frames: Sequence[Frame]) -> tuple[list[Any], int | None]:
    """Everything that came until the answer to a last ping, or until the close with its code."""
    told: list[Any] = []
    try:
        for frame in [*frames, json.dumps({"type": "ping", "payload": LAST})]:
            await socket.connection.send(frame)
    except ConnectionClosed:
        pass  # what came before can still be read
    try:
        while {"type": "pong", "payload": LAST} not in told:
            told.append(await socket.receive())
    except ConnectionClosed as closed:
        return told, 1006 if closed.rcvd is None else closed.rcvd.code
    told.pop()
    return told, None


def check(told: Sequence[dict[str, Any]], model: Model, code: int | None) -> None:
    of = {kind: [each for each in told if each["type"] == kind] for kind in ("pong", "next")}
    acks = [each for each in told if each["type"] == "connection_ack"]
    ends = [each for each in told if each["type"] in {"error", "complete"}]
    assert len(acks) + len(ends) + sum(map(len, of.values())) == len(told)
    assert acks in ([], [{"type": "connection_ack"}])
    pongs = [each.get("payload") for each in of["pong"]]
    assert pongs == (model.pings if code is None else model.pings[: len(pongs)])
    for each in of["next"]:
        assert each["id"] in model.subscribed
        assert {"data", "errors"} & each["payload"].keys()
    for each in ends:
        entries = each.get("payload", [{"message": "", "extensions": {"code": ""}}])
        assert entries
        assert all(entry["message"] is not None and entry["extensions"] for entry in entries)
    assert not Counter(each["id"] for each in ends) - model.subscribed
    first = next((each["type"] for each in told if each["type"] != "pong"), "connection_ack")
    assert first == "connection_ack"


@pytest.fixture
async def place(world: World) -> AsyncIterator[str]:
    async with served(world) as found:
        yield found


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=sessions)
async def test_any_session_is_answered_by_the_protocol(
    place: str, caplog: pytest.LogCaptureFixture, frames: list[Frame]
) -> None:
    model = Model(frames)
    async with opened(place) as socket:
        told, code = await exchange(socket, frames)
    assert code in model.closes
    check(told, model, code)
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
