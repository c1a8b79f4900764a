from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from starlette.routing import Route

from app.calls import Call, CallKey
from app.health import live
from app.serving import ServingError
from app.worker_port import PortOptions, WorkerPort, worker_app
from media.clock import SystemClock
from media.playlist import Playlist, Segment, dump, joined, parse
from media.store import CameraFolder, Hour, RecordingStore

KEY = CallKey("g" * 32, SystemClock())
CAMERA = CameraFolder("acme", "cam-a.01234567")
HOUR = Hour("2026-05-29", "12")
PLACE = "/footage/2026-05-29/12"
SEGMENT = Segment(
    uuid4(), "120000_000.m4s", "init-0123456789.mp4", 1_780_056_000_000_000, 0, 360_000, 5000
)
PLAYLIST = Playlist(joined([SEGMENT]), ended=False)
CONTENT = bytes(range(250)) * 20


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    made = RecordingStore(tmp_path / "recordings")
    folder = made.make_hour(CAMERA, HOUR)
    (folder / SEGMENT.name).write_bytes(CONTENT)
    (folder / SEGMENT.init).write_bytes(b"init")
    (folder / "snap-17.jpg").write_bytes(b"jpeg")
    (folder / "index.m3u8").write_text(dump(PLAYLIST))
    (folder / "secret.txt").write_text("secret")
    return made


@pytest.fixture
async def http(store: RecordingStore) -> AsyncIterator[httpx.AsyncClient]:
    app = httpx.ASGITransport(worker_app(store, KEY))
    async with httpx.AsyncClient(transport=app, base_url="http://worker.test") as client:
        yield client


def signed(
    store: RecordingStore, path: str, camera: CameraFolder | None = CAMERA, method: str = "GET"
) -> dict[str, str]:
    return {"Authorization": KEY.authorization(Call(store.store_id, method, path, camera))}


async def test_a_file_comes_as_it_is_on_disk(
    http: httpx.AsyncClient, store: RecordingStore
) -> None:
    for name, content, kind in (
        (SEGMENT.name, CONTENT, "video/iso.segment"),
        (SEGMENT.init, b"init", "video/mp4"),
        ("snap-17.jpg", b"jpeg", "image/jpeg"),
    ):
        path = f"{PLACE}/{name}"
        answer = await http.get(path, headers=signed(store, path))
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == kind


async def test_ranges_and_conditions_are_judged_here(
    http: httpx.AsyncClient, store: RecordingStore
) -> None:
    path = f"{PLACE}/{SEGMENT.name}"
    headers = signed(store, path)
    part = await http.get(path, headers={**headers, "Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    known = await http.get(path, headers={**headers, "If-None-Match": part.headers["etag"]})
    assert known.status_code == 304
    beyond = await http.get(path, headers={**headers, "Range": "bytes=5000-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    head = await http.head(path, headers=signed(store, path, method="HEAD"))
    assert (head.status_code, head.headers["content-length"]) == (200, "5000")


async def test_the_playlist_is_the_one_that_the_recorder_wrote(
    http: httpx.AsyncClient, store: RecordingStore
) -> None:
    path = f"{PLACE}/index.m3u8"
    answer = await http.get(path, headers=signed(store, path))
    assert parse(answer.text) == PLAYLIST


async def test_who_may_call_can_ask_whether_the_worker_is_there(
    http: httpx.AsyncClient, store: RecordingStore
) -> None:
    answer = await http.get("/alive", headers=signed(store, "/alive", None))
    assert (answer.status_code, answer.content) == (204, b"")


async def test_without_a_call_for_this_very_address_nothing_is_answered(
    http: httpx.AsyncClient, store: RecordingStore
) -> None:
    path = f"{PLACE}/{SEGMENT.name}"
    good = signed(store, path)["Authorization"]
    for asked, headers in (
        (path, {}),
        ("/alive", {}),
        (path, {"Authorization": good + "x"}),
        (path, signed(RecordingStore(store.root.parent / "other"), path)),
        (path, signed(store, f"{PLACE}/{SEGMENT.init}")),
        (path, signed(store, path, method="HEAD")),
        (f"{path}?a=b", {"Authorization": good}),
        (path.replace("footage", "%66ootage"), {"Authorization": good}),
    ):
        answer = await http.get(asked, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED"), asked
        assert b"segment" not in answer.content


async def test_who_watches_over_the_worker_needs_no_call(store: RecordingStore) -> None:
    app = httpx.ASGITransport(worker_app(store, KEY, [Route("/v2/health", live)]))
    async with httpx.AsyncClient(transport=app, base_url="http://worker.test") as client:
        answer = await client.get("/v2/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert (await client.get("/alive")).status_code == 401


async def test_only_the_signed_camera_of_the_signed_tenant_is_read(
    http: httpx.AsyncClient, store: RecordingStore
) -> None:
    path = f"{PLACE}/{SEGMENT.name}"
    for camera in (
        None,
        CameraFolder("default", CAMERA.name),
        CameraFolder("acme", "cam-b.01234567"),
        CameraFolder("acme", "../acme/cam-a.01234567"),
        CameraFolder("..", CAMERA.name),
        CameraFolder("acme/cam-a.01234567", ""),
    ):
        answer = await http.get(path, headers=signed(store, path, camera))
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), camera


@pytest.mark.parametrize(
    "name",
    [
        "secret.txt",
        "open-hours",
        "%2e%2e%2findex.m3u8",
        "..%2f..%2f..%2fopen-hours",
        "index.m3u8.tmp",
        "120000_000.m4s.part",
        "a.m4s",
    ],
)
async def test_no_name_leads_elsewhere(
    http: httpx.AsyncClient, store: RecordingStore, name: str
) -> None:
    path = f"{PLACE}/{name}"
    answer = await http.get(path, headers=signed(store, path))
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_footage_is_only_read(
    http: httpx.AsyncClient, store: RecordingStore, method: str
) -> None:
    path = f"{PLACE}/{SEGMENT.name}"
    answer = await http.request(method, path, headers=signed(store, path, method=method))
    assert answer.status_code == 405
    with store.open_file(CAMERA, HOUR, SEGMENT.name) as file:
        assert file.read() == CONTENT


async def test_the_port_tells_its_address_and_closes_when_the_worker_stops(
    store: RecordingStore,
) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    stop = asyncio.Event()
    port = WorkerPort(store, KEY, PortOptions("127.0.0.1", 0), told.put_nowait)
    running = asyncio.create_task(port.run(stop))
    base = await told.get()
    async with httpx.AsyncClient(base_url=base) as client:
        answer = await client.get("/alive", headers=signed(store, "/alive", None))
        assert answer.status_code == 204
        taken = PortOptions("127.0.0.1", int(base.rpartition(":")[2]))
        with pytest.raises(ServingError):
            await WorkerPort(store, KEY, taken, told.put_nowait).run(stop)
        stop.set()
        await running
        with pytest.raises(httpx.ConnectError):
            await client.get("/alive")


@pytest.mark.parametrize(
    ("options", "base"),
    [
        (PortOptions("10.0.0.7", 8100), "http://10.0.0.7:8100"),
        (PortOptions("::1", 8100), "http://[::1]:8100"),
        (PortOptions("0.0.0.0", 8100, "https://worker-1.lan/"), "https://worker-1.lan"),
    ],
)
def test_the_address_is_the_one_given_or_made_of_the_host(options: PortOptions, base: str) -> None:
    assert options.base(8100) == base
