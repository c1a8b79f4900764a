"""Files that the server in front sends, told by a header; also by a real nginx, if there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.serving import serving
from compat_rest.offload import Offload
from media.store import CameraFolder
from models.camera import Camera
from resolvers.context import World
from tests.compat_rest.service import client_of, service
from tests.footage import INIT, lay_down, segment
from tests.nginx import NGINX, before_api, nginx
from tests.world import add_camera, token

NOON = 1_780_056_000_000_000
HOUR = "/v2/hls/cam-a/2026-05-29/12"
FILE = f"{HOUR}/120000_000.m4s"
CONTENT = bytes(range(256)) * 40


async def put(world: World, tenant_id: str = "default") -> Camera:
    camera = await add_camera(world, "cam-a", tenant_id)
    hour = lay_down(world, camera, [segment(NOON, 0)])
    folder = world.store.hour_path(CameraFolder(camera.tenant_id, camera.folder), hour)
    (folder / "120000_000.m4s").write_bytes(CONTENT)
    return camera


def front(world: World, offload: Offload, bearer: str | None = None) -> httpx.AsyncClient:
    """A client of the API as the server in front is one."""
    transport = httpx.ASGITransport(service(world, offload=offload), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {bearer or token()}"}
    return httpx.AsyncClient(transport=transport, base_url="http://vms.test", headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_nginx_is_told_the_file_below_its_location(world: World, method: str) -> None:
    camera = await put(world)
    async with front(world, Offload("x-accel-redirect", "/footage/")) as client:
        answer = await client.request(method, FILE)
    place = f"/footage/default/{camera.folder}/2026-05-29/12/120000_000.m4s"
    assert answer.headers["x-accel-redirect"] == place
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "video/iso.segment"
    assert answer.headers["cache-control"] == "private, max-age=3600, immutable"
    assert "etag" not in answer.headers  # that is for who reads the file


async def test_others_are_told_the_path(world: World) -> None:
    camera = await put(world)
    async with front(world, Offload("x-sendfile", str(world.store.root))) as client:
        answer = await client.get(FILE)
    place = f"default/{camera.folder}/2026-05-29/12/120000_000.m4s"
    assert answer.headers["x-sendfile"] == f"{world.store.root}/{place}"
    assert answer.content == b""


async def test_playlists_are_answered_as_always(world: World) -> None:
    await put(world)
    async with front(world, Offload("x-accel-redirect", "/footage")) as client:
        answer = await client.get(f"{HOUR}/index.m3u8")
    assert "x-accel-redirect" not in answer.headers
    assert answer.text.startswith("#EXTM3U")


async def test_nobody_is_told_of_a_file_that_is_not_theirs(world: World) -> None:
    camera = await put(world, "acme")
    folder = world.store.camera_path(CameraFolder("acme", camera.folder)) / "2026-05-29" / "12"
    (folder / "init-ffffffffff.mp4").symlink_to("/etc/passwd")
    offload = Offload("x-accel-redirect", "/footage")
    theirs = token("acme")
    for bearer, address, status in (
        (token(), FILE, 404),
        (token(scope="cameras:read"), FILE, 403),
        (theirs, f"{HOUR}/init-ffffffffff.mp4", 404),
        (theirs, f"{HOUR}/..%2f..%2findex.m3u8", 404),
        (theirs, f"{HOUR}/owner.1", 404),
    ):
        async with front(world, offload, bearer) as client:
            answer = await client.get(address)
        assert answer.status_code == status, address
        assert "x-accel-redirect" not in answer.headers


def test_a_file_from_elsewhere_is_not_named(tmp_path: Path) -> None:
    offload = Offload("x-sendfile", "/srv/recordings")
    root = tmp_path / "recordings"
    root.mkdir()
    outside, inside = tmp_path / "secret", root / "a b.m4s"
    outside.write_bytes(b"1")
    inside.write_bytes(b"1")
    with outside.open("rb") as file:
        assert offload.header(file, root) is None
    with (root / ".." / "secret").open("rb") as file:
        assert offload.header(file, root) is None
    with inside.open("rb") as file:
        assert offload.header(file, root) == {"X-Sendfile": "/srv/recordings/a%20b.m4s"}


@asynccontextmanager
async def behind_nginx(world: World, folder: Path) -> AsyncIterator[str]:
    """The base address of a real nginx in front of the real API."""
    app = service(world, offload=Offload("x-accel-redirect", "/footage"))
    async with serving(app, "127.0.0.1", 0) as server:
        with nginx(folder, before_api(server.port, world.store.root)) as front:
            yield f"http://127.0.0.1:{front.port}"


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_a_real_nginx_sends_the_file_its_ranges_and_nothing_else(
    world: World, tmp_path: Path
) -> None:
    camera = await put(world)
    bearer = {"Authorization": f"Bearer {token()}"}
    inside = f"/footage/default/{camera.folder}/2026-05-29/12/120000_000.m4s"
    async with (
        behind_nginx(world, tmp_path) as base,
        httpx.AsyncClient(base_url=base, headers=bearer) as client,
    ):
        whole = await client.get(FILE)
        assert (whole.status_code, whole.content) == (200, CONTENT)
        assert whole.headers["content-type"] == "video/iso.segment"
        assert whole.headers["cache-control"] == "private, max-age=3600, immutable"
        assert whole.headers["server"].startswith("nginx")
        assert "x-accel-redirect" not in whole.headers
        part = await client.get(FILE, headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, CONTENT[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(CONTENT)}"
        same = await client.get(FILE, headers={"If-None-Match": whole.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        head = await client.head(FILE)
        assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")
        assert (await client.get(f"{HOUR}/{INIT}")).content == b"init of default"
        assert (await client.get(inside)).status_code == 404
        stranger = {"Authorization": f"Bearer {token('acme')}"}
        refused = await client.get(FILE, headers=stranger)
        assert (refused.status_code, refused.json()["code"]) == (404, "NOT_FOUND")


async def test_without_the_setting_the_api_sends_the_bytes(world: World) -> None:
    await put(world)
    async with client_of(world) as client:
        answer = await client.get(FILE)
    assert answer.content == CONTENT
    assert not {"x-accel-redirect", "x-sendfile"} & set(answer.headers)
