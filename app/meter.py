"""What use cases come to in this process: as metrics, and as spans where they are sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from app import metrics
from app.tracing import event_delivered, operation_span
from media.clock import Clock
from models.event import Event


class ProcessMeter:
    """The Meter of a process that is watched over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @contextmanager
    def operation(self, kind: str, name: str | None) -> Iterator[None]:
        label = metrics.operation_label(name)
        metrics.graphql_operations.labels(kind, label).inc()
        began = time.perf_counter()
        with operation_span(kind, label):
            yield
        if kind != "subscription":
            metrics.graphql_seconds.labels(kind, label).observe(time.perf_counter() - began)

    def refused(self, code: str) -> None:
        metrics.refusals.labels(code).inc()

    def delivered(self, event: Event) -> None:
        if event.written_us is None:  # by a version that did not note it
            return
        now_us = self._clock.now_us()
        metrics.delivery_seconds.observe(max(0, now_us - event.written_us) / 1_000_000)
        event_delivered(event.trace_id, event.written_us, now_us)
