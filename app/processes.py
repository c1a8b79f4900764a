"""The processes that have codecs, from start to stop."""

from __future__ import annotations

import asyncio

import typer

from app import demo
from app.all_in_one import run_all, run_worker
from app.cli_models import show_progress
from app.clips import demo_cameras
from app.detection import ensure_model
from app.serving import told_to_stop
from app.settings import Settings
from resolvers.context import World


async def run_demo(settings: Settings) -> None:
    """`vms demo`, until SIGINT or SIGTERM."""
    await asyncio.to_thread(ensure_model, settings)
    cameras = await asyncio.to_thread(demo_cameras, settings.data_dir, show_progress)
    with demo.simulated(settings, cameras) as simulator:

        async def ready(world: World, port: int) -> None:
            await demo.enrol(world, simulator, cameras)
            typer.echo(demo.welcome(settings, world, port))

        async with told_to_stop() as stop:
            await run_all(settings, ready, stop, (demo.SIMULATOR_NETWORK,))


async def run_serve(settings: Settings) -> None:
    """`vms serve`, until SIGINT or SIGTERM."""

    async def ready(_: World, port: int) -> None:
        typer.echo(f"listening on http://{settings.host}:{port}; `vms token` prints a token")

    async with told_to_stop() as stop:
        await run_all(settings, ready, stop)


async def run_worker_process(settings: Settings) -> None:
    """`vms worker`, until SIGINT or SIGTERM."""
    async with told_to_stop() as stop:
        await run_worker(settings, stop)
