"""Zones that change while a camera runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from app.worker import Worker
from media.clock import SystemClock
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.pipeline import CameraWorld
from media.simulator import Simulator, SimulatorThread
from media.source import Transport
from media.types import Box, Detection
from media.zones import ZonePurpose
from models.base import select
from models.event import Event
from models.recording import RecordingRun, RecordingRunTable
from resolvers import events
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.context import World
from resolvers.zone_input import ZoneDraft
from resolvers.zones import zone_delete, zone_save
from tests.audit import audited
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.detect.scripted import ScriptedModel
from tests.media.recorded import NETWORKS, QUICK, SOON
from tests.world import context

RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]


def walkers(frame: av.VideoFrame) -> list[Detection]:
    """Somebody who walks through the whole picture in three seconds, then nobody for three."""
    x = read_frame_number(frame) % 150 / 75 * 0.85
    return [Detection("person", "person", 0.9, Box(x, 0.4, x + 0.1, 0.7))] if x < 0.85 else []


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        running.add("cam-1", frame_coded(600, Encoding(gop=10)))
        yield running


async def seen(world: World, holds: Callable[[Event], bool]) -> Event:
    """The first event that is as wanted, once there is one."""
    async with asyncio.timeout(25):
        while True:
            page = await events.events(context(world), first=200)
            for event in reversed(page.events):
                if holds(event):
                    return event
            await asyncio.sleep(0.1)


async def test_zones_take_hold_of_a_camera_that_goes_on_recording(
    world: World, simulator: Simulator, tmp_path: Path
) -> None:
    ctx = context(world)
    url = simulator.url("cam-1")
    draft = CameraDraft(id="cam-1", name="1", rtsp_url=url, features=["person"], fps=10.0)
    camera = (await camera_create(ctx, draft)).camera
    pool = DetectorPool(ModelSet.of(ScriptedModel(walkers)))
    media = CameraWorld(world.store, NETWORKS, SystemClock(), QUICK, SOON, 0.4)
    worker = Worker(world, media, Transport.TCP, tmp_path / "spool", pool, alone=True)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        await seen(world, lambda event: event.zones is None)
        zone = (await zone_save(ctx, "cam-1", ZoneDraft("R", ZonePurpose.INSIDE, RIGHT))).zone
        second = await seen(world, lambda event: event.zones is not None)
        await zone_delete(ctx, "cam-1", zone.id)
        await seen(world, lambda event: event.zones is None and event.at_us > second.at_us)
    finally:
        stop.set()
        await running
        pool.close()

    assert [each["id"] for each in second.zones or []] == [zone.id]
    assert second.boxes[0]["x"] + second.boxes[0]["w"] / 2 >= 0.5
    rows = RecordingRunTable.within("default").filter(camera_key=camera.key)
    assert len(await select(rows, RecordingRun)) == 1
    assert (await audited(world, camera)).gaps == []
