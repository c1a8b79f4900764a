from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from compat_rest.limits import MAX_BODY_BYTES
from resolvers.cameras import cameras
from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_of, served
from tests.world import context, token

CAMERAS = "/v2/api/cameras"


def body_of(size: int) -> bytes:
    """A good camera, padded to the size with spaces."""
    body = b'{"name":"Lobby","rtsp_url":"rtsp://10.0.0.7/stream"}'
    return body + b" " * (size - len(body))


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 60_000):
        yield body[start : start + 60_000]


async def test_a_body_at_the_limit_is_read(world: World) -> None:
    async with client_of(world) as client:
        whole = await client.post(CAMERAS, content=body_of(MAX_BODY_BYTES))
        pieces = await client.post(CAMERAS, content=in_pieces(body_of(MAX_BODY_BYTES)))
    assert (whole.status_code, pieces.status_code) == (201, 201)


@pytest.mark.parametrize("address", [CAMERAS, f"{CAMERAS}/cam-a", "/v2/nothing", "/v2/hls/a/b"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
async def test_an_announced_body_over_the_limit_is_a_413(
    world: World, method: str, address: str
) -> None:
    async with client_of(world) as client:
        answer = await client.request(method, address, content=body_of(MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    assert answer.json()["code"] == "BODY_TOO_LARGE"
    assert await cameras(context(world)) == []


@pytest.mark.parametrize(("method", "address"), [("POST", CAMERAS), ("PATCH", f"{CAMERAS}/a")])
async def test_an_unannounced_body_over_the_limit_is_a_413(
    world: World, method: str, address: str
) -> None:
    async with client_of(world) as client:
        body = in_pieces(body_of(MAX_BODY_BYTES + 1))
        answer = await client.request(method, address, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    assert await cameras(context(world)) == []


@pytest.mark.parametrize("announced", [True, False])
async def test_over_a_connection_the_answer_arrives_and_the_connection_stays(
    world: World, announced: bool
) -> None:
    body = body_of(8 * MAX_BODY_BYTES)
    headers = {"Authorization": f"Bearer {token()}"}
    async with (
        served(world) as server,
        httpx.AsyncClient(base_url=server.base, headers=headers, timeout=30) as client,
    ):
        answer = await client.post(CAMERAS, content=body if announced else in_pieces(body))
        assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
        assert (await client.get(CAMERAS)).json() == []


async def test_whoever_asks_before_sending_is_refused_before_sending(world: World) -> None:
    request = (
        f"POST {CAMERAS} HTTP/1.1\r\nHost: vms\r\nAuthorization: Bearer {token()}\r\n"
        f"Content-Length: {MAX_BODY_BYTES + 1}\r\nExpect: 100-continue\r\n\r\n"
    )
    async with served(world) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request.encode())
        status = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        await writer.wait_closed()
    assert status.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", ["-1", "1e9", "²", "", "abc"])
async def test_a_length_that_is_no_number_is_no_announcement(world: World, length: str) -> None:
    async with client_of(world) as client:
        headers = {b"content-length": length.encode()}
        answer = await client.post(CAMERAS, content=in_pieces(body_of(100)), headers=headers)
    assert answer.status_code == 201


async def test_a_client_that_leaves_amid_its_body_is_no_fault(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    request = (
        f"POST {CAMERAS} HTTP/1.1\r\nHost: vms\r\nAuthorization: Bearer {token()}\r\n"
        'Content-Length: 100\r\n\r\n{"name":'
    )
    async with served(world) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request.encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient(base_url=server.base) as client:
            assert (await client.get("/v2/openapi.json")).status_code == 200
    assert [each for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}] == []
    assert await cameras(context(world)) == []
