"""Any body with any headers: GraphQL over HTTP answers in its shape, and nothing is a 500."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.context import World
from tests.schema.service import GRAPHQL, client_of
from tests.schema.test_sockets_fuzzed import EVENTS, is_request, objects, queries, texts, values

JSON = "application/json"
ACCEPTED = {
    "*/*": JSON,
    JSON: JSON,
    GRAPHQL: GRAPHQL,
    f"{GRAPHQL}; charset=utf-8": GRAPHQL,
    f"{GRAPHQL};q=0.1, {JSON};q=0.9": JSON,
    f"{JSON};q=0.1, {GRAPHQL};q=0.9": GRAPHQL,
    f"{JSON};q=0, {GRAPHQL}": GRAPHQL,
    f"{GRAPHQL};q=nan, */*;q=0.1": JSON,
    f"text/html, {GRAPHQL}": GRAPHQL,
    "": JSON,
    "text/html": JSON,
    ",;q=,=/;;": JSON,
}
"""What a client accepts, and the media type that it must get."""

finite = queries.filter(lambda query: query != EVENTS)  # that one is a stream, without an end
request_bodies = st.fixed_dictionaries(
    {"query": finite},
    optional={
        "variables": st.none() | objects,
        "operationName": st.none() | texts,
        "extensions": st.none() | objects | st.fixed_dictionaries({"persistedQuery": values}),
        "more": values,
    },
)
spoiled = st.tuples(
    request_bodies, st.sampled_from(["query", "variables", "operationName", "extensions"]), values
).map(lambda found: {**found[0], found[1]: found[2]})
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])
bodies = st.one_of(
    request_bodies.map(lambda found: json.dumps(found).encode()),
    spoiled.map(lambda found: json.dumps(found).encode()),
    st.tuples(request_bodies, encodings).map(
        lambda found: json.dumps(found[0], ensure_ascii=False).encode(found[1], "replace")
    ),
    values.map(lambda found: json.dumps(found).encode()),
    st.binary(max_size=30),
)
content_types = st.sampled_from([JSON, JSON, f"{JSON}; charset=utf-8", "text/plain", ""])


def is_readable(body: bytes) -> bool:
    """Whether it is a request as the draft describes it, in JSON without a byte order mark."""
    try:
        found = json.loads(body.decode())
    except ValueError:
        return False
    return isinstance(found, dict) and is_request(found)


def check_answer(status: int, media: str, answer: dict[str, Any]) -> None:
    assert answer.keys() <= {"data", "errors"}
    for each in answer.get("errors", [{"message": "", "extensions": {"code": "-"}}]):
        assert isinstance(each["message"], str)
        assert each["extensions"]["code"] != "INTERNAL"
    assert "data" in answer or answer["errors"]
    if status == 200 and media == GRAPHQL:
        assert "data" in answer
    if status != 200:
        assert "data" not in answer


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies, content_type=content_types, accept=st.sampled_from(list(ACCEPTED)))
async def test_any_body_is_answered_in_graphqls_shape(
    world: World, caplog: pytest.LogCaptureFixture, body: bytes, content_type: str, accept: str
) -> None:
    headers = {"content-type": content_type, "accept": accept}
    async with client_of(world) as client:
        found = await client.post("/graphql", content=body, headers=headers)
    media = ACCEPTED[accept]
    assert found.headers["content-type"] == f"{media}; charset=utf-8"
    if JSON not in content_type:
        assert found.status_code == 415
    elif not is_readable(body):
        assert found.status_code == 400
    else:
        assert found.status_code in ({200, 400, 406} if media == GRAPHQL else {200, 406})
    check_answer(found.status_code, media, found.json())
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    params=st.dictionaries(
        st.sampled_from(["query", "variables", "operationName", "extensions"]) | texts,
        finite | texts | objects.map(json.dumps),
    ),
    accept=st.sampled_from([each for each in ACCEPTED if "html" not in each]),
)
async def test_any_address_is_answered_in_graphqls_shape(
    world: World, caplog: pytest.LogCaptureFixture, params: dict[str, str], accept: str
) -> None:
    async with client_of(world) as client:
        found = await client.get("/graphql", params=params, headers={"accept": accept})
    assert found.headers["content-type"] == f"{ACCEPTED[accept]}; charset=utf-8"
    assert found.status_code in {200, 400, 406}
    check_answer(found.status_code, ACCEPTED[accept], found.json())
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
