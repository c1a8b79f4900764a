"""The examples that docs/graphql.md shows, as an integrator would run them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from graphql import parse, validate

from app.serving import serving
from resolvers import cursors
from resolvers.context import World
from schema.documents import CORE
from tests.clients.node import MODULES, PATIENCE_SECONDS, need_node
from tests.schema.service import served, service
from tests.world import add_camera, add_events, beginning, token

EXAMPLES = Path("docs/examples")
PAPER = Path("docs/graphql.md")
AT = 1_777_558_925_123_000
START = cursors.encode_log("default", 0)


def command(folder: Path, name: str) -> list[str]:
    """How an example is run; what Node runs needs its packages beside it."""
    if name.endswith(".mjs"):
        need_node()
        (folder / "node_modules").symlink_to(MODULES)
        copied = folder / name
        copied.write_text((EXAMPLES / name).read_text())
        return ["node", str(copied)]
    return [{"py": sys.executable, "sh": "sh"}[name.rpartition(".")[2]], str(EXAMPLES / name)]


@asynccontextmanager
async def started(folder: Path, name: str, place: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a running example prints."""
    process = await asyncio.create_subprocess_exec(
        *command(folder, name),
        env={
            **{"PATH": os.environ.get("PATH", os.defpath), "API": f"http://{place}/graphql"},
            **{"TOKEN": token(), "AFTER": START},
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(printed: asyncio.StreamReader, text: str) -> str:
    """All that is printed until a line holds the text."""
    found = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while text not in found:
            line = (await printed.readline()).decode()
            assert line, f"it ended: {found}"
            found += line
    return found


@pytest.mark.parametrize("name", ["cameras.sh", "cameras.py", "apollo.mjs"])
async def test_cameras_are_listed(world: World, tmp_path: Path, name: str) -> None:
    await add_camera(world)
    async with served(world) as place, started(tmp_path, name, place) as printed:
        line = await until(printed, "cam-front-01")
    assert "disabled" in line.lower()


@pytest.mark.parametrize("name", ["events.sh", "events.py", "events.mjs", "apollo.mjs"])
async def test_events_are_followed(world: World, tmp_path: Path, name: str) -> None:
    camera = await add_camera(world)
    async with served(world) as place, started(tmp_path, name, place) as printed:
        for event_id in ("evt-1", "evt-2"):
            await add_events(world, camera, [beginning(camera.key, AT, event_id=event_id)])
            assert "BEGAN" in await until(printed, event_id)


@pytest.mark.parametrize("name", ["events.py", "events.mjs"])
async def test_a_follower_goes_on_when_the_server_was_away(
    world: World, tmp_path: Path, name: str
) -> None:
    camera = await add_camera(world)
    async with serving(service(world), "127.0.0.1", 0) as server:
        port = server.port
        running = started(tmp_path, name, f"127.0.0.1:{port}")
        printed = await running.__aenter__()
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        await until(printed, "evt-1")
    try:
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-2")])
        async with serving(service(world), "127.0.0.1", port):
            assert "evt-1" not in await until(printed, "evt-2")
    finally:
        await running.__aexit__(None, None, None)


def test_documents_in_the_paper_and_the_examples_fit_the_schema() -> None:
    blocks = re.findall(r"```graphql\n(.*?)```", PAPER.read_text(), re.DOTALL)
    assert blocks
    for text in [*blocks, (EXAMPLES / "operations.graphql").read_text()]:
        assert validate(CORE, parse(text)) == []


def test_the_paper_names_every_example() -> None:
    paper = PAPER.read_text()
    names = sorted(each.name for each in EXAMPLES.iterdir())
    assert [name for name in names if f"examples/{name}" not in paper] == []


def test_the_codegen_configuration_knows_every_scalar() -> None:
    text = (EXAMPLES / "codegen.ts").read_text()
    own = re.findall(r"^scalar (\w+)", Path("schema/schema.graphql").read_text(), re.MULTILINE)
    assert [name for name in own if f"{name}: " not in text] == []
