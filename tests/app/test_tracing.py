"""Spans as a collector receives them, and the one trace id of an event everywhere."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import tracing
from app.api import ApiOptions, build_api
from app.logging import set_up_logging
from app.measuring import watched_over
from app.meter import ProcessMeter
from app.serving import serving
from app.settings import Settings, SettingsError
from app.writer import writing_changes
from media.types import EventChange, FrameStages
from resolvers import watch
from resolvers.context import World
from tests.app.test_logging import own_logging
from tests.world import add_camera, beginning, context, token

__all__ = ["own_logging"]

POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
CAMERAS = {"query": "query Walls { cameras { nodes { id } } }"}


@dataclass(slots=True)
class Received:
    """What a collector was sent: every span, and whose it is."""

    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(named["service.name"])
            for scope in resource.scope_spans:
                self.spans += scope.spans
        answer = ExportTraceServiceResponse().SerializeToString()
        return Response(answer, media_type="application/x-protobuf")

    def named(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[Received, str]]:
    """A real collector over HTTP, as far as OTLP goes, and its address."""
    received = Received()
    app = Starlette(routes=[Route("/v1/traces", received.take, methods=["POST"])])
    async with serving(app, "127.0.0.1", 0) as server:
        yield received, f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Of the API, each of whose spans is sent at the end of `watched_over`."""
    app = build_api(replace(world, meter=ProcessMeter(world.clock)), ApiOptions("prom", "secret"))
    headers = {"Authorization": f"Bearer {token()}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://vms.test", headers=headers
    ) as opened:
        yield opened


@POSTGRES
async def test_a_request_is_traced_down_to_its_queries(world: World) -> None:
    caller, parent = uuid4().hex, "b7ad6b7169203331"
    async with collector() as (received, address):
        settings = Settings(otlp_endpoint=address)
        async with watched_over(settings, world, "api"), client(world) as http:
            headers = {"traceparent": f"00-{caller}-{parent}-01"}
            answer = await http.post("/graphql", json=CAMERAS, headers=headers)
            assert "errors" not in answer.json()
            await http.get("/v2/health")
    assert received.services == {"vms-api"}
    request, operation = received.named("POST /graphql"), received.named("query Walls")
    resolver = received.named("field cameras")
    queries = [span for span in received.spans if span.name == "SELECT"]
    assert {span.trace_id.hex() for span in received.spans} == {caller}
    assert request.parent_span_id.hex() == parent
    assert operation.parent_span_id == request.span_id
    assert resolver.parent_span_id == operation.span_id
    assert queries
    assert resolver.span_id in {span.parent_span_id for span in queries}
    within = {span.span_id for span in (request, operation, resolver)}
    assert {span.parent_span_id for span in queries} <= within
    about = {each.key: each.value for each in request.attributes}
    assert about["http.route"].string_value == "/graphql"
    assert about["http.response.status_code"].int_value == 200
    texts = [each.value.string_value for span in queries for each in span.attributes]
    assert any('FROM "camera"' in text for text in texts)
    assert not any("default" in text for text in texts), "values are no part of a query's text"


async def test_an_event_has_one_trace_from_its_frame_to_its_follower(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In spans, in the table, in both dialects, and in the log."""
    world = replace(world, meter=ProcessMeter(world.clock))
    camera, ctx = await add_camera(world), context(world)
    set_up_logging("DEBUG", "json")
    async with collector() as (received, address):
        async with (
            watched_over(Settings(otlp_endpoint=address), world, "all-in-one"),
            writing_changes(world, tmp_path / "spool") as writer,
            aclosing(watch.watch(ctx)) as steps,
            asyncio.timeout(60),
        ):
            first = asyncio.ensure_future(anext(steps))
            await asyncio.sleep(0.1)  # it follows from now on
            change = seen_now(world, camera.key)
            writer.know([camera])
            writer.deliver(change)
            step = await first
            second = asyncio.ensure_future(anext(steps))  # it has the first, as it asks for more
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
        async with client(world) as http:
            query = "query ($id: ID!) { event(id: $id) { traceId } }"
            asked = {"query": query, "variables": {"id": change.event_id}}
            new = (await http.post("/graphql", json=asked)).json()["data"]["event"]["traceId"]
            old = (await http.get("/v2/api/events")).json()[0]["trace_id"]
    trace_id = str(change.trace_id)
    assert isinstance(step, watch.EventItem)
    assert (str(step.event.trace_id), new, old) == (trace_id, trace_id, trace_id)
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [each for each in logged if each["message"].endswith("is written")]
    assert (line["trace_id"], line["camera"], line["tenant"]) == (
        trace_id,
        "cam-front-01",
        "default",
    )
    check_trace(received, change)


def seen_now(world: World, camera_key: object) -> EventChange:
    """An event that begins, of a frame some milliseconds ago."""
    now_us = world.clock.now_us()
    stages = FrameStages(now_us - 60_000, now_us - 20_000, now_us - 19_000)
    change = beginning(camera_key, now_us - 80_000)  # type: ignore[arg-type]
    return replace(change, stages=stages)


def check_trace(received: Received, change: EventChange) -> None:
    assert {span.trace_id for span in received.spans} == {change.trace_id.bytes}
    root = received.named("event")
    assert root.span_id == change.trace_id.bytes[8:]
    assert root.parent_span_id == b""
    parts = ["frame sampled", "inferred", "tracked", "written", "delivered"]
    assert {span.name for span in received.spans} == {"event", *parts}
    assert {received.named(part).parent_span_id for part in parts} == {root.span_id}
    stages = change.stages
    assert stages is not None
    looked = [received.named(part) for part in parts[:3]]
    assert [span.start_time_unix_nano // 1000 for span in (root, *looked)] == [
        change.at_us,
        change.at_us,
        stages.sampled_us,
        stages.inferred_us,
    ]
    assert [span.end_time_unix_nano // 1000 for span in looked] == [
        stages.sampled_us,
        stages.inferred_us,
        stages.tracked_us,
    ]
    written, delivered = received.named("written"), received.named("delivered")
    assert stages.tracked_us * 1000 <= written.start_time_unix_nano
    assert written.start_time_unix_nano <= delivered.start_time_unix_nano


@pytest.mark.parametrize(("flags", "sent"), [("01", 1), ("00", 0)])
async def test_of_a_share_of_none_only_what_the_caller_wants_is_sent(
    world: World, flags: str, sent: int
) -> None:
    async with collector() as (received, address):
        settings = Settings(otlp_endpoint=address, trace_ratio=0)
        async with watched_over(settings, world, "api"), client(world) as http:
            await http.get("/v2/api/cameras")
            headers = {"traceparent": f"00-{uuid4().hex}-b7ad6b7169203331-{flags}"}
            await http.get("/v2/api/cameras", headers=headers)
    assert [span.name for span in received.spans] == ["GET /v2/api/cameras"] * sent


async def test_a_collector_that_is_away_holds_nothing_up(world: World) -> None:
    async with asyncio.timeout(60):
        settings = Settings(otlp_endpoint="http://127.0.0.1:1")
        async with watched_over(settings, world, "api"), client(world) as http:
            assert (await http.get("/v2/api/cameras")).status_code == 200


async def test_an_address_without_opentelemetry_says_what_to_install(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "app.otel", None)
    with pytest.raises(SettingsError, match=r"install vms\[otel\]"):
        async with watched_over(Settings(otlp_endpoint="http://127.0.0.1:1"), world, "api"):
            pass


def test_switched_off_nothing_is_loaded_and_spans_are_all_the_same() -> None:
    off = tracing.operation_span("query", "Walls")
    assert off is tracing.operation_span("field", "cameras")
    code = "import sys, app.api_process; sys.exit('app.otel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
