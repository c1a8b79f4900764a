"""Each limit has a code of its own, which is counted; costs are told to who asks."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from models.database import pool_state
from models.sqlite import SqliteClient
from models.tenant import TenantTable
from resolvers.context import World
from resolvers.meter import NO_METER
from schema import errors
from schema.cost import MAX_COST
from schema.persisted import Documents
from tests.schema.service import client_of, served
from tests.schema.socket_client import opened
from tests.world import token

VIEWER = "{ viewer { tenantId } }"
COST = {"cost": True}


class Noted:
    """A meter that keeps the codes."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def operation(self, kind: str, name: str | None) -> AbstractContextManager[object]:
        return NO_METER.operation(kind, name)

    def refused(self, code: str) -> None:
        self.codes.append(code)

    def delivered(self, event: object) -> None:
        raise AssertionError(event)


def page(first: int, body: str) -> str:
    return f"{{ cameras(first: {first}) {{ nodes {{ {body} }} }} }}"


COSTLY = page(100, "events(first: 100) { nodes { id } }")
BEYOND: dict[str, dict[str, Any]] = {
    errors.DOCUMENT_TOO_LONG: {"query": VIEWER + "#" * 70_000},
    errors.TOO_MANY_TOKENS: {"query": "{ " + "a " * 1_000 + "}"},
    errors.WORD_TOO_LONG: {"query": "{ " + "a" * 65 + " }"},
    errors.TOO_DEEP: {"query": "{ a " * 13 + "}" * 13},
    errors.TOO_MANY_ALIASES: {"query": f"{{ {' '.join(f'a{n}: viewer' for n in range(31))} }}"},
    errors.TOO_COMPLEX: {"query": f"{{ viewer {{ {'tenantId ' * 300} }} }}"},
    errors.TOO_MANY_VALUES: {
        "query": "query ($f: EventFilter) { events(filter: $f) { nodes { id } } }",
        "variables": {"f": {"cameraIds": ["a"] * 1_000}},
    },
    errors.TOO_COSTLY: {"query": COSTLY},
    errors.BODY_TOO_LARGE: {"query": VIEWER, "x": "x" * 1024 * 1024},
    errors.PARSE_FAILED: {"query": "{"},
    errors.VALIDATION_FAILED: {"query": "{ nothing }"},
    errors.PERSISTED_NOT_FOUND: {
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    },
}


@pytest.mark.parametrize("code", BEYOND)
async def test_each_limit_has_its_code_and_is_counted_once(world: World, code: str) -> None:
    noted = Noted()
    async with client_of(replace(world, meter=noted)) as client:
        answer = (await client.post("/graphql", json=BEYOND[code])).json()
    assert "data" not in answer
    assert [each["extensions"]["code"] for each in answer["errors"]] == [code]
    assert noted.codes == [code]


async def test_what_settings_forbid_is_counted(world: World) -> None:
    noted = Noted()
    for documents, text in (
        (Documents(introspection=False), "{ __schema { queryType { name } } }"),
        (Documents(trusted={}), VIEWER),
    ):
        async with client_of(replace(world, meter=noted), documents=documents) as client:
            await client.post("/graphql", json={"query": text})
    assert noted.codes == [errors.INTROSPECTION_DISABLED, errors.NOT_TRUSTED]


async def test_few_errors_of_many_are_told_and_each_is_short(world: World) -> None:
    names = ", ".join(f"a{n}: 1" for n in range(200))
    async with client_of(world) as client:
        text = f"{{ events(filter: {{{names}}}) {{ nodes {{ id }} }} }}"
        found = (await client.post("/graphql", json={"query": text})).json()["errors"]
    assert (len(found), max(len(each["message"]) for each in found)) == (5, 500)


async def test_the_cost_is_told_to_who_asks_for_it(world: World) -> None:
    async with client_of(world) as client:
        asked: dict[str, Any] = {"query": VIEWER, "extensions": COST}
        told = (await client.post("/graphql", json=asked)).json()
        by_get = await client.get("/graphql", params={**asked, "extensions": json.dumps(COST)})
        silent = (await client.post("/graphql", json={"query": VIEWER})).json()
        refused = (await client.post("/graphql", json={**asked, "query": COSTLY})).json()
        stream = {"accept": "text/event-stream"}
        streamed = await client.post("/graphql", json=asked, headers=stream)
    assert silent == {"data": told["data"]}
    assert told == by_get.json()
    assert told["extensions"]["cost"]["limit"] == MAX_COST
    assert 0 < told["extensions"]["cost"]["requested"] < MAX_COST
    assert json.dumps(told["extensions"], separators=(",", ":")) in streamed.text
    assert refused["extensions"]["cost"]["requested"] == refused["errors"][0]["extensions"]["found"]
    assert refused["extensions"]["cost"]["requested"] > MAX_COST


async def test_the_cost_is_told_over_sockets_with_each_answer(world: World) -> None:
    async with served(world) as place, opened(place) as socket:
        await socket.init()
        for text in (VIEWER, "subscription { cameras { kind } }"):
            payload = {"query": text, "extensions": COST}
            await socket.send({"type": "subscribe", "id": text, "payload": payload})
            if text == VIEWER:
                answer = (await socket.receive())["payload"]
                assert answer["extensions"]["cost"]["limit"] == MAX_COST
                assert (await socket.receive())["type"] == "complete"


async def test_a_socket_is_told_when_to_ask_again(world: World) -> None:
    await TenantTable.filter(id="acme").update(requests_per_minute=6)
    noted = Noted()
    async with (
        served(replace(world, meter=noted)) as place,
        opened(place, bearer=token("acme")) as socket,
    ):
        await socket.init({"token": token("acme")})
        last: dict[str, Any] = {}
        for n in range(3):
            await socket.subscribe(VIEWER, operation_id=f"{n}")
            last = await socket.receive()
            if last["type"] == "error":
                break
            await socket.receive()
    [refusal] = last["payload"]
    assert refusal["extensions"]["code"] == errors.RATE_LIMITED
    assert 0 < refusal["extensions"]["retryAfter"] <= 10
    assert noted.codes == [errors.RATE_LIMITED]


@asynccontextmanager
async def locked() -> AsyncIterator[None]:
    """The cameras, held for a second by somebody else's connection."""
    client = get_connection("default")
    if isinstance(client, SqliteClient):
        other = sqlite3.connect(client.filename, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(1.0, other.rollback)
        yield
        other.close()
        return
    held, over = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with in_transaction() as connection:
            await connection.execute_query("LOCK TABLE camera IN ACCESS EXCLUSIVE MODE")
            held.set()
            await over.wait()

    task = asyncio.create_task(hold())
    await held.wait()
    yield
    over.set()
    await task


async def test_a_mutation_that_takes_too_long_is_undone(world: World) -> None:
    noted = Noted()
    hasty = replace(world, operation_seconds=0.3, meter=noted)
    text = """mutation { cameraCreate(input: {id: "late", name: "Late", rtspUrl: "rtsp://10.0.0.1/a"})
        { camera { id } } }"""
    async with locked(), client_of(hasty) as client:
        answer = (await client.post("/graphql", json={"query": text})).json()
    assert answer["data"] is None
    assert [each["extensions"]["code"] for each in answer["errors"]] == [errors.TIMED_OUT]
    assert noted.codes == [errors.TIMED_OUT]
    async with client_of(world) as client:
        for _ in range(12):  # more than the pool has connections
            asked = await client.post("/graphql", json={"query": '{ camera(id: "late") { id } }'})
            assert asked.json() == {"data": {"camera": None}}
        created = (await client.post("/graphql", json={"query": text})).json()
    assert created["data"]["cameraCreate"]["camera"] == {"id": "late"}
    assert pool_state().is_up
