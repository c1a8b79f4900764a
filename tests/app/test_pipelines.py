"""A worker's cameras with a substream: which is looked at, and what becomes of its thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from app.worker import Worker
from media.clock import SystemClock
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.orders import SILENCE_S
from media.pipeline import CameraPipeline, CameraWorld
from media.simulator import Simulator, SimulatorThread
from media.source import Transport
from media.types import Detection
from models.base import select
from models.camera import Camera
from models.recording import RecordingRun, RecordingRunTable
from resolvers.camera_input import CameraChanges, CameraDraft
from resolvers.cameras import camera_create, camera_update
from resolvers.context import World
from tests.audit import audited
from tests.clips import Encoding, frame_coded
from tests.media.detect.scripted import ScriptedModel
from tests.media.recorded import NETWORKS, QUICK, SOON
from tests.world import context

SIZES = {"main": (640, 360), "sub": (320, 240), "other": (160, 120)}


class Patient(SystemClock):
    """Its monotonic time can be set ahead, as if somebody had been silent for long."""

    ahead_us = 0

    def monotonic_us(self) -> int:
        return super().monotonic_us() + self.ahead_us


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        for name, size in SIZES.items():
            running.add(name, frame_coded(600, Encoding(gop=10, size=size)))
        yield running


@dataclass
class Site:
    world: World
    worker: Worker
    camera: Camera
    clock: Patient
    widths: list[int]

    async def sees(self, name: str) -> None:
        """Until pictures of that stream are looked at, and no others any more."""
        wanted = SIZES[name][0]
        await self.until(lambda: self.widths[-3:] == [wanted] * 3)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.05)

    async def change(self, changes: CameraChanges) -> None:
        await camera_update(context(self.world), self.camera.slug, changes)

    def substreams(self) -> list[str]:
        return [each.name for each in threading.enumerate() if each.name.startswith("sub-")]


@asynccontextmanager
async def site(world: World, simulator: Simulator, spool: Path) -> AsyncIterator[Site]:
    widths: list[int] = []

    def look(frame: av.VideoFrame) -> list[Detection]:
        widths.append(frame.width)
        return []

    draft = CameraDraft(
        id="cam-1",
        name="1",
        rtsp_url=simulator.url("main"),
        features=["person"],
        fps=10.0,
        detection_url=simulator.url("sub"),
    )
    camera = (await camera_create(context(world), draft)).camera
    pool, clock = DetectorPool(ModelSet.of(ScriptedModel(look))), Patient()
    media = CameraWorld(world.store, NETWORKS, clock, QUICK, SOON, 0.4)
    worker = Worker(world, media, Transport.TCP, spool, pool, alone=True)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield Site(world, worker, camera, clock, widths)
    finally:
        stop.set()
        await running
        pool.close()


async def runs(site: Site) -> list[RecordingRun]:
    rows = RecordingRunTable.within("default").filter(camera_key=site.camera.key)
    return await select(rows, RecordingRun)


async def test_the_substream_changes_while_the_camera_is_recorded(
    world: World, simulator: Simulator, tmp_path: Path
) -> None:
    async with site(world, simulator, tmp_path / "spool") as here:
        await here.sees("sub")
        assert set(here.widths) == {SIZES["sub"][0]}, "the main stream is never decoded"
        await here.change(CameraChanges(detection_url=simulator.url("other")))
        await here.sees("other")
        await here.change(CameraChanges(detection_url=None))
        await here.sees("main")
        await here.until(lambda: not here.substreams())
        await here.change(CameraChanges(detection_url=simulator.url("sub")))
        await here.sees("sub")
        await here.change(CameraChanges(features=["face"]))  # which no model finds here
        await here.until(lambda: not here.substreams())
        assert len(await runs(here)) == 1
    assert (await audited(world, here.camera)).gaps == []


async def test_a_substreams_thread_ends_with_its_camera(
    world: World, simulator: Simulator, tmp_path: Path
) -> None:
    async with site(world, simulator, tmp_path / "spool") as here:
        await here.sees("sub")
        await here.change(CameraChanges(enabled=False))
        await here.until(lambda: not here.substreams())
        await here.change(CameraChanges(enabled=True))
        await here.sees("sub")
    assert here.substreams() == []


async def test_a_substreams_thread_that_hangs_is_replaced(
    world: World, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, free = threading.Event(), threading.Event()
    report = CameraPipeline._report

    def hang(pipeline: CameraPipeline, *told: object) -> None:
        if pipeline.config.is_substream and not hangs.is_set() and told[2] is not None:
            hangs.set()
            free.wait(60)
        report(pipeline, *told)  # type: ignore[arg-type]

    monkeypatch.setattr(CameraPipeline, "_report", hang)
    async with site(world, simulator, tmp_path / "spool") as here:
        await asyncio.to_thread(hangs.wait, 30)
        assert len(here.substreams()) == 1
        here.clock.ahead_us = round((SILENCE_S + 1) * 1_000_000)
        await here.until(lambda: len(here.substreams()) == 2)
        free.set()
        await here.sees("sub")
        await here.until(lambda: len(here.substreams()) == 1)
