"""API and media worker in one process: what `vms serve` and `vms demo` run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.api import build_api
from app.api_process import api_options
from app.calls import CallKey
from app.camera_metrics import CameraMeter
from app.comparer import Comparer
from app.decoding import Decoded, open_decoding
from app.detection import Detection, open_detection
from app.exporter import Exporter
from app.health import status_routes
from app.installation import open_installation
from app.keyring import Keyring
from app.live_metrics import LiveMeter
from app.live_sessions import live_nearby, live_sessions
from app.measuring import watched_over
from app.meter import ProcessMeter
from app.retention import Cleaner
from app.serving import serving
from app.settings import Settings
from app.webhooks import delivering
from app.worker import Companion, Worker
from app.worker_port import PortOptions, WorkerPort
from app.world import build_world
from media.live.sessions import LiveSessions
from media.pipeline import CameraWorld
from media.probe import probe
from media.source import Transport
from media.types import ProbeReport
from resolvers.context import World

log = logging.getLogger(__name__)

Ready = Callable[[World, int], Awaitable[None]]
"""Called once the port is open, with the world and the port."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """What a process looks at pictures with."""

    detection: Detection
    decoded: Decoded


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
    with open_decoding(settings, bare.clock) as decoded:
        eyes = Seeing(detection, decoded)
        live = live_sessions(settings, bare.clock, bare.identity.revoked, decoded.decoders)
        world = replace(with_media(bare, eyes), live=live_nearby(live, bare.live))
        worker = make_worker(settings, world, eyes, live)
        await _run_both(settings, worker, ready, stop)


async def _run_both(settings: Settings, worker: Worker, ready: Ready, stop: asyncio.Event) -> None:
    world = worker.world
    async with (
        open_installation(settings, world),
        watched_over(settings, world, "all-in-one"),
        asyncio.TaskGroup() as tasks,
    ):
        stop_worker = asyncio.Event()
        tasks.create_task(worker.run(stop_worker), name="worker")
        try:
            await _serve_until(settings, world, ready, stop)
        finally:
            stop_worker.set()


async def _serve_until(settings: Settings, world: World, ready: Ready, stop: asyncio.Event) -> None:
    app = build_api(world, api_options(settings, world))
    async with (
        delivering(world),
        serving(app, settings.host, settings.port, world.stopping) as server,
    ):
        await ready(world, server.port)
        await stop.wait()
        log.info("stopping")


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """A media worker alone, until `stop` is set."""
    bare = build_world(settings)
    with open_detection(settings) as detection, open_decoding(settings, bare.clock) as decoded:
        eyes = Seeing(detection, decoded)
        world = with_media(bare, eyes)
        async with open_installation(settings, world), watched_over(settings, world, "worker"):
            live = live_sessions(settings, world.clock, world.identity.revoked, decoded.decoders)
            worker = make_worker(settings, world, eyes, live)
            if settings.worker_port is not None:
                worker.companions.append(_port(settings, worker, live))
            await worker.run(stop)


def make_worker(settings: Settings, world: World, eyes: Seeing, live: LiveSessions) -> Worker:
    feeds, decoders = live.feeds if settings.live_viewers else None, eyes.decoded.decoders
    media = CameraWorld(world.store, world.networks, world.clock, live=feeds, decoders=decoders)
    transport, spool = Transport(settings.rtsp_transport), settings.data_dir / "spool"
    by_camera, losses = settings.metrics_by_camera, eyes.decoded.losses
    meter = CameraMeter(world.clock, by_camera=by_camera, losses=losses)
    comparer = Comparer(world, settings.data_dir, settings.model)
    companions: list[Companion] = [
        *(Cleaner(world), Exporter(world), comparer),
        *(live, LiveMeter(live)),
    ]
    worker = Worker(world, media, transport, spool, eyes.detection.pool, companions, meter=meter)
    worker.lacking = eyes.detection.lacking
    worker.alone = settings.database.startswith("sqlite://")
    return worker


def _port(settings: Settings, worker: Worker, live: LiveSessions) -> WorkerPort:
    """Serves the worker's footage and live view to API processes; the worker learns its address."""
    keyring, world = Keyring(settings), worker.world
    key = CallKey(keyring.grant_key(), world.clock)
    options = PortOptions(settings.worker_host, settings.worker_port or 0, settings.worker_address)

    def tell(base: str) -> None:
        worker.address = base

    status = status_routes(world, settings.metrics_user, keyring.metrics_password())
    return WorkerPort(world.store, key, options, tell, status, live)


def with_media(world: World, eyes: Seeing) -> World:
    """The world of a process that has codecs: it can look at cameras and knows its models."""

    async def look(rtsp_url: str) -> ProbeReport:
        decoders = eyes.decoded.decoders
        return await asyncio.to_thread(probe, rtsp_url, world.networks, decoders=decoders)

    meter = ProcessMeter(world.clock)
    return replace(world, probe=look, models=eyes.detection.statuses, meter=meter)
