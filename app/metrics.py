"""What Prometheus can see, and its door."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Awaitable, Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

registry = CollectorRegistry()

http_requests = Counter(
    "vms_http_requests", "Requests answered", ["method", "route", "status"], registry=registry
)
http_seconds = Histogram(
    "vms_http_request_seconds", "Time to answer a request", ["route"], registry=registry
)
sockets = Gauge("vms_websockets", "Open WebSockets", ["route"], registry=registry)
events = Counter("vms_events", "Events that began", ["type"], registry=registry)
segments = Counter("vms_segments", "Media segments recorded", registry=registry)
recorded_bytes = Counter("vms_recorded_bytes", "Bytes recorded", registry=registry)
recorded_seconds = Counter("vms_recorded_seconds", "Footage recorded", registry=registry)
camera_changes = Counter(
    "vms_camera_state_changes", "Changes of camera states", ["state"], registry=registry
)
cameras = Gauge("vms_cameras", "Cameras supervised here", registry=registry)
waiting_changes = Gauge(
    "vms_waiting_changes", "Media changes not yet in the database", registry=registry
)

SOCKETS = frozenset({"/graphql", "/v2/ws/events"})
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})


def metrics_endpoint(user: str, password: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler of GET /v2/metrics behind basic auth, compared in constant time."""
    wanted = f"{user}:{password}".encode()

    async def metrics(request: Request) -> Response:
        """GET /v2/metrics: Prometheus exposition."""
        given = _basic_credential(request.headers.get("authorization", ""))
        if not hmac.compare_digest(given, wanted):
            challenge = {"WWW-Authenticate": 'Basic realm="vms metrics", charset="UTF-8"'}
            return PlainTextResponse("credentials wanted\n", status_code=401, headers=challenge)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return metrics


def _basic_credential(header: str) -> bytes:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


class CountRequests:
    """Counts requests by the route's pattern, never by the address: ids and tokens stay out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            route = scope["path"] if scope["path"] in SOCKETS else "other"
            with sockets.labels(route).track_inprogress():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = "500"

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in METHODS else "other"
            http_requests.labels(method, route, status).inc()
            http_seconds.labels(route).observe(time.perf_counter() - began)
