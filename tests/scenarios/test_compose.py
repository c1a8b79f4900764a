"""The services of compose.yaml, their own commands and health checks, as plain processes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from media.simulator import Simulator
from tests.clips import Encoding, frame_coded
from tests.composed import SECRETS, ServiceProcess, free_port, services
from tests.servers import Postgres, Valkey, run_sql
from tests.world import token

CADDY = shutil.which("caddy")
CADDYFILE = Path("docs/deploy/Caddyfile").read_text()


class Composed(NamedTuple):
    """Two API processes, two workers, and clients of each by its own port."""

    apis: list[ServiceProcess]
    workers: list[ServiceProcess]
    clients: list[httpx.AsyncClient]

    async def online(self) -> list[Any]:
        """The cameras as the second API process knows them."""
        found = (await self.clients[1].get("/v2/api/cameras")).json()
        return [camera for camera in found if camera["status"] == "online"]


@pytest.fixture
async def composed(postgres: Postgres, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Composed]:
    await run_sql(postgres.url("postgres"), "CREATE DATABASE composed")
    shared = {
        "HOME": str(tmp_path),
        "VMS_DATABASE_URL": postgres.url("composed"),
        "VMS_REDIS_URL": valkey.url,
        "VMS_DATA_DIR": str(tmp_path / "footage"),
        "VMS_CAMERA_NETWORKS": "127.0.0.1/32",
        "VMS_HOST": "127.0.0.1",
    }
    wanted = services()

    def copies(name: str) -> list[ServiceProcess]:
        return [
            ServiceProcess(
                wanted[name],
                tmp_path / f"{name}-{number}.log",
                {
                    **shared,
                    **({"VMS_PORT": str(free_port())} if name == "api" else {}),
                    **(
                        {"VMS_WORKER_PORT": str(free_port()), "VMS_WORKER_HOST": "127.0.0.1"}
                        if name == "worker"
                        else {}
                    ),
                },
            )
            for number in range(wanted[name].get("deploy", {}).get("replicas", 1))
        ]

    (migrate,), apis, workers = copies("migrate"), copies("api"), copies("worker")
    started = [migrate]
    clients = [
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{each.environment['VMS_PORT']}",
            headers={"Authorization": f"Bearer {token()}"},
        )
        for each in apis
    ]
    try:
        await migrate.start()
        assert await migrate.exit_code() == 0, migrate.log
        for each in (*apis, *workers):
            started.append(each)
            await each.start()
        for each in (*apis, *workers):
            await each.until_healthy()
        yield Composed(apis, workers, clients)
    finally:
        for client in clients:
            await client.aclose()
        for each in started:
            await each.stop(signal.SIGKILL)
        await run_sql(postgres.url("postgres"), "DROP DATABASE composed WITH (FORCE)")


async def metric(port: str, name: str, **labels: str) -> float:
    async with httpx.AsyncClient(auth=("metrics", SECRETS["VMS_METRICS_PASSWORD"])) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/v2/metrics")
    assert answer.status_code == 200
    return sum(
        each.value
        for family in text_string_to_metric_families(answer.text)
        for each in family.samples
        if each.name == name and labels.items() <= each.labels.items()
    )


async def test_the_services_work_as_one_and_are_seen_to(composed: Composed) -> None:
    async with Simulator() as simulator:
        simulator.add("walk", frame_coded(200, Encoding(fps=25, gop=25)))
        url = simulator.url("walk").replace("rtsp://", "rtsp://viewer:s3cret-word@")
        body = {"id": "gate", "name": "Gate", "rtsp_url": url}
        made = await composed.clients[0].post("/v2/api/cameras", json=body)
        assert made.status_code == 201, made.text
        async with asyncio.timeout(90):
            while not await composed.online():
                await asyncio.sleep(0.2)
        ports = [each.environment["VMS_WORKER_PORT"] for each in composed.workers]
        owned = [await metric(port, "vms_cameras", state="online") for port in ports]
        assert sorted(owned) == [0, 1]
        owner = ports[owned.index(1)]
        assert await metric(owner, "vms_camera_frames_total", stage="received") > 0
        assert await metric(owner, "vms_lease_changes_total", change="taken") == 1
        for each in composed.apis:
            assert await metric(each.environment["VMS_PORT"], "vms_database_up") == 1
        codes = [await each.stop() for each in (*composed.workers, *composed.apis)]
    assert codes == [0, 0, 0, 0]
    for each in (*composed.workers, *composed.apis):
        lines = [json.loads(line) for line in each.log.splitlines()]
        assert {line["level"] for line in lines} <= {"INFO", "WARNING"}, each.log
        for secret in (*SECRETS.values(), "s3cret-word"):
            assert secret not in each.log or secret == SECRETS["RENDER_GID"]
    recorded = composed.workers[owned.index(1)].log
    said = [json.loads(line) for line in recorded.splitlines() if '"camera": "gate"' in line]
    assert said
    assert {line["worker"] for line in said} == {said[0]["worker"]}


@pytest.mark.skipif(CADDY is None, reason="caddy is not installed")
async def test_the_gateway_hides_the_death_of_an_api_process(
    composed: Composed, tmp_path: Path
) -> None:
    places = " ".join(f"127.0.0.1:{each.environment['VMS_PORT']}" for each in composed.apis)
    text, count = re.subn(r"dynamic a api 8000 \{[^}]*\}", f"to {places}", CADDYFILE)
    assert count == 1
    port = free_port()
    (tmp_path / "Caddyfile").write_text(text.replace("\n:8000 {", f"\nhttp://127.0.0.1:{port} {{"))
    gateway = await asyncio.create_subprocess_exec(
        *(str(CADDY), "run", "--config", str(tmp_path / "Caddyfile")),
        env={"HOME": str(tmp_path)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        headers = {"Authorization": f"Bearer {token()}"}
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, headers=headers) as client:
            async with asyncio.timeout(60):
                while not await answers(client):
                    await asyncio.sleep(0.1)
            codes = [(await client.get("/v2/api/cameras")).status_code for _ in range(10)]
            await composed.apis[0].stop(signal.SIGKILL)
            codes += [(await client.get("/v2/api/cameras")).status_code for _ in range(20)]
        assert set(codes) == {200}
    finally:
        gateway.terminate()
        await gateway.wait()


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/v2/health")).status_code == 200
    except httpx.TransportError:
        return False
