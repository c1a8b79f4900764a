"""The commands of docs/backup.md as they stand: copied while recording, restored elsewhere."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest

from media.playlist import iso_milliseconds
from media.simulator.server import Simulator
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.scenarios.playing import ANYWHERE, ended_copy
from tests.servers import Postgres, run_sql
from tests.system import System, running_system

PAPER = Path("docs/backup.md").read_text()
CODED = Encoding(fps=25, gop=25)
EVENT = """mutation ($key: String!, $ts: DateTime!) { eventCreate(input: {
  key: $key, cameraId: "cam-a", typeName: "door_contact", ts: $ts}) {
  created event { id } userErrors { message } } }"""
EVENTS = "{ events { nodes { id typeName ts playback { playlistUrl offset } } } }"


@dataclass(frozen=True)
class Commands:
    """The paper's commands by their headings, run by a shell as an operator would."""

    environment: dict[str, str]

    async def run(self, *headings: str) -> None:
        for heading in headings:
            found = re.search(rf"^### {heading}\n.*?```sh\n(.*?)```", PAPER, re.M | re.S)
            assert found, heading
            done = await asyncio.to_thread(
                subprocess.run,
                ["/bin/sh", "-euc", found[1]],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, (heading, done.stderr)


def commands(data: Path, copy: Path, database_url: str | None, programs: Path | None) -> Commands:
    path = os.pathsep.join(map(str, filter(None, [programs, Path(sys.executable).parent])))
    environment = {"PATH": f"{path}{os.pathsep}{os.defpath}", "DATA": str(data), "COPY": str(copy)}
    if database_url is not None:
        environment["VMS_DATABASE_URL"] = database_url
    return Commands(environment)


async def ask(system: System, query: str, **variables: Any) -> dict[str, Any]:
    body = {"query": query, "variables": variables}
    answer = (await system.client.post("/graphql", json=body)).json()
    assert "errors" not in answer, answer
    return dict(answer["data"])


async def hours(system: System) -> list[dict[str, Any]]:
    """The camera's hours of today and yesterday."""
    now_us = system.world.clock.now_us()
    found: list[dict[str, Any]] = []
    for at_us in (now_us - 86_400_000_000, now_us):
        date = iso_milliseconds(at_us)[:10]
        query = '{ camera(id: "cam-a") { hours(date: "%s") { start end duration playlistUrl } } }'
        found += (await ask(system, query % date))["camera"]["hours"]
    return found


async def recorded(system: System, seconds: float) -> float:
    """Until so much is on the timeline; how much is."""
    found = 0.0
    async with asyncio.timeout(90):
        while found < seconds:
            await asyncio.sleep(0.2)
            found = float(sum(each["duration"] for each in await hours(system)))
    return found


async def numbers(system: System, folder: Path, until_seconds: float) -> list[int]:
    """The pictures of the first seconds of all that is on the timeline, as a player shows them."""
    seen: list[int] = []
    for each in await hours(system):
        answer = await system.client.get(each["playlistUrl"], headers={"Authorization": ""})
        assert answer.status_code == 200, answer.text
        path = ended_copy(answer.text, system.base, folder)
        seen += await asyncio.to_thread(_decoded, path)
    return seen[: int(until_seconds * 25)]


def _decoded(path: str) -> list[int]:
    with av.open(path, options=ANYWHERE, timeout=20) as container:
        return [read_frame_number(frame) for frame in container.decode(video=0)]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def engine(request: pytest.FixtureRequest) -> str:
    if shutil.which("rsync") is None or (request.param == "SQLite" and not shutil.which("sqlite3")):
        pytest.skip("wants rsync and sqlite3, as an operator does")
    return str(request.param)


async def databases(engine: str, server: Postgres) -> tuple[str | None, str | None]:
    """Addresses of two new ones; None for SQLite's, which lie in the data directory."""
    if engine == "SQLite":
        return None, None
    for name in ("before", "restored"):
        await run_sql(server.url("postgres"), f"DROP DATABASE IF EXISTS {name}")
        await run_sql(server.url("postgres"), f"CREATE DATABASE {name}")
    return server.url("before"), server.url("restored")


@dataclass(frozen=True)
class Before:
    """What the old installation showed when it was copied."""

    start: str
    seconds: float
    pictures: list[int]
    event: dict[str, Any]
    late_id: str


async def copied(system: System, backup: Commands, engine: str, folder: Path) -> Before:
    """Copies the database, and some seconds and an event later the footage."""
    await recorded(system, 4)
    begin = datetime.fromisoformat((await hours(system))[0]["start"])
    start = (begin + timedelta(seconds=1)).isoformat()
    await ask(system, EVENT, key="first", ts=start)
    (event,) = (await ask(system, EVENTS))["events"]["nodes"]
    await backup.run(engine)
    seconds = await recorded(system, 8)
    late = await ask(system, EVENT, key="late", ts=start)
    await backup.run("Footage", "Secrets")
    pictures = await numbers(system, folder, seconds)
    return Before(start, seconds, pictures, event, late["eventCreate"]["event"]["id"])


async def test_what_was_copied_while_recording_plays_and_goes_on_elsewhere(
    tmp_path: Path, engine: str, postgres: Postgres
) -> None:
    old, copy, new = tmp_path / "old", tmp_path / "copy", tmp_path / "new"
    old.mkdir()
    old_url, new_url = await databases(engine, postgres)
    async with Simulator() as simulator:
        simulator.add("a", frame_coded(1500, CODED))
        async with running_system(old, database_url=old_url) as system:
            body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
            assert (await system.client.post("/v2/api/cameras", json=body)).status_code == 201
            backup = commands(old, copy, old_url, postgres.binaries)
            before = await copied(system, backup, engine, tmp_path)
        restore = commands(new, copy, new_url, postgres.binaries)
        await restore.run("Files", f"Into {engine}", "Always")
        async with running_system(new, database_url=new_url) as system:
            await shows_the_same(system, before, tmp_path)
            await recorded(system, before.seconds + 3)


async def shows_the_same(system: System, before: Before, folder: Path) -> None:
    """Footage that is newer than the tables too; an event that is newer than they is made anew."""
    await recorded(system, before.seconds)
    assert await numbers(system, folder, before.seconds) == before.pictures
    (event,) = (await ask(system, EVENTS))["events"]["nodes"]
    assert [event[name] for name in ("id", "ts", "typeName")] == [
        before.event[name] for name in ("id", "ts", "typeName")
    ]
    assert event["playback"]["offset"] == before.event["playback"]["offset"]
    again = (await ask(system, EVENT, key="late", ts=before.start))["eventCreate"]
    assert (again["created"], again["event"]["id"]) == (True, before.late_id)
