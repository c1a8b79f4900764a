from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message

from compat_rest import hls
from compat_rest.files import CHUNK_BYTES, FileResponse
from media.store import CameraFolder
from resolvers.access import Interval
from resolvers.context import Context, World
from tests.compat_rest.service import PROBLEM, client_of, served, service
from tests.footage import lay_down, segment
from tests.world import StandingClock, add_camera, context, token

NOON = 1_780_056_000_000_000
FILE = "/v2/hls/cam-a/2026-05-29/12/120000_000.m4s"
CONTENT = bytes(range(256)) * 40


async def put(world: World, content: bytes = CONTENT) -> Path:
    """Footage whose one segment has this content."""
    camera = await add_camera(world, "cam-a")
    hour = lay_down(world, camera, [segment(NOON, 0)])
    folder = world.store.hour_path(CameraFolder(camera.tenant_id, camera.folder), hour)
    path = folder / "120000_000.m4s"
    path.write_bytes(content)
    return path


async def get(world: World, method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client_of(world) as client:
        return await client.request(method, FILE, headers=named)


async def test_a_whole_file_says_how_to_keep_it(world: World) -> None:
    await put(world)
    answer = await get(world)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, max-age=3600, immutable"
    assert answer.headers["vary"] == "Authorization"
    assert answer.headers["etag"].startswith('"')
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 10_240),
        ("bytes=100-199", 100, 200),
        ("Bytes=100-199", 100, 200),
        ("bytes=10239-", 10_239, 10_240),
        ("bytes=10239-99999", 10_239, 10_240),
        ("bytes=-1", 10_239, 10_240),
        ("bytes=-99999", 0, 10_240),
    ],
)
async def test_one_range_is_honoured(world: World, asked: str, start: int, end: int) -> None:
    await put(world)
    answer = await get(world, range=asked)
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/10240"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,5-6", "bytes=5-4", "bytes=-", "bytes=a-b", "lines=0-1", "bytes 0-1", "bytes=0-1x"],
)
async def test_what_is_no_single_range_gets_the_whole(world: World, asked: str) -> None:
    await put(world)
    answer = await get(world, range=asked)
    assert (answer.status_code, len(answer.content)) == (200, 10_240)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
async def test_a_range_behind_the_end_cannot_be_had(world: World, asked: str) -> None:
    await put(world)
    answer = await get(world, range=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (416, PROBLEM)
    assert answer.headers["content-range"] == "bytes */10240"
    assert answer.json()["code"] == "RANGE_NOT_SATISFIABLE"


async def test_a_file_that_is_known_is_not_sent_again(world: World) -> None:
    path = await put(world)
    tag = (await get(world)).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await get(world, if_none_match=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    assert (await get(world, if_none_match='"other"')).status_code == 200
    path.write_bytes(CONTENT + b"x")
    assert (await get(world, if_none_match=tag)).status_code == 200


async def test_a_part_of_another_version_is_not_sent(world: World) -> None:
    await put(world)
    tag = (await get(world)).headers["etag"]
    assert (await get(world, range="bytes=0-1", if_range=tag)).status_code == 206
    for other in ('"other"', f"W/{tag}", "Fri, 29 May 2026 12:00:00 GMT"):
        assert (await get(world, range="bytes=0-1", if_range=other)).status_code == 200


async def test_an_empty_file_has_no_bytes(world: World) -> None:
    await put(world, b"")
    assert (await get(world)).headers["content-length"] == "0"
    assert (await get(world, range="bytes=0-")).status_code == 416


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_recordings_are_only_read(world: World, method: str) -> None:
    path = await put(world)
    answer = await get(world, method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert path.read_bytes() == CONTENT


async def test_over_a_connection_head_has_the_length_and_no_body(world: World) -> None:
    await put(world)
    async with served(world) as server, httpx.AsyncClient(base_url=server.base) as client:
        headers = {"Authorization": f"Bearer {token()}", "Range": "bytes=0-1"}
        answer = await client.head(FILE, headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == "10240"
        again = await client.head(FILE, headers=headers)  # the connection is still in step
        assert again.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("size", [1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
async def test_over_a_connection_every_byte_arrives(world: World, size: int) -> None:
    content = bytes(n % 251 for n in range(size))
    await put(world, content)
    async with served(world) as server, httpx.AsyncClient(base_url=server.base) as client:
        whole = await client.get(f"{FILE}?token={token()}")
        part = await client.get(f"{FILE}?token={token()}", headers={"Range": f"bytes={size - 1}-"})
    assert whole.content == content
    assert part.content == content[-1:]


async def test_files_are_closed_also_when_the_client_leaves(world: World) -> None:
    await put(world, bytes(8 * 1024 * 1024))
    async with served(world) as server, httpx.AsyncClient(base_url=server.base) as client:
        async with client.stream("GET", f"{FILE}?token={token()}") as answer:
            async for _ in answer.aiter_raw():
                break
        assert (await client.get(f"{FILE}?token={token()}")).status_code == 200
    gc.collect()  # an unclosed file would warn, and warnings are errors


@pytest.mark.parametrize(("left_seconds", "kept_seconds"), [(600, 600), (7200, 3600), (0, 0)])
async def test_a_file_is_kept_no_longer_than_its_credential_lasts(
    world: World, left_seconds: int, kept_seconds: int
) -> None:
    await put(world)
    until_us = NOON + 10_000_000_000
    actor = replace(context(world).actor, expires_us=until_us)
    ctx = Context(actor, replace(world, clock=StandingClock(until_us - left_seconds * 1_000_000)))
    scope = {"type": "http", "method": "GET", "path": FILE, "query_string": b"", "headers": []}
    names = {"cam": "cam-a", "date": "2026-05-29", "hour": "12", "name": "120000_000.m4s"}
    request = Request({**scope, "path_params": names, "app": service(world)})
    answer = await hls.recorded_file(ctx, request)
    assert isinstance(answer, FileResponse)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await answer(request.scope, request.receive, send)
    headers = Headers(raw=sent[0]["headers"])
    assert headers["cache-control"] == f"private, max-age={kept_seconds}, immutable"


async def test_a_playlist_that_has_not_grown_is_not_sent_again(world: World) -> None:
    camera = await add_camera(world, "cam-a")
    parts = [segment(NOON, 0), segment(NOON + 4_000_000, 360_000)]
    lay_down(world, camera, parts[:1])
    early = replace(world, clock=StandingClock(NOON + 5_000_000))
    grant = early.identity.sign_grant(
        context(early).actor, "cam-a", Interval(NOON, NOON + 3_600_000_000)
    )
    address = f"/v2/hls/cam-a/2026-05-29/12/index.m3u8?grant={grant}"
    async with client_of(early, "") as player:
        first = await player.get(address)
        same = {"If-None-Match": first.headers["etag"]}
        again = await player.get(address, headers=same)
        lay_down(world, camera, parts)
        grown = await player.get(address, headers=same)
    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (grown.status_code, grown.text.count("#EXTINF")) == (200, 2)
    assert grown.headers["etag"] != first.headers["etag"]
