"""API and media worker in one process: what `vms serve` and `vms demo` run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.api import build_api
from app.api_process import api_options
from app.detection import Detection, open_detection
from app.installation import open_installation
from app.serving import serving
from app.settings import Settings
from app.worker import Worker
from app.world import build_world
from media.pipeline import CameraWorld
from media.probe import probe
from media.source import Transport
from media.types import ProbeReport
from resolvers.context import World

log = logging.getLogger(__name__)

Ready = Callable[[World, int], Awaitable[None]]
"""Called once the port is open, with the world and the port."""


async def run_all(
    settings: Settings, ready: Ready, stop: asyncio.Event, extra_networks: tuple[str, ...] = ()
) -> None:
    """API and worker on the settings' world until `stop` is set."""
    world = build_world(settings, extra_networks)
    with open_detection(settings) as detection:
        await run_world(settings, world, detection, ready, stop)


async def run_world(
    settings: Settings, bare: World, detection: Detection, ready: Ready, stop: asyncio.Event
) -> None:
    """API and worker until `stop` is set: first requests end, then recordings are closed."""
    world = with_media(bare, detection)
    async with open_installation(settings, world), asyncio.TaskGroup() as tasks:
        stop_worker = asyncio.Event()
        worker = make_worker(settings, world, detection)
        tasks.create_task(worker.run(stop_worker), name="worker")
        try:
            await _serve_until(settings, world, ready, stop)
        finally:
            stop_worker.set()


async def _serve_until(settings: Settings, world: World, ready: Ready, stop: asyncio.Event) -> None:
    app = build_api(world, api_options(settings))
    async with serving(app, settings.host, settings.port) as server:
        await ready(world, server.port)
        await stop.wait()
        log.info("stopping")


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """A media worker alone, until `stop` is set."""
    bare = build_world(settings)
    with open_detection(settings) as detection:
        world = with_media(bare, detection)
        async with open_installation(settings, world):
            await make_worker(settings, world, detection).run(stop)


def make_worker(settings: Settings, world: World, detection: Detection) -> Worker:
    media = CameraWorld(world.store, world.networks, world.clock)
    return Worker(world, media, Transport(settings.rtsp_transport), detection.pool)


def with_media(world: World, detection: Detection) -> World:
    """The world of a process that has codecs: it can look at cameras and knows its models."""

    async def look(rtsp_url: str) -> ProbeReport:
        return await asyncio.to_thread(probe, rtsp_url, world.networks)

    return replace(world, probe=look, models=detection.statuses)
