from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from resolvers import cursors
from resolvers.context import World
from schema import streams
from tests.schema.buses import CountingBus
from tests.schema.service import codes, served
from tests.world import add_camera, add_events, beginning, token

AT = 1_777_558_925_123_000
SSE = "text/event-stream"
APOLLO = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json'
URQL = (
    "application/graphql-response+json, application/json, text/event-stream, "
    "multipart/mixed;subscriptionSpec=1.0"
)
EVENTS = """subscription ($after: Cursor) { events(after: $after) {
  ... on EventChange { event { id } } } }"""
VIEWER = "{ viewer { tenantId } }"


@asynccontextmanager
async def stream(
    place: str,
    query: str,
    accept: str,
    variables: Mapping[str, object] | None = None,
    bearer: str | None = None,
) -> AsyncIterator[httpx.Response]:
    headers = {"Authorization": f"Bearer {bearer or token()}", "Accept": accept}
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(base_url=f"http://{place}", timeout=10) as client,
        client.stream("POST", "/graphql", json=body, headers=headers) as response,
    ):
        yield response


class ServerSent:
    """Events of a body, as a browser's EventSource reads them."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, dict[str, Any] | None]:
        kind, sent = "", None
        async for line in self._lines:
            name, _, value = line.partition(":")
            if name == "event":
                kind = value.strip()
            elif name == "data":
                sent = value.strip()
            elif not line and sent is not None:
                return kind, json.loads(sent) if sent else None
        raise EOFError

    async def rest(self) -> list[str]:
        return [line async for line in self._lines]


class Parts:
    """Parts of a multipart body; each is whole as soon as its closing boundary came."""

    def __init__(self, response: httpx.Response) -> None:
        self._text = response.aiter_text()
        self._left = ""

    async def next(self) -> Any:
        while self._left.count("--graphql") < 2:
            self._left += await anext(self._text)
        before, part, self._left = self._left.split("--graphql", 2)
        self._left = f"--graphql{self._left}"
        assert before == ""
        head, _, body = part.partition("\r\n\r\n")
        assert head == "\r\nContent-Type: application/json"
        return json.loads(body)

    async def rest(self) -> str:
        return self._left + "".join([each async for each in self._text])


async def test_events_over_server_sent_events(world: World) -> None:
    camera = await add_camera(world)
    start = {"after": cursors.encode_log("default", 0)}
    async with served(world) as place, stream(place, EVENTS, SSE, start) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, SSE)
        assert response.headers["cache-control"] == "no-store, no-transform"
        sent = ServerSent(response)
        for name in ("evt-1", "evt-2"):
            await add_events(world, camera, [beginning(camera.key, AT, event_id=name)])
            assert await sent.next() == ("next", {"data": {"events": {"event": {"id": name}}}})


async def test_events_over_apollos_multipart(world: World) -> None:
    camera = await add_camera(world)
    start = {"after": cursors.encode_log("default", 0)}
    async with served(world) as place, stream(place, EVENTS, APOLLO, start) as response:
        media = 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
        assert (response.status_code, response.headers["content-type"]) == (200, media)
        parts = Parts(response)
        for name in ("evt-1", "evt-2"):
            await add_events(world, camera, [beginning(camera.key, AT, event_id=name)])
            expected = {"payload": {"data": {"events": {"event": {"id": name}}}}}
            assert await parts.next() == expected


async def test_a_query_over_server_sent_events_is_one_answer(world: World) -> None:
    async with served(world) as place, stream(place, VIEWER, SSE) as response:
        sent = ServerSent(response)
        assert await sent.next() == ("next", {"data": {"viewer": {"tenantId": "default"}}})
        assert await sent.next() == ("complete", None)
        assert await sent.rest() == []


@pytest.mark.parametrize("accept", [APOLLO, URQL, "*/*"])
async def test_a_query_is_json_where_json_will_do(world: World, accept: str) -> None:
    async with served(world) as place, stream(place, VIEWER, accept) as response:
        assert json.loads(await response.aread()) == {"data": {"viewer": {"tenantId": "default"}}}


async def test_a_wrong_operation_over_server_sent_events_is_an_answer_without_data(
    world: World,
) -> None:
    async with served(world) as place, stream(place, "{ nothing }", SSE) as response:
        kind, answer = await ServerSent(response).next()
    assert (kind, response.status_code) == ("next", 200)
    assert answer is not None
    assert (codes(answer), "data" in answer) == (["GRAPHQL_VALIDATION_FAILED"], False)


@pytest.mark.parametrize("accept", [SSE, APOLLO])
async def test_a_subscription_that_is_refused_tells_why_and_ends(world: World, accept: str) -> None:
    bearer = token(scope="cameras:read")
    async with served(world) as place, stream(place, EVENTS, accept, bearer=bearer) as response:
        if accept == SSE:
            sent = ServerSent(response)
            _, answer = await sent.next()
            assert answer is not None
            assert await sent.next() == ("complete", None)
        else:
            parts = Parts(response)
            answer = await parts.next()
            assert answer["payload"] is None
            assert await parts.rest() == "--graphql--\r\n"
        assert codes(answer) == ["SCOPE_MISSING"]


@pytest.mark.parametrize("accept", [SSE, APOLLO])
async def test_a_stream_ends_with_its_token(world: World, accept: str) -> None:
    bus = CountingBus()
    bearer = token(ttl_seconds=2)
    async with (
        served(replace(world, bus=bus)) as place,
        stream(place, EVENTS, accept, bearer=bearer) as response,
    ):
        await bus.until(1)
        body = await response.aread()
        await bus.until(0)
    assert b'"code":"TOKEN_EXPIRED"' in body
    assert body.endswith((b"event: complete\ndata:\n\n", b"--graphql--\r\n"))


@pytest.mark.parametrize("accept", [SSE, APOLLO])
async def test_a_client_that_goes_away_ends_what_it_watched(world: World, accept: str) -> None:
    bus = CountingBus()
    async with served(replace(world, bus=bus)) as place:
        async with stream(place, EVENTS, accept):
            await bus.until(1)
        await bus.until(0)


async def test_a_silent_stream_has_heartbeats(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.02)
    async with served(world) as place:
        async with stream(place, EVENTS, SSE) as response:
            lines = response.aiter_lines()
            assert [await anext(lines) for _ in range(6)] == [":", ""] * 3
        async with stream(place, EVENTS, APOLLO) as response:
            parts = Parts(response)
            assert [await parts.next() for _ in range(3)] == [{}] * 3


@pytest.mark.parametrize("accept", [SSE, APOLLO])
async def test_a_server_that_stops_ends_its_streams(
    world: World, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The body is whole, but does not say that the operation is complete: clients try again."""
    bus = CountingBus()
    async with asyncio.timeout(15), AsyncExitStack() as left:
        async with served(replace(world, bus=bus)) as place:
            answer = await left.enter_async_context(stream(place, EVENTS, accept))
            chunks = answer.aiter_bytes()
            await anext(chunks)
            await bus.until(1)
        rest = b"".join([chunk async for chunk in chunks])
    assert bus.waiting == 0
    assert b"complete" not in rest
    assert not rest.endswith(b"--")
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_a_subscription_by_get_is_what_an_event_source_sends(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
    after = json.dumps({"after": cursors.encode_log("default", 0)})
    async with (
        served(world) as place,
        httpx.AsyncClient(base_url=f"http://{place}", timeout=10) as client,
        client.stream(
            "GET",
            "/graphql",
            params={"query": EVENTS, "variables": after},
            headers={"Authorization": f"Bearer {token()}", "Accept": SSE},
        ) as response,
    ):
        _, answer = await ServerSent(response).next()
    assert answer == {"data": {"events": {"event": {"id": "evt-1"}}}}
