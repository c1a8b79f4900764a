"""Hostile requests of every shape: the work they make is bounded, counted in calls of functions.

Time would depend on the machine. A call of a Python function takes some tenths of a microsecond;
`tests/benchmarks/hostile.py` says what it comes to.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from resolvers.context import World
from schema import documents
from schema.errors import Refused
from schema.execution import GraphQLRequest
from schema.http import MAX_BODY_BYTES
from schema.limits import MAX_CHARACTERS, MAX_TOKENS
from tests import hostile
from tests.hostile import Hostile, every_shape
from tests.hostile.at_random import random_documents
from tests.schema.service import client_of

MOST_CALLS = 600_000
"""Of Python functions and C functions, for one request that was never seen before."""


class Calls:
    made = 0


@contextmanager
def counted() -> Iterator[Calls]:
    calls = Calls()

    def note(_: object, happened: str, __: object) -> None:
        if happened in {"call", "c_call"}:
            calls.made += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def test_the_shapes_reach_up_to_the_limits() -> None:
    assert (hostile.MOST_TOKENS, hostile.MOST_CHARACTERS) == (MAX_TOKENS, MAX_CHARACTERS)
    assert hostile.MOST_BYTES == MAX_BODY_BYTES


async def sent(client: httpx.AsyncClient, asked: Hostile) -> httpx.Response:
    if asked.body is None:
        return await client.get("/graphql", params=list(asked.parameters))
    return await client.post(
        "/graphql", content=asked.body, headers={"content-type": "application/json"}
    )


def is_followed(asked: Hostile) -> bool:
    """What is never over if it is not refused."""
    return b"subscription" in (asked.body or b"")


@pytest.mark.parametrize("name", [name for name, of in every_shape().items()])
async def test_a_hostile_request_makes_little_work(world: World, name: str) -> None:
    asked = every_shape()[name]()
    documents._cached.cache_clear()
    if is_followed(asked):
        with counted() as calls:
            prepared(asked)
    else:
        async with client_of(world) as client:
            with counted() as calls:
                answer = await sent(client, asked)
        assert answer.status_code in {200, 400, 413}
        assert len(answer.content) < 1024 * 1024
        assert "INTERNAL" not in answer.text[:10_000]
    assert calls.made < MOST_CALLS


def prepared(asked: Hostile) -> None:
    request = msgspec.json.decode(asked.body or b"", type=GraphQLRequest)
    assert isinstance(request.query, str)
    prepared_text(request.query, request.variables)


def prepared_text(text: str, variables: dict[str, Any] | None = None) -> None:
    with suppress(Refused):
        documents.prepare(text, None, variables)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_documents())
def test_documents_made_at_random_make_little_work(text: str) -> None:
    documents._cached.cache_clear()
    with counted() as calls:
        prepared_text(text)
    assert calls.made < MOST_CALLS
