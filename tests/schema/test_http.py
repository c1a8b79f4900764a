from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jwt
import pytest

from media.types import ModelStatus
from resolvers.cameras import cameras
from resolvers.context import World
from tests.schema.service import GRAPHQL, client_of, codes
from tests.world import SECRET, add_camera, context, token

JSON = "application/json"
VIEWER = "{ viewer { tenantId } }"
DELETE = 'mutation { cameraDelete(id: "cam-front-01") { deletedId } }'
FAR = 4_102_444_800


async def post(world: World, body: bytes, **headers: str) -> tuple[int, str, dict[str, Any]]:
    """Status, media type and decoded answer."""
    sent = {"content-type": JSON, **{name.replace("_", "-"): v for name, v in headers.items()}}
    async with client_of(world) as client:
        answer = await client.post("/graphql", content=body, headers=sent)
    return answer.status_code, answer.headers["content-type"], answer.json()


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}, {GRAPHQL};q=0.9", JSON),
        ("text/html", JSON),
    ],
)
async def test_a_query_is_answered_in_the_media_type_that_is_wanted(
    world: World, accept: str | None, media: str
) -> None:
    async with client_of(world) as client:
        del client.headers["accept"]
        headers = {} if accept is None else {"accept": accept}
        answer = await client.post("/graphql", json={"query": VIEWER}, headers=headers)
    assert (answer.status_code, answer.json()) == (
        200,
        {"data": {"viewer": {"tenantId": "default"}}},
    )
    assert answer.headers["content-type"] == f"{media}; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("{", {}, "GRAPHQL_PARSE_FAILED"),
    ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("{}", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("{ viewer {} }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("query A {viewer{tenantId}} query B {viewer{tenantId}}", {}, "BAD_REQUEST"),
    ("query ($n: Int!) { cameras(first: $n) { nodes { id } } }", {}, "INVALID_INPUT"),
    ("query ($n: Int!) { cameras(first: $n) { nodes { id } } }", {"n": "5"}, "INVALID_INPUT"),
    ("query ($n: Int!) { cameras(first: $n) { nodes { id } } }", {"n": 2**31}, "INVALID_INPUT"),
    ("query ($n: Int!) { cameras(first: $n) { nodes { id } } }", {"n": 10**400}, "INVALID_INPUT"),
    ("query ($n: Int!) { cameras(first: $n) { nodes { id } } }", {"n": True}, "INVALID_INPUT"),
    ("query ($d: Date!) { camera(id: 1) { hours(date: $d) { hour } } }", {"d": 5}, "INVALID_INPUT"),
]


@pytest.mark.parametrize(("query", "variables", "code"), REFUSED)
async def test_a_request_that_is_not_executed_has_errors_and_no_data(
    world: World, query: str, variables: dict[str, object], code: str
) -> None:
    body = {"query": query, "variables": variables}
    async with client_of(world) as client:
        for accept, status in ((JSON, 200), (GRAPHQL, 400)):
            answer = await client.post("/graphql", json=body, headers={"accept": accept})
            assert (answer.status_code, list(answer.json())) == (status, ["errors"])
            assert codes(answer.json()) == [code]


async def test_an_error_while_executing_comes_with_data(world: World) -> None:
    body = b'{"query": "{ viewer { tenantId } cameras(first: 0) { nodes { id } } }"}'
    status, media, answer = await post(world, body, accept=GRAPHQL)
    assert (status, media, answer["data"]) == (200, f"{GRAPHQL}; charset=utf-8", None)
    [error] = answer["errors"]
    assert (error["path"], error["locations"]) == (["cameras"], [{"line": 1, "column": 23}])


async def test_an_argument_that_a_variable_makes_null_is_the_clients_mistake(world: World) -> None:
    query = b'"query ($n: Int) { cameras(first: $n) { nodes { id } } }"'
    _, _, answer = await post(world, b'{"query": ' + query + b', "variables": {"n": null}}')
    assert (codes(answer), answer["errors"][0]["path"]) == (["INVALID_INPUT"], ["cameras"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"{ viewer { tenantId } }"',
        b"[]",
        b'[{"query": "{ viewer { tenantId } }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": 7}',
        b'{"query": ["{ viewer { tenantId } }"]}',
        b'{"query": "{ viewer { tenantId } }", "variables": []}',
        b'{"query": "{ viewer { tenantId } }", "variables": "{}"}',
        b'{"query": "{ viewer { tenantId } }", "operationName": 7}',
        b'{"query": "{ viewer { tenantId } }", "extensions": []}',
        b'{"query": "{ viewer { tenantId } }"} trailing',
        b'{"query": "\xff"}',
        b'{"query": "{ viewer { tenantId } }", "more": {"\x80": null}}',
        b'{"query": "\\ud800"}',
        b'{"query": "{ viewer { tenantId } }", "variables": {"n": NaN}}',
        b'{"query": "{ viewer { tenantId } }", "variables": {"n": ' + b"9" * 5_000 + b"}}",
        b'{"query": "{ viewer { tenantId } }", "variables": {"n": 1e999}}',
        b'{"query": "{ viewer { tenantId } }", "variables": ' + b'{"n":' * 50_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: body[:60],
)
async def test_a_body_that_is_no_request_is_a_400_in_graphqls_shape(
    world: World, body: bytes
) -> None:
    for accept in (JSON, GRAPHQL):
        status, media, answer = await post(world, body, accept=accept)
        assert (status, media, list(answer)) == (400, f"{accept}; charset=utf-8", ["errors"])
        assert codes(answer) == ["BAD_REQUEST"]
        assert "sys." not in str(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/jsonx",
    ],
)
async def test_only_json_is_read(world: World, content_type: str) -> None:
    await add_camera(world)
    body = b'{"query": "mutation { cameraDelete(id: \\"cam-front-01\\") { deletedId } }"}'
    status, _, answer = await post(world, body, content_type=content_type)
    assert (status, codes(answer)) == (415, ["BAD_REQUEST"])
    assert len(await cameras(context(world))) == 1


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "Application/JSON"])
async def test_spellings_of_json(world: World, content_type: str) -> None:
    body = b'{"query": "{ viewer { tenantId } }"}'
    assert (await post(world, body, content_type=content_type))[0] == 200


async def test_a_body_over_a_mebibyte_is_a_413(world: World) -> None:
    body = b'{"query": "{ viewer { tenantId } }", "x": "' + b"x" * 1024 * 1024 + b'"}'
    status, _, answer = await post(world, body)
    assert (status, codes(answer)) == (413, ["BODY_TOO_LARGE"])


async def test_a_huge_list_of_inputs_is_answered(world: World) -> None:
    query = b'{"query": "query ($f: EventFilter) { events(filter: $f) { nodes { id } } }", '
    body = query + b'"variables": {"f": {"types": [' + b'{"a":[]},' * 100_000 + b"1]}}}"
    status, _, answer = await post(world, body)
    assert (status, set(codes(answer)), "data" in answer) == (200, {"TOO_MANY_VALUES"}, False)


async def test_a_query_may_come_by_get(world: World) -> None:
    query = (
        "query A($first: Int!) { cameras(first: $first) { totalCount } } query B { viewer { x } }"
    )
    query = query.replace("viewer { x }", "viewer { tenantId }")
    params = {"query": query, "operationName": "A", "variables": '{"first": 1}'}
    async with client_of(world) as client:
        answer = await client.get("/graphql", params=params)
        blank = await client.get("/graphql", params={"query": VIEWER, "operationName": ""})
    assert answer.json() == {"data": {"cameras": {"totalCount": 0}}}
    assert blank.json() == {"data": {"viewer": {"tenantId": "default"}}}


async def test_a_mutation_by_get_is_refused_and_does_nothing(world: World) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        for accept in (JSON, GRAPHQL, "text/event-stream"):
            answer = await client.get(
                "/graphql", params={"query": DELETE}, headers={"accept": accept}
            )
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
            assert codes(answer.json()) == ["BAD_REQUEST"]
    assert len(await cameras(context(world))) == 1


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"variables": "{}"},
        {"query": VIEWER, "variables": "[]"},
        {"query": VIEWER, "variables": "{"},
    ],
)
async def test_a_get_that_is_no_request_is_a_400(world: World, params: dict[str, str]) -> None:
    async with client_of(world) as client:
        answer = await client.get("/graphql", params=params)
    assert (answer.status_code, codes(answer.json())) == (400, ["BAD_REQUEST"])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
async def test_other_methods_are_refused(world: World, method: str) -> None:
    async with client_of(world) as client:
        answer = await client.request(method, "/graphql", params={"query": VIEWER})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_subscription_needs_a_transport_that_can_carry_it(world: World) -> None:
    async with client_of(world) as client:
        body = {"query": "subscription { cameras { id } }"}
        answer = await client.post("/graphql", json=body, headers={"accept": JSON})
    assert (answer.status_code, codes(answer.json())) == (406, ["BAD_REQUEST"])


def forged(**changes: object) -> str:
    claims = {"tenant_id": "default", "scope": "cameras:read", "exp": FAR, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, SECRET, algorithm="HS256")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "NOT_AUTHENTICATED"),
        ("", "NOT_AUTHENTICATED"),
        ("Bearer", "NOT_AUTHENTICATED"),
        ("Bearer ", "NOT_AUTHENTICATED"),
        ("Bearer x", "NOT_AUTHENTICATED"),
        ("Bearer a.b.c", "NOT_AUTHENTICATED"),
        ("Basic dXNlcjpwYXNz", "NOT_AUTHENTICATED"),
        (f"Token {token()}", "NOT_AUTHENTICATED"),
        (f"Bearer {token()[:-4]}AAAA", "NOT_AUTHENTICATED"),
        (f"Bearer {jwt.encode({'exp': FAR}, 'y' * 32, algorithm='HS256')}", "NOT_AUTHENTICATED"),
        (f"Bearer {jwt.encode({'exp': FAR}, '', algorithm='none')}", "NOT_AUTHENTICATED"),
        (f"Bearer {forged(tenant_id=None)}", "NOT_AUTHENTICATED"),
        (f"Bearer {forged(scope=None)}", "NOT_AUTHENTICATED"),
        (f"Bearer {forged(exp=None)}", "NOT_AUTHENTICATED"),
        (f"Bearer {token(ttl_seconds=-60)}", "TOKEN_EXPIRED"),
    ],
)
async def test_without_a_good_token_nothing_is_answered(
    world: World, authorization: str | None, code: str
) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        del client.headers["authorization"]
        headers = {} if authorization is None else {"authorization": authorization}
        answers = [
            await client.post("/graphql", json={"query": DELETE}, headers=headers),
            await client.post("/graphql", content=b"{", headers=headers),
            await client.get("/graphql", params={"query": VIEWER}, headers=headers),
        ]
    for answer in answers:
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (codes(answer.json()), list(answer.json())) == ([code], ["errors"])
        assert authorization is None or len(authorization) < 20 or authorization not in answer.text
    assert len(await cameras(context(world))) == 1


async def test_the_scheme_of_a_token_is_written_in_any_case(world: World) -> None:
    async with client_of(world) as client:
        headers = {"authorization": f"bEARER {token()}"}
        answer = await client.post("/graphql", json={"query": VIEWER}, headers=headers)
    assert answer.status_code == 200


async def test_a_token_in_the_address_is_none(world: World) -> None:
    async with client_of(world) as client:
        del client.headers["authorization"]
        answer = await client.get("/graphql", params={"query": VIEWER, "token": token()})
    assert answer.status_code == 401


def broken(error: Exception) -> Callable[[], Sequence[ModelStatus]]:
    def models() -> Sequence[ModelStatus]:
        raise error

    return models


async def test_what_nobody_foresaw_is_masked_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    strange = replace(world, models=broken(RuntimeError("password is hunter2")))
    body = b'{"query": "{ models { name } }"}'
    status, _, answer = await post(strange, body)
    assert (status, answer["data"]) == (200, None)
    assert [(each["message"], each["extensions"]) for each in answer["errors"]] == [
        ("internal error", {"code": "INTERNAL"})
    ]
    [logged] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert logged.exc_info is not None
    assert "RuntimeError: password is hunter2" in caplog.text


async def test_an_answer_that_does_not_fit_its_type_is_masked(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = ModelStatus("m", "v", ("teleport",), "MIT", True, True)
    body = b'{"query": "{ models { features } }"}'
    _, _, answer = await post(replace(world, models=lambda: (wrong,)), body)
    assert (codes(answer), "teleport" in str(answer)) == (["INTERNAL"], False)
    assert "teleport" in caplog.text
