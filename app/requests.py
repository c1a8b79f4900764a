"""What is known of each request beside its answer: counts, its trace, a line in the access log."""

from __future__ import annotations

import logging
import re
import time
from uuid import UUID, uuid4

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.spans import RequestSpan
from app.tracing import request_span
from media.log_fields import bind_log_fields

log = logging.getLogger(__name__)

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""www.w3.org/TR/trace-context, 3.2."""

QUIET_PATHS = frozenset({"/v2/health", "/v2/health/ready", "/v2/metrics"})
"""Asked every few seconds by machines: neither counted nor traced nor in the access log."""


class WatchRequests:
    """Middleware: it names requests by the route's pattern, as an address may hold a token.

    Every line that is logged for a request carries its `trace_id`: the caller's (`traceparent`),
    or a new one.
    """

    def __init__(self, app: ASGIApp, *, access_log: bool = False) -> None:
        self._app, self._access_log = app, access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        trace_id = _trace_id(scope)
        bind_log_fields(trace_id=str(trace_id))  # until the task ends: whoever fails later has it
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
        else:
            with request_span(scope, trace_id) as span:
                await self._http(scope, receive, send, span)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = scope["path"] if scope["path"] in metrics.SOCKETS else "other"
        began = time.perf_counter()
        with metrics.sockets.labels(route).track_inprogress():
            try:
                await self._app(scope, receive, send)
            finally:
                self._note("WS", route, "closed", time.perf_counter() - began)

    async def _http(self, scope: Scope, receive: Receive, send: Send, span: RequestSpan) -> None:
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
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in metrics.METHODS else "other"
            route = getattr(scope.get("route"), "path", "unknown")
            metrics.http_requests.labels(method, route, status).inc()
            metrics.http_seconds.labels(method, route).observe(seconds)
            span.answered(route, status)
            self._note(method, route, status, seconds)

    def _note(self, method: str, route: str, status: str, seconds: float) -> None:
        if self._access_log:
            log.info("%s %s %s in %.0f ms", method, route, status, seconds * 1000)


def _trace_id(scope: Scope) -> UUID:
    """The caller's, else a new one."""
    given = _TRACEPARENT.fullmatch(Headers(scope=scope).get("traceparent", ""))
    return UUID(given[1]) if given else uuid4()
