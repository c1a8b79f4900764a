"""`vms api`: the HTTP side alone, without a codec in the process."""

from __future__ import annotations

import logging
from dataclasses import replace

from app.api import ApiOptions, build_api
from app.assets import ASSETS
from app.graphql_documents import graphql_documents
from app.installation import open_installation
from app.keyring import Keyring
from app.measuring import watched_over
from app.meter import ProcessMeter
from app.serving import serving, told_to_stop
from app.settings import Settings
from app.webhooks import delivering
from app.world import build_world
from compat_rest.offload import Offload
from resolvers.context import World

log = logging.getLogger(__name__)


def api_options(settings: Settings, world: World) -> ApiOptions:
    return ApiOptions(
        metrics_user=settings.metrics_user,
        metrics_password=Keyring(settings).metrics_password(),
        origins=settings.origins,
        assets=ASSETS if ASSETS.is_dir() else None,
        access_log=settings.access_log,
        documents=graphql_documents(settings, world.bus),
        offload=_offload(settings, world),
    )


def _offload(settings: Settings, world: World) -> Offload | None:
    manner = settings.sendfile
    if manner == "none":
        return None
    usual = "/footage" if manner == "x-accel-redirect" else str(world.store.root.resolve())
    return Offload(manner, settings.sendfile_prefix or usual)


async def run_api(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM."""
    bare = build_world(settings)
    world = replace(bare, meter=ProcessMeter(bare.clock))
    async with (
        told_to_stop() as stop,
        open_installation(settings, world),
        watched_over(settings, world, "api"),
        delivering(world),
    ):
        app = build_api(world, api_options(settings, world))
        async with serving(app, settings.host, settings.port, world.stopping) as server:
            log.info("listening on %s:%s", settings.host, server.port)
            await stop.wait()
