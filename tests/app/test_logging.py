"""Log lines: whose they are, in both formats, and nothing secret in them."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from websockets.asyncio.client import connect

from app.api import ApiOptions, build_api
from app.logging import QUIET, LogFormat, set_up_logging
from app.serving import serving
from media.log_fields import bind_log_fields, log_fields
from media.types import ModelStatus
from resolvers.context import World
from tests.system import running_system
from tests.world import token

log = logging.getLogger("tests.lines")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """The logging of the test run comes back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


Captured = pytest.CaptureFixture[str]
FORMATS: list[LogFormat] = ["console", "json"]


def test_a_json_line_is_an_object_with_its_fields(capsys: Captured) -> None:
    set_up_logging("INFO", "json")
    with log_fields(tenant="acme", camera="gate"):
        log.warning("%d frames\nare late", 3, extra={"trace_id": "t-1"})
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "WARNING",
        "logger": "tests.lines",
        "message": "3 frames\nare late",
        "tenant": "acme",
        "camera": "gate",
        "trace_id": "t-1",
    }


def test_a_console_line_ends_with_its_fields(capsys: Captured) -> None:
    set_up_logging("INFO", "console")
    with log_fields(tenant="acme", camera="gate"):
        log.info("late")
    log.info("nobody's")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO    tests.lines: late [tenant=acme camera=gate]")
    assert second.endswith("INFO    tests.lines: nobody's")


def test_a_records_own_field_counts_more_than_what_is_bound(capsys: Captured) -> None:
    set_up_logging("INFO", "json")
    with log_fields(trace_id="of the request"):
        log.info("an event", extra={"trace_id": "of the event"})
    assert json.loads(capsys.readouterr().err)["trace_id"] == "of the event"


def test_what_is_bound_where_a_thread_is_started_is_on_its_lines(capsys: Captured) -> None:
    set_up_logging("INFO", "json")

    def main() -> None:
        bind_log_fields(camera="gate")
        log.info("from a thread")

    with log_fields(worker="w-1"):
        thread = threading.Thread(target=copy_context().run, args=(main,))
    thread.start()
    thread.join()
    log.info("from here")
    there, here = map(json.loads, capsys.readouterr().err.splitlines())
    assert (there["worker"], there["camera"]) == ("w-1", "gate")
    assert "worker" not in here
    assert "camera" not in here


@pytest.mark.parametrize("shape", FORMATS)
def test_no_credential_is_in_a_line_of_either_format(capsys: Captured, shape: LogFormat) -> None:
    set_up_logging("INFO", shape)
    try:
        int('rtsp://user:s3cret@cam/live?password=s3cret "quoted"')
    except ValueError:
        log.exception("GET /v2/hls/x/index.m3u8?token=s3cret&grant=s3cret failed")
    with log_fields(camera="rtsp://user:s3cret@cam"):
        log.info("wss://host/v2/ws/events?token=s3cret")
    written = capsys.readouterr().err
    assert "s3cret" not in written
    assert "***" in written
    if shape == "json":
        first, second = map(json.loads, written.splitlines())
        assert "Traceback" in first["exception"]
        assert second["camera"] == "rtsp://***@cam"


@pytest.mark.parametrize("shape", FORMATS)
def test_an_exception_that_was_logged_is_not_logged_again_by_the_server(
    capsys: Captured, shape: LogFormat
) -> None:
    set_up_logging("INFO", shape)
    server = logging.getLogger("uvicorn.error")
    told, untold = ValueError("told"), ValueError("untold")
    log.error("ours", exc_info=told)
    server.error("Exception in ASGI application", exc_info=told)
    server.error("Exception in ASGI application", exc_info=untold)
    log.error("again, by us, with more to say", exc_info=told)
    written = capsys.readouterr().err
    assert written.count("Exception in ASGI application") == 1
    assert written.count("ValueError: untold") == 1
    assert "with more to say" in written


@pytest.fixture
async def broken(world: World) -> AsyncIterator[str]:
    """`host:port` of an API whose readiness fails, as nobody foresaw."""

    def fail() -> list[ModelStatus]:
        raise ZeroDivisionError("nobody foresaw this")

    app = build_api(replace(world, models=fail), ApiOptions("prom", "secret", access_log=True))
    async with serving(app, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.port}"


async def test_a_failed_request_is_logged_once(broken: str, capsys: Captured) -> None:
    set_up_logging("INFO", "json")
    async with httpx.AsyncClient(base_url=f"http://{broken}") as client:
        answer = await client.get("/v2/health/ready")
    assert answer.status_code == 500
    assert "foresaw" not in answer.text
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    failed = [line for line in lines if "nobody foresaw this" in line.get("exception", "")]
    assert [line["message"] for line in failed] == ["GET /v2/health/ready failed"]
    assert UUID(failed[0]["trace_id"]).version == 4


async def test_the_access_log_names_routes_and_traces_and_never_a_token(
    broken: str, capsys: Captured
) -> None:
    set_up_logging("INFO", "json")
    caller = "0af7651916cd43dd8448eb211c80319c"
    secret = token()
    headers = {"traceparent": f"00-{caller}-b7ad6b7169203331-01"}
    async with httpx.AsyncClient(base_url=f"http://{broken}", headers=headers) as client:
        await client.get("/v2/hls/gate/2026-01-01/00/index.m3u8", params={"token": secret})
        await client.get(f"/no/such/{secret}")
        await client.get("/v2/api/cameras", headers={"Authorization": f"Bearer {secret}"})
    async with connect(f"ws://{broken}/v2/ws/events?token={secret}"):
        pass
    async with asyncio.timeout(30):
        written = ""
        while "WS /v2/ws/events" not in written:
            written += capsys.readouterr().err
            await asyncio.sleep(0.01)
    assert secret not in written
    lines = [json.loads(line) for line in written.splitlines()]
    said = [line["message"].rpartition(" in ")[0] for line in lines]
    assert said == [
        "GET /v2/hls/{cam}/{date}/{hour}/index.m3u8 404",
        "GET unknown 404",
        "GET /v2/api/cameras 200",
        "WS /v2/ws/events closed",
    ]
    assert lines[0]["trace_id"] == lines[1]["trace_id"] == str(UUID(caller))
    assert [line.get("tenant") for line in lines] == ["default", None, "default", "default"]
    assert lines[3]["trace_id"] not in {"", lines[0]["trace_id"]}


async def test_cameras_threads_say_whose_they_are(tmp_path: Path, capsys: Captured) -> None:
    set_up_logging("INFO", "json")
    async with running_system(tmp_path) as system:
        body = {"id": "gate", "name": "Gate", "rtsp_url": "rtsp://u:s3cret@127.0.0.1:1/x"}
        assert (await system.client.post("/v2/api/cameras", json=body)).status_code == 201
        written = ""
        async with asyncio.timeout(60):
            while "offline" not in written:
                written += capsys.readouterr().err
                await asyncio.sleep(0.05)
    assert "s3cret" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    (offline,) = [line for line in lines if "is offline" in line["message"]]
    assert (offline["tenant"], offline["camera"]) == ("default", "gate")
