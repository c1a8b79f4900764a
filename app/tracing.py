"""Spans of requests, queries and events: sent to a collector where one is configured, else nothing.

The trace of an event has the event's own `trace_id`, from the frame that began it to its delivery.
Its first span's id is the lower half of it: so a process that only knows the event can add to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING
from uuid import UUID

from starlette.types import Scope

from app.settings import Settings, SettingsError
from app.spans import NO_SPAN, RequestSpan
from media.types import EventChange
from models.watched import watch_queries

if TYPE_CHECKING:
    from app.otel import Collector


log = logging.getLogger(__name__)

_NOTHING = nullcontext(NO_SPAN)
_collector: Collector | None = None


@asynccontextmanager
async def tracing(settings: Settings, role: str) -> AsyncIterator[None]:
    """Sends spans for as long as the context is open, and at its end what is left.

    Raises:
        SettingsError: there is a collector, and no OpenTelemetry to talk to it.
    """
    global _collector  # noqa: PLW0603 - one for the process, like its log and its metrics
    if settings.otlp_endpoint is None:
        yield
        return
    try:
        from app.otel import Collector
    except ImportError as error:
        raise SettingsError("VMS_OTLP_ENDPOINT needs OpenTelemetry: install vms[otel]") from error
    _collector = Collector(settings.otlp_endpoint, settings.trace_ratio, role)
    watch_queries(_collector.query)
    log.info("traces go to %s", settings.otlp_endpoint)
    try:
        yield
    finally:
        watch_queries(None)
        collector, _collector = _collector, None
        await asyncio.to_thread(collector.close)


def request_span(scope: Scope, trace_id: UUID) -> AbstractContextManager[RequestSpan]:
    """Around one HTTP request; its queries and operations become parts of it."""
    return _NOTHING if _collector is None else _collector.request(scope, trace_id)


def operation_span(kind: str, name: str) -> AbstractContextManager[object]:
    """Around a GraphQL operation or one of its root fields."""
    return _NOTHING if _collector is None else _collector.part(f"{kind} {name}")


def event_written(change: EventChange, began_us: int, ended_us: int) -> None:
    """An event's beginning was committed."""
    if _collector is not None:
        _collector.event_written(change, began_us, ended_us)


def event_delivered(trace_id: UUID, committed_us: int, now_us: int) -> None:
    """A follower in this process was given an event's beginning."""
    if _collector is not None:
        _collector.event_delivered(trace_id, committed_us, now_us)
