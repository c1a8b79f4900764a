"""Every event's offset leads to its very frame, across a reconnect and the turn of an hour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from media.simulator.auth import Credentials
from media.simulator.server import Simulator, SimulatorOptions
from tests.clips import Encoding, coded_footage
from tests.data import shared_data
from tests.scenarios.playing import (
    ended_copy,
    ffmpeg_frame_number,
    has_ffmpeg,
    jpeg_frame_number,
    libav_frame_number,
)
from tests.servers import Valkey
from tests.system import System, running_system

HOUR_SECONDS = 15
FRAMES = 450
LONGEST_SEGMENT_MS = 6000


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    credentials = Credentials("viewer", "p@ss/word")
    async with Simulator(SimulatorOptions(credentials=credentials)) as running:
        yield running


async def until(
    system: System, holds: Callable[[list[dict[str, Any]]], bool], seconds: float
) -> list[dict[str, Any]]:
    """The events, once they are as wanted."""
    async with asyncio.timeout(seconds):
        while True:
            events = (await system.client.get("/v2/api/events", params={"limit": 100})).json()
            if holds(events):
                return list(events)
            await asyncio.sleep(0.5)


def hours_of(events: list[dict[str, Any]]) -> set[str]:
    """Hours that hold an event so late in them that its segment began in them too."""
    places = (event["snapshot_url"].split("/")[-2:] for event in events)
    return {hour for hour, name in places if int(name[5:-4]) > LONGEST_SEGMENT_MS}


async def create(system: System, url: str, **more: Any) -> None:
    body = {"id": "cam-walk", "name": "Walk", "rtsp_url": url, "features": ["person"], **more}
    created = await system.client.post("/v2/api/cameras", json=body)
    assert created.status_code == 201, created.text


async def frame_of_snapshot(system: System, event: dict[str, Any], folder: Path) -> int:
    picture = await system.client.get(event["snapshot_url"])
    assert picture.status_code == 200, picture.text
    return jpeg_frame_number(picture.content, folder)


class Servers(NamedTuple):
    """Where a system keeps its rows, and what rings its bell; None is inside the process."""

    database_url: str
    redis_url: str | None


@pytest.fixture
def servers(empty_database: str, request: pytest.FixtureRequest) -> Servers:
    if empty_database.startswith("sqlite"):
        return Servers(empty_database, None)
    valkey: Valkey = request.getfixturevalue("valkey")
    return Servers(empty_database, valkey.url)


@pytest.mark.parametrize(
    ("bframes", "empty_database"), [(0, "sqlite"), (2, "postgres")], indirect=["empty_database"]
)
async def test_the_offset_of_every_event_shows_the_frame_of_its_snapshot(
    tmp_path: Path, simulator: Simulator, bframes: int, servers: Servers
) -> None:
    data = shared_data()
    encoding = Encoding(fps=10, size=(768, 576), gop=20, bframes=bframes)
    clip = await asyncio.to_thread(coded_footage, data / "videos/vtest.avi", FRAMES, encoding)
    mount = simulator.add("walk", clip)
    model = data / "models/yolox_nano.onnx"
    running = running_system(tmp_path, model, HOUR_SECONDS, servers.database_url, servers.redis_url)
    async with running as system:
        await create(system, simulator.url("walk"), fps=5)
        before = await until(system, lambda events: len(events) >= 2, 60)
        mount.kick()
        await until(
            system,
            lambda events: len(events) >= len(before) + 3 and len(hours_of(events)) >= 2,
            120,
        )
        stopped = await system.client.patch("/v2/api/cameras/cam-walk", json={"enabled": False})
        assert stopped.status_code == 200
        await asyncio.sleep(1)
        events = await until(system, bool, 5)
        hours = {await check_playback(system, event, tmp_path) for event in events}
        assert len(hours) >= 2


async def check_playback(system: System, event: dict[str, Any], folder: Path) -> str:
    """Plays the event where it says; the address of its playlist."""
    found = await system.client.get(f"/v2/api/playback/event/{event['id']}")
    assert found.status_code == 200, found.text
    playback = found.json()
    assert playback["ts"] == event["ts"]
    text = (await system.client.get(playback["playlist_url"])).text
    url = ended_copy(text, system.base, folder)
    wanted = await frame_of_snapshot(system, event, folder)
    shown = await asyncio.to_thread(libav_frame_number, url, playback["offset"])
    assert shown == wanted
    if has_ffmpeg():
        seek = asyncio.to_thread(ffmpeg_frame_number, url, playback["offset"], folder)
        assert await seek == wanted
    check_time(event)
    return str(playback["playlist_url"])


def check_time(event: dict[str, Any]) -> None:
    """The snapshot is named after the frame's milliseconds into its hour: the same as `ts`."""
    at = datetime.fromisoformat(event["ts"])
    into_day_ms = round(
        (at - at.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds() * 1000
    )
    name = event["snapshot_url"].rsplit("/", 1)[1]
    assert name == f"snap-{into_day_ms % (HOUR_SECONDS * 1000)}.jpg"
    (box,) = event["payload"]["boxes"]
    assert box["score"] == event["confidence"]
