"""Liveness and readiness."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from app.exposition import metrics_endpoint
from media.disk import halted
from resolvers.catalogue import known_models
from resolvers.context import World
from resolvers.errors import Unavailable
from resolvers.system import CHECK_SECONDS, Component, bus_component, database_component

LEAST_FREE_BYTES = 256 * 1024 * 1024


def status_routes(world: World, metrics_user: str, metrics_password: str) -> list[BaseRoute]:
    """What is asked of a process by who watches over it."""

    async def ready(_: Request) -> JSONResponse:
        """GET /v2/health/ready: each component's state; 503 unless all that is vital is well."""
        return await readiness(world)

    return [
        Route("/v2/health", live),
        Route("/v2/health/ready", ready),
        Route("/v2/metrics", metrics_endpoint(metrics_user, metrics_password)),
    ]


async def live(_: Request) -> JSONResponse:
    """GET /v2/health: the process answers."""
    return JSONResponse({"status": "ok"})


async def readiness(world: World) -> JSONResponse:
    """Each component's state; 503 unless all that is vital is well.

    Models are reported and not vital: without one the system records and serves. Storage that
    fills up is degraded: all of it still works.
    """
    names = ("postgres", "redis", "storage", "models")
    database, bus, storage, models = await asyncio.gather(
        database_component(), bus_component(world), _storage(world), _models(world)
    )
    looks = (_component(database), _component(bus), storage, models)
    checks = dict(zip(names, looks, strict=True))
    vital = (check for name, check in checks.items() if name != "models")
    well = all(check["status"] in {"ok", "degraded"} for check in vital)
    body = {"status": "ok" if well else "unavailable", "checks": checks}
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(body, status_code=200 if well else 503, headers=headers)


def _component(found: Component) -> dict[str, Any]:
    return {"status": "ok" if found.available else "unavailable", "engine": found.engine}


async def _storage(world: World) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            free = await asyncio.to_thread(_free_bytes, world)
    except (TimeoutError, OSError):
        return {"status": "unavailable", "reason": "the recordings folder cannot be written"}
    if free < LEAST_FREE_BYTES:
        return {"status": "unavailable", "reason": "the disk is full", "free_bytes": free}
    waits = await asyncio.to_thread(halted, world.store.root)
    if waits is not None or free < world.marks.low_bytes:
        reason = f"nothing is recorded: {waits}" if waits else "the disk fills up"
        return {"status": "degraded", "reason": reason, "free_bytes": free}
    return {"status": "ok", "free_bytes": free}


def _free_bytes(world: World) -> int:
    root = world.store.root
    if not os.access(root, os.W_OK | os.X_OK):
        raise PermissionError(root)
    return shutil.disk_usage(root).free


async def _models(world: World) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            models = await known_models(world)
    except (TimeoutError, Unavailable):
        return {"status": "unknown", "reason": "the workers cannot be asked"}
    active = next((model for model in models if model.active), None)
    if active is not None:
        return {
            "status": "ok",
            "active": f"{active.name}@{active.version}",
            "device": active.device,
        }
    reason = next((model.reason for model in models if model.reason), None)
    return {"status": "missing", "reason": reason or "no model is installed: vms models pull"}
