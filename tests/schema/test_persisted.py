"""Documents that clients name by their hash, and documents that are trusted."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from graphql import get_introspection_query

from resolvers.context import World
from schema import persisted
from schema.errors import INTROSPECTION_DISABLED, NOT_TRUSTED, PERSISTED_NOT_FOUND
from schema.persisted import MAX_KEPT_CHARACTERS, Documents, LocalDocuments
from tests.schema.service import client_of

QUERY = "{ viewer { tenantId } }"
ANSWER = {"data": {"viewer": {"tenantId": "default"}}}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def named(text: str, **more: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text), **more}}


async def post(world: World, documents: Documents, **body: Any) -> Any:
    async with client_of(world, documents=documents) as client:
        return (await client.post("/graphql", json=body)).json()


def code(answer: Any) -> str:
    assert "data" not in answer
    return str(answer["errors"][0]["extensions"]["code"])


async def test_a_document_that_was_sent_once_is_known_by_its_hash(world: World) -> None:
    documents = Documents()
    first = await post(world, documents, extensions=named(QUERY))
    assert code(first) == PERSISTED_NOT_FOUND
    assert first["errors"][0]["message"] == "PersistedQueryNotFound"
    assert await post(world, documents, query=QUERY, extensions=named(QUERY)) == ANSWER
    assert await post(world, documents, extensions=named(QUERY)) == ANSWER
    async with client_of(world, documents=documents) as client:
        parameters = {"extensions": json.dumps(named(QUERY))}
        assert (await client.get("/graphql", params=parameters)).json() == ANSWER


async def test_a_text_of_another_hash_is_refused_and_not_kept(world: World) -> None:
    documents = Documents()
    other = "{ viewer { scopes } }"
    assert code(await post(world, documents, query=QUERY, extensions=named(other))) == "BAD_REQUEST"
    for text in (QUERY, other):
        assert code(await post(world, documents, extensions=named(text))) == PERSISTED_NOT_FOUND


async def test_a_document_that_is_not_valid_is_not_kept(world: World) -> None:
    documents = Documents()
    wrong = "{ nothing }"
    for _ in range(2):
        answer = await post(world, documents, query=wrong, extensions=named(wrong))
        assert code(answer) == "GRAPHQL_VALIDATION_FAILED"
        assert code(await post(world, documents, extensions=named(wrong))) == PERSISTED_NOT_FOUND


async def test_a_long_document_is_executed_but_not_kept(world: World) -> None:
    documents = Documents()
    text = QUERY + "#" * MAX_KEPT_CHARACTERS
    assert await post(world, documents, query=text, extensions=named(text)) == ANSWER
    assert code(await post(world, documents, extensions=named(text))) == PERSISTED_NOT_FOUND


@pytest.mark.parametrize(
    "given",
    [
        7,
        "x",
        {},
        {"version": 1},
        {"version": 1, "sha256Hash": 7},
        {"version": 2, "sha256Hash": "x"},
    ],
)
async def test_a_malformed_name_is_refused(world: World, given: object) -> None:
    answer = await post(world, Documents(), query=QUERY, extensions={"persistedQuery": given})
    assert code(answer) == "BAD_REQUEST"


async def test_only_trusted_documents_are_executed(world: World) -> None:
    documents = Documents(trusted={digest(QUERY): QUERY})
    assert await post(world, documents, query=QUERY) == ANSWER
    assert await post(world, documents, extensions=named(QUERY)) == ANSWER
    other = "{ viewer { scopes } }"
    assert code(await post(world, documents, query=other)) == NOT_TRUSTED
    assert code(await post(world, documents, query=other, extensions=named(other))) == NOT_TRUSTED
    assert code(await post(world, documents, extensions=named(other))) == NOT_TRUSTED
    assert code(await post(world, documents, query=QUERY + " ")) == NOT_TRUSTED


@pytest.mark.parametrize(
    "text",
    [
        get_introspection_query(),
        '{ __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { s: __schema { queryType { name } } }",
    ],
)
async def test_the_schema_is_not_shown_where_that_is_switched_off(world: World, text: str) -> None:
    documents = Documents(introspection=False)
    assert code(await post(world, documents, query=text)) == INTROSPECTION_DISABLED
    assert await post(world, documents, query="{ viewer { __typename tenantId } }") == {
        "data": {"viewer": {"__typename": "Viewer", "tenantId": "default"}}
    }
    assert "errors" not in await post(world, Documents(), query=text)


async def test_documents_used_least_recently_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisted, "MOST_KEPT", 2)
    store = LocalDocuments()
    await store.put("a", "A")
    await store.put("b", "B")
    assert await store.get("a") == "A"
    await store.put("c", "C")
    assert [await store.get(each) for each in "abc"] == ["A", None, "C"]
