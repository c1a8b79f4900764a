from __future__ import annotations

import json

import pytest

from resolvers.cameras import cameras
from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_of
from tests.world import context

CAMERAS = "/v2/api/cameras"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name":"a",}',
        b'{"name":NaN}',
        b'{"fps":Infinity}',
        b"{} {}",
        b"name=Lobby&rtsp_url=rtsp://a",
        b'{"name":"\xff\xfe"}',
        b'\xef\xbb\xbf{"name":"a"}',
        b'{"name":"\\ud800 lone"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        "{'name': 'é'}".encode("utf-16"),
        b"\0",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_what_is_no_json_is_a_400(world: World, body: bytes) -> None:
    async with client_of(world) as client:
        for method, address in (("POST", CAMERAS), ("PATCH", f"{CAMERAS}/cam-a")):
            answer = await client.request(method, address, content=body)
            assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
            assert answer.json()["code"] == "MALFORMED_JSON"
    assert await cameras(context(world)) == []


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"text"', b"true", b"[{}]", b"1e999"])
async def test_json_that_is_no_object_is_a_422(world: World, body: bytes) -> None:
    async with client_of(world) as client:
        answer = await client.post(CAMERAS, content=body)
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "body", "message": "want a JSON object"}],
    )


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000, "1e-999"])
async def test_a_number_that_fits_nowhere_is_named(world: World, number: str) -> None:
    body = f'{{"name":"a","rtsp_url":"rtsp://10.0.0.1/","fps":{number}}}'
    async with client_of(world) as client:
        answer = await client.post(CAMERAS, content=body)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["fps"]
    assert await cameras(context(world)) == []


async def test_of_a_name_that_comes_twice_the_last_counts(world: World) -> None:
    body = '{"name":"a","rtsp_url":"rtsp://10.0.0.1/","name":"b"}'
    async with client_of(world) as client:
        answer = await client.post(CAMERAS, content=body)
    assert (answer.status_code, answer.json()["name"]) == (201, "b")


async def test_thousands_of_unknown_fields_make_a_short_answer(world: World) -> None:
    body = json.dumps({f"{n}-{'x' * 100}": n for n in range(5000)})
    async with client_of(world) as client:
        answer = await client.post(CAMERAS, content=body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 50
    assert len(answer.content) < 50_000


async def test_an_unknown_field_with_an_odd_name_is_named_as_it_is(world: World) -> None:
    async with client_of(world) as client:
        answer = await client.patch(f"{CAMERAS}/cam-a", json={'\u0000"\n': 1})
    assert [each["field"] for each in answer.json()["errors"]] == ['\u0000"\n']
