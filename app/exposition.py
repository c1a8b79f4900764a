"""The door that Prometheus comes through, and how processes of one host add up behind it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.metrics import registry, take_readings
from app.shared_metrics import shared_folder
from models.tasks import end

READ_SECONDS = 2.0
"""For all readings: a disk that hangs must not hold up the rest."""
SHARE_SECONDS = 5.0
"""How old a gauge may be that another process of the host shows."""

_reading = threading.Lock()


def metrics_endpoint(user: str, password: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler of GET /v2/metrics behind basic auth, compared in constant time."""
    wanted = f"{user}:{password}".encode()

    async def metrics(request: Request) -> Response:
        """GET /v2/metrics: Prometheus exposition."""
        given = _basic_credential(request.headers.get("authorization", ""))
        if not hmac.compare_digest(given, wanted):
            challenge = {"WWW-Authenticate": 'Basic realm="vms metrics", charset="UTF-8"'}
            return PlainTextResponse("credentials wanted\n", status_code=401, headers=challenge)
        await _refresh()
        return Response(generate_latest(_shown()), media_type=CONTENT_TYPE_LATEST)

    return metrics


def _basic_credential(header: str) -> bytes:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


async def _refresh() -> None:
    """On a thread: a reading may ask the disk. While one hangs what was read before is shown."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_SECONDS):
            await asyncio.to_thread(_read_alone)


def _read_alone() -> None:
    if _reading.acquire(blocking=False):
        try:
            take_readings()
        finally:
            _reading.release()


def _shown() -> CollectorRegistry:
    """This process's own metrics, or the sum over all that share its folder."""
    folder = shared_folder()
    if folder is None:
        return registry
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*.db")}:
        if not _is_alive(pid):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
    together = CollectorRegistry()
    MultiProcessCollector(together, str(folder))  # type: ignore[no-untyped-call]
    return together


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@asynccontextmanager
async def shown_to_others() -> AsyncIterator[None]:
    """Takes readings now and then where another process may be asked for them."""
    if shared_folder() is None:
        yield
        return
    task = asyncio.create_task(_keep_fresh(), name="metrics")
    try:
        yield
    finally:
        await end(task)


async def _keep_fresh() -> None:
    while True:
        await _refresh()
        await asyncio.sleep(SHARE_SECONDS)
