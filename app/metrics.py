"""Every metric there is.

What a client chooses is no label, but for names of GraphQL operations, which are bounded; nor is a
camera, unless the settings say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the series
registry = CollectorRegistry()

FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of answers and deliveries: 50 ms is what a delivery is promised in."""

http_requests = Counter(
    "vms_http_requests", "Requests answered", ["method", "route", "status"], registry=registry
)
http_seconds = Histogram(
    "vms_http_request_seconds",
    "Time to answer a request",
    ["method", "route"],
    buckets=FAST,
    registry=registry,
)
sockets = Gauge(
    "vms_websockets", "Open WebSockets", ["route"], registry=registry, multiprocess_mode="livesum"
)
graphql_operations = Counter(
    "vms_graphql_operations",
    "GraphQL operations begun, of every transport",
    ["type", "name"],
    registry=registry,
)
graphql_seconds = Histogram(
    "vms_graphql_operation_seconds",
    "Time to execute a query or mutation",
    ["type", "name"],
    buckets=FAST,
    registry=registry,
)
refusals = Counter(
    "vms_refusals", "Requests of any transport that were refused", ["code"], registry=registry
)
delivery_seconds = Histogram(
    "vms_event_delivery_seconds",
    "From an event's commit to its being handed to a follower that was there",
    buckets=FAST,
    registry=registry,
)
database_up = Gauge(
    "vms_database_up",
    "Whether the database answers",
    registry=registry,
    multiprocess_mode="livemin",
)
database_connections = Gauge(
    "vms_database_connections",
    "Connections of the pool",
    ["state"],
    registry=registry,
    multiprocess_mode="livesum",
)
bus_up = Gauge(
    "vms_bus_up", "Whether the bus answers", registry=registry, multiprocess_mode="livemin"
)
disk_free_bytes = Gauge(
    "vms_disk_free_bytes",
    "Free where recordings lie",
    registry=registry,
    multiprocess_mode="livemin",
)
disk_size_bytes = Gauge(
    "vms_disk_size_bytes",
    "Size of the disk where recordings lie",
    registry=registry,
    multiprocess_mode="livemin",
)

disk_low = Gauge(
    "vms_disk_low",
    "Whether less is free than VMS_DISK_LOW_BYTES",
    registry=registry,
    multiprocess_mode="livemax",
)
removed_bytes = Counter(
    "vms_removed_bytes",
    "Footage removed: by retention, or because the disk was nearly full",
    ["why"],
    registry=registry,
)

CAMERA = ["tenant", "camera"]
"""Empty, which Prometheus takes for absent, unless VMS_METRICS_BY_CAMERA is set."""

cameras = Gauge(
    "vms_cameras",
    "Cameras supervised here",
    ["state"],
    registry=registry,
    multiprocess_mode="livesum",
)
camera_up = Gauge(
    "vms_camera_up",
    "Whether pictures come from a camera; the worst of those it stands for",
    CAMERA,
    registry=registry,
    multiprocess_mode="livemin",
)
frames = Counter(
    "vms_camera_frames", "Frames received, decoded, inferred", [*CAMERA, "stage"], registry=registry
)
decoders_lost = Counter(
    "vms_camera_decoders_lost",
    "Processes that decoded a camera's stream and were lost: crashed, hung, not_started",
    [*CAMERA, "purpose", "why"],
    registry=registry,
)
frames_skipped = Counter(
    "vms_camera_frames_skipped",
    "Frames due for detection that were not looked at: replaced (a newer one came first), overload"
    " (not even brought, as many were replaced), still (nothing moved), undecodable, failed (in the"
    " model); packets that were late for decoding",
    [*CAMERA, "why"],
    registry=registry,
)
received_bytes = Counter(
    "vms_camera_received_bytes", "Bytes of video received", CAMERA, registry=registry
)
segments = Counter("vms_camera_segments", "Media segments recorded", CAMERA, registry=registry)
recorded_bytes = Counter("vms_camera_recorded_bytes", "Bytes recorded", CAMERA, registry=registry)
recorded_seconds = Counter(
    "vms_camera_recorded_seconds", "Footage recorded", CAMERA, registry=registry
)
gap_seconds = Counter(
    "vms_camera_gap_seconds",
    "Time not recorded between two runs; counted when the gap closes",
    CAMERA,
    registry=registry,
)
behind_seconds = Gauge(
    "vms_camera_behind_seconds",
    "Time since the footage of a camera that is to be recorded ended; the longest",
    CAMERA,
    registry=registry,
    multiprocess_mode="livemax",
)
reconnects = Counter(
    "vms_camera_reconnects",
    "Connections lost or not made, by why",
    [*CAMERA, "why"],
    registry=registry,
)
events = Counter("vms_events", "Events that began, once written", ["type"], registry=registry)
event_write_seconds = Histogram(
    "vms_event_write_seconds",
    "From an event's frame to its being written",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 600.0),
    registry=registry,
)
queue_depth = Gauge(
    "vms_queue_depth",
    "What waits: changes for the database, frames for inference",
    ["queue"],
    registry=registry,
    multiprocess_mode="livesum",
)
spool_bytes = Gauge(
    "vms_spool_bytes",
    "Changes kept on disk until the database takes them",
    registry=registry,
    multiprocess_mode="livesum",
)
changes_refused = Counter(
    "vms_changes_refused", "Changes that the tables refuse for good", registry=registry
)
changes_lost = Counter(
    "vms_changes_lost", "Changes that neither disk nor memory had room for", registry=registry
)
lease_changes = Counter(
    "vms_lease_changes", "Cameras taken, released and lost", ["change"], registry=registry
)

live_viewers = Gauge(
    "vms_live_viewers", "Who watch live now", registry=registry, multiprocess_mode="livesum"
)
live_sessions = Counter("vms_live_sessions", "Live views begun", registry=registry)
live_frames_left_out = Counter(
    "vms_live_frames_left_out",
    "Frames that viewers were not sent: too slow, or a keyframe was lost",
    registry=registry,
)
live_pictures = Counter("vms_live_pictures", "Pictures of now that were made", registry=registry)

webhook_deliveries = Counter(
    "vms_webhook_deliveries",
    "Messages to webhooks, each try, by what came of it",
    ["outcome"],
    registry=registry,
)
webhook_lag_seconds = Gauge(
    "vms_webhook_lag_seconds",
    "How long the step of the log waits that has waited longest for its webhook to take it",
    registry=registry,
    multiprocess_mode="livemax",
)
webhooks_failing = Gauge(
    "vms_webhooks_failing",
    "Webhooks whose last try failed",
    registry=registry,
    multiprocess_mode="livesum",
)

SOCKETS = frozenset({"/graphql", "/v2/ws/events"})
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})

MOST_OPERATION_NAMES = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_names: set[str] = set()


def operation_label(name: str | None) -> str:
    """The first hundred names stand for themselves: clients make them up, and each is a series."""
    if name is None:
        return "anonymous"
    if name not in _names:
        if len(_names) >= MOST_OPERATION_NAMES or not _NAME.fullmatch(name):
            return "other"
        _names.add(name)
    return name


Reading = Callable[[], None]
"""Sets gauges, or adds to counters, from what something has come to; on any thread."""

_readings: list[Reading] = []


@contextmanager
def reading(read: Reading) -> Iterator[None]:
    """Has `read` called before each exposition for as long as the context is open."""
    _readings.append(read)
    try:
        yield
    finally:
        _readings.remove(read)


def take_readings() -> None:
    for read in list(_readings):
        read()
