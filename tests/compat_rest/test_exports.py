"""Files of exports over /v2: whole, in parts, and for who may have them alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from compat_rest.offload import Offload
from models.export import Export
from resolvers import exports
from resolvers.context import World
from resolvers.exporting import sweep
from resolvers.identity import EXPORT_GRANT_SECONDS
from tests.compat_rest.service import client_for, client_of, service
from tests.exporting import LATER, SECOND, at, created, filmed, made
from tests.far import asking, host
from tests.world import add_camera, context


@pytest.fixture
async def here(world: World) -> World:
    await filmed(world, await add_camera(world))
    return world


@pytest.fixture
async def export(here: World) -> Export:
    await created(context(here), "cam-front-01")
    return await made(here)


def url(world: World, export: Export) -> str:
    found = exports.file_url(context(world), export)
    assert found is not None
    return found


async def test_the_address_alone_fetches_the_file(here: World, export: Export) -> None:
    async with client_of(here, "") as client:
        answer = await client.get(url(here, export))
        assert answer.status_code == 200
        assert len(answer.content) == export.size_bytes
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-disposition"] == (
            'attachment; filename="cam-front-01_2026-05-29T12-00-00Z.mp4"'
        )
        beside = exports.manifest_url(context(here), export)
        manifest = (await client.get(beside or "")).json()
        [file] = manifest["cameras"][0]["files"]
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        head = await client.head(url(here, export))
        assert (head.content, int(head.headers["content-length"])) == (b"", export.size_bytes)


async def test_a_broken_download_goes_on_where_it_was(here: World, export: Export) -> None:
    async with client_of(here, "") as client:
        whole = await client.get(url(here, export))
        tag = whole.headers["etag"]
        rest = {"Range": "bytes=5000-", "If-Range": tag}
        later = await client.get(url(here, export), headers=rest)
        assert later.status_code == 206
        assert later.headers["content-range"] == (
            f"bytes 5000-{export.size_bytes - 1}/{export.size_bytes}"  # type: ignore[operator]
        )
        assert later.headers["content-disposition"] == whole.headers["content-disposition"]
        assert whole.content[:5000] + later.content == whole.content
        other = await client.get(url(here, export), headers={**rest, "If-Range": '"other"'})
        assert (other.status_code, other.content) == (200, whole.content)
        beyond = await client.get(url(here, export), headers={"Range": "bytes=99999999-"})
        assert (beyond.status_code, beyond.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
        same = await client.get(url(here, export), headers={"If-None-Match": tag})
        assert same.status_code == 304


async def test_another_tenants_export_is_absent(here: World, export: Export) -> None:
    path = url(here, export).partition("?")[0]
    absent = path.replace(str(export.id), str(export.id)[::-1])
    async with client_for(here, "acme") as client:
        answers = [(await client.get(each)).content for each in (path, absent)]
        assert [json.loads(each)["code"] for each in answers] == ["NOT_FOUND"] * 2
        assert answers[0].replace(str(export.id).encode(), b"") == answers[1].replace(
            str(export.id)[::-1].encode(), b""
        )
    async with client_for(here, "default") as client:
        assert (await client.get(path)).status_code == 200
    async with client_for(here, "default", "events:read") as client:
        assert (await client.get(path)).status_code == 403


async def test_a_grant_fetches_its_export_alone_and_for_its_time(
    here: World, export: Export
) -> None:
    await created(context(here), "cam-front-01")
    other = await made(here)
    query = url(here, export).partition("?")[2]
    identity = here.identity
    async with client_of(here, "") as client:
        foreign = url(here, other).partition("?")[0]
        assert (await client.get(f"{foreign}?{query}")).status_code == 404
        playlist = f"/v2/hls/cam-front-01/2026-05-29/12/index.m3u8?{query}"
        assert (await client.get(playlist)).status_code == 404
        actor = context(here).actor
        now_s = here.clock.now_us() // SECOND
        over = identity.sign_export_grant(
            replace(actor, expires_us=(now_s - 9) * SECOND), str(export.id)
        )
        path = url(here, export).partition("?")[0]
        late = await client.get(f"{path}?grant={over}")
        assert (late.status_code, late.json()["code"]) == (401, "TOKEN_EXPIRED")
    granted = identity.actor_of_grant(identity.sign_export_grant(actor, str(export.id)))
    ends_s = (granted.expires_us or 0) // SECOND
    assert EXPORT_GRANT_SECONDS <= ends_s - now_s + 1 <= EXPORT_GRANT_SECONDS + 61


async def test_what_is_over_or_not_ready_is_not_there(here: World, export: Export) -> None:
    waiting = await created(context(here), "cam-front-01")
    address = url(here, export)
    async with client_of(here, "") as client:
        grant = here.identity.sign_export_grant(context(here).actor, str(waiting.id))
        early = await client.get(f"/v2/exports/{waiting.id}/manifest.json?grant={grant}")
        assert early.status_code == 404
        assert (await client.get(address)).status_code == 200
        await exports.export_delete(context(here), str(export.id))
        assert (await client.get(address)).status_code == 404


async def test_the_server_in_front_is_told_where_it_lies(here: World, export: Export) -> None:
    app = service(here, offload=Offload("x-accel-redirect", "/footage"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vms") as client:
        answer = await client.get(url(here, export))
    assert export.claim is not None
    assert answer.headers["x-accel-redirect"] == f"/footage/.exports/{export.claim.hex}/content"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content == b""


async def test_a_file_on_another_host_is_passed_on(here: World, tmp_path: Path) -> None:
    async with host(here, tmp_path / "there") as other, asking(here) as api:
        async with asking(other.world) as maker:
            camera = await add_camera(here, "cam-far")
            await filmed(maker, camera)
            await created(context(maker), "cam-far")
            export = await made(maker)
        assert export.claim is not None
        path = other.world.store.root / ".exports" / export.claim.hex / "content"
        content = await asyncio.to_thread(path.read_bytes)
        async with client_of(api, "") as client:
            whole = await client.get(url(api, export))
            assert (whole.status_code, whole.content) == (200, content)
            assert whole.headers["content-type"] == "video/mp4"
            assert "cam-far_" in whole.headers["content-disposition"]
            rest = {"Range": "bytes=9-", "If-Range": whole.headers["etag"]}
            later = await client.get(url(api, export), headers=rest)
            assert (later.status_code, later.content) == (206, content[9:])
        async with client_of(here, "") as client:
            away = await client.get(url(here, export))
            assert (away.status_code, away.json()["code"]) == (503, "FOOTAGE_AWAY")


async def test_its_time_ends_it(here: World, export: Export) -> None:
    assert export.expires_us is not None
    assert await sweep(at(here, LATER)) == 0
    assert await sweep(at(here, export.expires_us)) == 1
    async with client_of(here, "") as client:
        assert (await client.get(url(here, export))).status_code == 404
