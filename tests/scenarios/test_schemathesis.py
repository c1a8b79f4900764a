"""Schemathesis asks what the OpenAPI document and the SDL allow, and what they do not."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.api import ApiOptions, build_api
from app.serving import serving
from resolvers.context import World
from tests.world import add_camera, add_events, beginning, token

CONFIG = Path(__file__).with_name("schemathesis.toml")
OF_GRAPHQL = "errors_are_told_by_their_codes"
AT = 1_777_558_925_123_000


@pytest.fixture
async def base(world: World) -> AsyncIterator[str]:
    camera = await add_camera(world, "0")  # an id that a generator comes upon
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-0")])
    app = build_api(world, ApiOptions("prom", "a password of metrics"))
    async with serving(app, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.port}"


async def schemathesis(folder: Path, address: str, *options: str) -> None:
    """Fails with its report unless all that it checked was well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(CONFIG)),
        *("run", address, "-H", f"Authorization: Bearer {token()}", *options),
        cwd=folder,
        env={"PYTHONPATH": str(Path.cwd()), "PATH": os.defpath},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        report = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, report
    tested = re.search(r"Tested: (\d+)", report)
    assert tested is not None, report
    assert int(tested[1]) >= 15, report


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


async def test_v2_keeps_what_its_document_says(
    base: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"{base}/v2/openapi.json"
    # A WebSocket's address is no operation of HTTP, whatever stands in the document.
    left_out = ("--exclude-path", "/v2/ws/events", "--exclude-checks", OF_GRAPHQL)
    await schemathesis(tmp_path, address, "-n", "20", *left_out)
    assert errors_of(caplog) == []


async def test_graphql_keeps_what_its_schema_says(
    base: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await schemathesis(tmp_path, f"{base}/graphql", "-n", "12", "-c", OF_GRAPHQL)
    assert errors_of(caplog) == []
