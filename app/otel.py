"""OpenTelemetry's part of tracing: the only module that imports it."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import Scope

from app.spans import NO_SPAN, RequestSpan
from media.types import EventChange

EXPORT_SECONDS = 2.0
MOST_QUERY_CHARACTERS = 1000
MOST_DELIVERED = 1000

_LOWER_64, _LOWER_56 = (1 << 64) - 1, (1 << 56) - 1
_chosen: ContextVar[tuple[int, int] | None] = ContextVar("chosen_ids", default=None)


class _Ids(IdGenerator):
    """Ids at random, unless a trace and a span id are chosen for what begins a trace."""

    _random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        chosen = _chosen.get()
        return chosen[0] if chosen else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        chosen = _chosen.get()
        return chosen[1] if chosen else self._random.generate_span_id()


class _Request:
    def __init__(self, span: Span, method: str) -> None:
        self._span, self._method = span, method

    def answered(self, route: str, status: str) -> None:
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", int(status))
        if status.startswith("5"):
            self._span.set_status(StatusCode.ERROR)


class Collector:
    """Makes spans and sends them in batches from a thread of its own, dropping what is too much.

    `share` of the traces that begin here are sent; a caller's trace is when the caller says so.
    """

    def __init__(self, endpoint: str, share: float, role: str) -> None:
        self._below = round(share * (_LOWER_56 + 1))
        self._provider = TracerProvider(
            sampler=ParentBased(ALWAYS_ON),
            resource=Resource.create(
                {
                    "service.name": f"vms-{role}",
                    "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
                }
            ),
            shutdown_on_exit=False,
            id_generator=_Ids(),
        )
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("vms")
        self._delivered: OrderedDict[UUID, None] = OrderedDict()

    def close(self) -> None:
        self._provider.shutdown()

    def request(self, scope: Scope, trace_id: UUID) -> AbstractContextManager[RequestSpan]:
        """One HTTP request: part of its caller's trace, else the beginning of trace `trace_id`."""
        caller = TraceContextTextMapPropagator().extract(dict(Headers(scope=scope)), Context())
        if not caller and not self._takes(trace_id):
            return nullcontext(NO_SPAN)
        return self._request(scope["method"], caller, trace_id)

    @contextmanager
    def _request(self, method: str, caller: Context, trace_id: UUID) -> Iterator[RequestSpan]:
        about = {"http.request.method": method}
        if caller:
            span = self._tracer.start_span(method, caller, SpanKind.SERVER, about)
        else:
            with _chosen_ids(trace_id):
                span = self._tracer.start_span(method, caller, SpanKind.SERVER, about)
        with trace.use_span(span, end_on_exit=True):
            yield _Request(span, method)

    def _takes(self, trace_id: UUID) -> bool:
        """By the bits of it that are random in a UUID, too."""
        return trace_id.int & _LOWER_56 < self._below

    def part(self, name: str) -> AbstractContextManager[object]:
        """Of the request that is being served; nothing outside of one."""
        if not trace.get_current_span().get_span_context().is_valid:
            return nullcontext()
        return self._tracer.start_as_current_span(name)

    def query(self, text: str) -> AbstractContextManager[object]:
        """One query of the request that is being served; `text` holds no values."""
        if not trace.get_current_span().get_span_context().is_valid:
            return nullcontext()
        about = {"db.system.name": "postgresql", "db.query.text": text[:MOST_QUERY_CHARACTERS]}
        name = text.split(None, 1)[0].upper() if text.strip() else "query"
        return self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=about)

    def event_written(self, change: EventChange, began_us: int, ended_us: int) -> None:
        """From the frame that shows it to its commit; times are wall time."""
        if not self._takes(change.trace_id):
            return
        about = {"vms.event_id": change.event_id, "vms.type": change.detection.feature}
        stages = change.stages
        first_us = change.at_us if stages else began_us
        with _chosen_ids(change.trace_id):
            root = self._tracer.start_span(
                "event", Context(), attributes=about, start_time=first_us * 1000
            )
        within = trace.set_span_in_context(root, Context())
        if stages is not None:
            self._stage("frame sampled", within, change.at_us, stages.sampled_us)
            self._stage("inferred", within, stages.sampled_us, stages.inferred_us)
            self._stage("tracked", within, stages.inferred_us, stages.tracked_us)
        self._stage("written", within, began_us, ended_us)
        root.end(ended_us * 1000)

    def event_delivered(self, trace_id: UUID, committed_us: int, now_us: int) -> None:
        """To the first of this process's followers."""
        if trace_id in self._delivered or not self._takes(trace_id):
            return
        self._delivered[trace_id] = None
        if len(self._delivered) > MOST_DELIVERED:
            self._delivered.popitem(last=False)
        trace_number, span_number = _ids_of(trace_id)
        parent = SpanContext(trace_number, span_number, True, TraceFlags(TraceFlags.SAMPLED))
        within = trace.set_span_in_context(NonRecordingSpan(parent), Context())
        self._stage("delivered", within, committed_us, now_us)

    def _stage(self, name: str, within: Context, began_us: int, ended_us: int) -> None:
        span = self._tracer.start_span(name, within, start_time=began_us * 1000)
        span.end(max(began_us, ended_us) * 1000)


@contextmanager
def _chosen_ids(trace_id: UUID) -> Iterator[None]:
    before = _chosen.set(_ids_of(trace_id))
    try:
        yield
    finally:
        _chosen.reset(before)


def _ids_of(trace_id: UUID) -> tuple[int, int]:
    """A trace's id, and that of its first span."""
    return trace_id.int, trace_id.int & _LOWER_64
