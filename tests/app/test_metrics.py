"""What Prometheus is told is what happened, and no more series than were promised."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app import metrics
from app.api import ApiOptions, build_api
from app.bus_redis import RedisBus
from app.measuring import watched_over
from app.meter import ProcessMeter
from app.serving import serving
from app.settings import Settings, SettingsError
from app.shared_metrics import share_metrics, shared_folder
from media.simulator import Simulator
from models.tenant import last_number
from resolvers import watch
from resolvers.context import World
from resolvers.errors import Unavailable
from tests.clips import Encoding, frame_coded
from tests.schema.socket_client import opened
from tests.servers import Postgres, Valkey
from tests.system import System, running_system
from tests.vms_processes import VmsProcess
from tests.world import add_camera, add_events, beginning, context, token

AT = 1_780_000_000_000_000
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Every sample of an exposition; labels that are empty count as absent."""
    return {
        (each.name, frozenset((name, value) for name, value in each.labels.items() if value)): (
            each.value
        )
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def value(found: Samples, name: str, /, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0)


async def scraped(base: str, password: str) -> Samples:
    async with httpx.AsyncClient(auth=("metrics", password)) as client:
        answer = await client.get(f"{base}/v2/metrics")
    assert answer.status_code == 200
    return samples(answer.text)


def counted(metric: str, /, **labels: str) -> float:
    """In this process, whose metrics all tests share."""
    return metrics.registry.get_sample_value(metric, labels) or 0


async def until_recorded(system: System, camera: str, segments: int) -> None:
    async with asyncio.timeout(60):
        while len(list(system.world.store.root.glob(f"*/{camera}.*/*/*/*.m4s"))) < segments:
            await asyncio.sleep(0.1)


async def test_what_was_recorded_and_lost_is_counted_to_the_byte(tmp_path: Path) -> None:
    """Also when the camera's thread is gone: sums never fall."""
    before = samples(_exposition())
    async with Simulator() as simulator, running_system(tmp_path) as system:
        simulator.add("good", frame_coded(200, Encoding(fps=25, gop=25)))
        for name, url in (("good", simulator.url("good")), ("gone", simulator.url("nothing"))):
            body = {"id": name, "name": name, "rtsp_url": url}
            assert (await system.client.post("/v2/api/cameras", json=body)).status_code == 201
        await until_recorded(system, "good", 2)
        password = (tmp_path / "secrets/metrics-password").read_text()
        running = await scraped(system.base, password)
        assert (await system.client.delete("/v2/api/cameras/gone")).status_code == 204
        patched = await system.client.patch("/v2/api/cameras/good", json={"enabled": False})
        assert patched.status_code == 200
        async with asyncio.timeout(60):
            while value(await scraped(system.base, password), "vms_cameras", state="online"):
                await asyncio.sleep(0.1)
        found = await scraped(system.base, password)
        files = list(system.world.store.root.glob("*/good.*/*/*/*.m4s"))
    assert value(running, "vms_cameras", state="online") == 1
    assert value(running, "vms_cameras", state="error") == 1
    assert value(running, "vms_camera_up") == 0  # the worst of them
    assert (value(running, "vms_database_up"), value(running, "vms_bus_up")) == (1, 1)
    assert 0 < value(running, "vms_disk_free_bytes") < value(running, "vms_disk_size_bytes")

    def gained(name: str, **labels: str) -> float:
        return value(found, name, **labels) - value(before, name, **labels)

    assert gained("vms_camera_segments_total") == len(files)
    size_bytes = sum(file.stat().st_size for file in files)
    assert gained("vms_camera_recorded_bytes_total") == size_bytes
    assert gained("vms_camera_frames_total", stage="received") >= 25 * (len(files) - 1)
    assert gained("vms_camera_reconnects_total", why="notfound") >= 1
    labels = {name for _, each in found.keys() - before.keys() for name, _ in each}
    assert not labels & {"tenant", "camera"}


def _exposition() -> str:
    return generate_latest(metrics.registry).decode()


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = build_api(replace(world, meter=ProcessMeter(world.clock)), ApiOptions("prom", "secret"))
    headers = {"Authorization": f"Bearer {token()}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://vms.test", headers=headers
    ) as client:
        yield client


async def test_graphql_operations_are_counted_by_kind_and_name(http: httpx.AsyncClient) -> None:
    before = counted("vms_graphql_operations_total", type="query", name="Walls")
    anonymous = counted("vms_graphql_operations_total", type="query", name="anonymous")
    for query in ("query Walls { cameras { nodes { id } } }", "{ cameras { nodes { id } } }"):
        assert "errors" not in (await http.post("/graphql", json={"query": query})).json()
    assert counted("vms_graphql_operations_total", type="query", name="Walls") == before + 1
    timed = counted("vms_graphql_operation_seconds_count", type="query", name="Walls")
    assert timed == before + 1
    after = counted("vms_graphql_operations_total", type="query", name="anonymous")
    assert after == anonymous + 1


async def test_names_that_clients_make_up_become_no_series_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "_names", set())
    labels = {metrics.operation_label(f"Made{number}") for number in range(300)}
    assert len(labels) == metrics.MOST_OPERATION_NAMES + 1
    assert metrics.operation_label("Made299") == "other"
    assert metrics.operation_label("Made1") == "Made1"
    assert metrics.operation_label("x" * 65) == "other"


async def test_deliveries_to_who_was_there_are_measured_and_no_others(world: World) -> None:
    world = replace(world, meter=ProcessMeter(world.clock))
    camera = await add_camera(world)
    ctx = context(world)
    start = await watch.place_now(ctx)
    await add_events(world, camera, [beginning(camera.key, AT + n) for n in range(3)])
    before = counted("vms_event_delivery_seconds_count")
    async with aclosing(watch.watch(ctx, after=start)) as steps:
        for _ in range(3):
            await anext(steps)
        await add_events(world, camera, [beginning(camera.key, AT + 9)])
        await anext(steps)
        await add_events(world, camera, [beginning(camera.key, AT + 10)])
        await anext(steps)
    # The last page is noted when its reader asks for more.
    assert counted("vms_event_delivery_seconds_count") == before + 1


FOLLOW = """
subscription Follow($after: Cursor) {
  events(after: $after) { ... on EventChange { event { id } } }
}
"""


async def test_subscriptions_and_their_deliveries_are_counted(world: World) -> None:
    """Two followers of the same share one delivery."""
    world = replace(world, meter=ProcessMeter(world.clock))
    camera, start = await add_camera(world), await watch.place_now(context(world))
    before = counted("vms_graphql_operations_total", type="subscription", name="Follow")
    delivered = counted("vms_event_delivery_seconds_count")
    app = build_api(world, ApiOptions("prom", "secret"))
    async with serving(app, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.port}"
        async with opened(place) as one, opened(place) as other:
            for each in (one, other):
                await each.init()
                await each.subscribe(FOLLOW, {"after": start})
            await until_counted("vms_graphql_operations_total", before + 2, name="Follow")
            assert counted("vms_websockets", route="/graphql") == 2
            await asyncio.sleep(0.2)  # both follow
            await add_events(world, camera, [beginning(camera.key, AT)])
            for each in (one, other):
                assert (await each.next())["events"]["event"]["id"]
            await until_counted("vms_event_delivery_seconds_count", delivered + 1)
        name = "vms_graphql_operation_seconds_count"
        assert counted(name, type="subscription", name="Follow") == 0, "they last"
    assert counted("vms_websockets", route="/graphql") == 0


async def until_counted(metric: str, value: float, /, **labels: str) -> None:
    kind = {"type": "subscription"} if labels else {}
    async with asyncio.timeout(30):
        while counted(metric, **kind, **labels) != value:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_what_is_away_shows_and_so_does_its_return(
    world: World, mortal_postgres: Postgres, mortal_valkey: Valkey
) -> None:
    bus = RedisBus(mortal_valkey.url)

    async def look() -> tuple[float, float]:
        """Database and bus, after each was asked for something."""
        with suppress(Unavailable):
            await last_number("default", "event_seq")
        await bus.ring("anything")
        metrics.take_readings()
        return counted("vms_database_up"), counted("vms_bus_up")

    try:
        async with watched_over(Settings(), replace(world, bus=bus), "api"):
            assert await look() == (1, 1)
            assert counted("vms_database_connections", state="idle") >= 1
            mortal_valkey.kill()
            assert await look() == (1, 0)
            mortal_postgres.stop()
            assert await look() == (0, 0)
            mortal_postgres.revive()
            mortal_valkey.revive()
            async with asyncio.timeout(60):
                while await look() != (1, 1):
                    await asyncio.sleep(0.1)
    finally:
        await bus.close()


@pytest.fixture
async def pair(database: str, tmp_path: Path) -> AsyncIterator[list[VmsProcess]]:
    """Two API processes of one host that add up their metrics; they end with the test."""
    settings = {
        "PATH": "/usr/bin:/bin",
        "VMS_DATABASE_URL": database,
        "VMS_PORT": "0",
        "VMS_METRICS_PASSWORD": "s3cret",
        "VMS_METRICS_DIR": str(tmp_path / "metrics"),
    }
    both = [VmsProcess("api", tmp_path / name, settings) for name in ("a", "b")]
    try:
        yield both
    finally:
        for each in both:
            await each.stop()


async def refusals(process: VmsProcess) -> float:
    """Requests without a credential, as this process counts them for all."""
    found = await scraped(f"http://{process.address}", "s3cret")
    labels = {"method": "GET", "route": "/v2/api/cameras", "status": "401"}
    return value(found, "vms_http_requests_total", **labels)


async def refused(process: VmsProcess, times: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://{process.address}") as client:
        for _ in range(times):
            assert (await client.get("/v2/api/cameras")).status_code == 401


async def test_processes_that_share_a_folder_show_their_sum(pair: list[VmsProcess]) -> None:
    """Over the death of one and its return."""
    one, other = pair
    for each in pair:
        await each.start()
    await refused(one, 3)
    await refused(other, 4)
    assert [await refusals(each) for each in pair] == [7, 7]
    assert value(await scraped(f"http://{one.address}", "s3cret"), "vms_database_up") == 1
    await one.kill()
    await refused(other, 1)
    assert await refusals(other) == 8
    await one.start()
    await refused(one, 2)
    assert [await refusals(each) for each in pair] == [10, 10]


def test_who_comes_first_empties_the_folder_and_who_comes_second_does_not(tmp_path: Path) -> None:
    enter = "import sys; from pathlib import Path; from app.shared_metrics import share_metrics\n"
    enter += "share_metrics(Path(sys.argv[1])); print(len(list(Path(sys.argv[1]).glob('*.db'))))"
    command = [sys.executable, "-c", enter, str(tmp_path)]
    stay = [sys.executable, "-c", f"{enter}\ninput()", str(tmp_path)]
    (tmp_path / "counter_1.db").touch()
    with subprocess.Popen(stay, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"0\n"
        (tmp_path / "counter_2.db").touch()
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"1\n"
        first.communicate(b"\n")
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"0\n"


def test_a_folder_that_cannot_be_used_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"VMS_METRICS_DIR: .*/file/metrics: Not a directory"):
        share_metrics(tmp_path / "file/metrics")
    assert shared_folder() is None
