"""A whole system whose decoders crash, and whose end leaves none of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from media.simulator import Simulator
from tests.clips import Encoding, coded_footage
from tests.data import shared_data
from tests.media.decoding.rig import decoders_of
from tests.system import System, running_system
from tests.vms_processes import VmsProcess
from tests.world import SECRET

CAMERAS = ("cam-gate", "cam-yard")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


async def metric(system: System, data_dir: Path, name: str, **labels: str) -> float:
    """The sum over what else may label it."""
    password = (data_dir / "secrets/metrics-password").read_text().strip()
    answer = await system.client.get("/v2/metrics", auth=("metrics", password))
    return sum(
        each.value
        for family in text_string_to_metric_families(answer.raise_for_status().text)
        for each in family.samples
        if each.name == name and labels.items() <= each.labels.items()
    )


def nursery_of(pid: int) -> int:
    (found,) = (child for child in children(pid) if named(child) == "vms-nursery")
    return found


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(each) for task in tasks for each in (task / "children").read_text().split()]


def named(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


async def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.1)


async def test_a_decoder_that_crashes_is_replaced_while_all_is_recorded(
    tmp_path: Path, simulator: Simulator
) -> None:
    data = shared_data()
    encoding = Encoding(fps=10, size=(768, 576), gop=10)
    clip = await asyncio.to_thread(coded_footage, data / "videos/vtest.avi", 300, encoding)
    async with running_system(tmp_path, data / "models/yolox_nano.onnx") as system:
        for camera in CAMERAS:
            simulator.add(camera, clip)
            url = simulator.url(camera)
            body = {"id": camera, "name": camera, "rtsp_url": url, "features": ["person"]}
            created = await system.client.post("/v2/api/cameras", json=body)
            assert created.status_code == 201, created.text

        async def inferred() -> float:
            return await metric(system, tmp_path, "vms_camera_frames_total", stage="inferred")

        async with asyncio.timeout(60):
            while await inferred() < 10:
                await asyncio.sleep(0.2)
        nursery = nursery_of(os.getpid())
        await until(lambda: len(decoders_of(nursery)) == 2)
        victim = decoders_of(nursery)[0]
        os.kill(victim, signal.SIGSEGV)
        await until(lambda: victim not in decoders_of(nursery) and len(decoders_of(nursery)) == 2)
        looked = await inferred()
        async with asyncio.timeout(60):
            while await inferred() < looked + 10:
                await asyncio.sleep(0.2)
        lost = {"purpose": "detection", "why": "crashed"}
        assert await metric(system, tmp_path, "vms_camera_decoders_lost_total", **lost) >= 1
        assert await metric(system, tmp_path, "vms_camera_reconnects_total") == 0
        assert await metric(system, tmp_path, "vms_camera_gap_seconds_total") == 0

    assert not alive(nursery)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_no_process_outlives_the_worker(tmp_path: Path, number: signal.Signals) -> None:
    settings = {"PATH": os.defpath, "VMS_JWT_SECRET": SECRET, "VMS_PORT": "0"}
    serving = VmsProcess("serve", tmp_path, settings)
    await serving.start()
    try:
        await until(lambda: "vms-nursery" in map(named, children(serving.pid)))
        nursery = nursery_of(serving.pid)
        os.kill(serving.pid, number)

        await until(lambda: not alive(nursery))
    finally:
        await serving.kill()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
