"""Detection on a substream: events lead to the recorded frame, and recording needs none of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from media.simulator import Credentials, MountOptions, Simulator, SimulatorOptions
from tests.clips import Encoding, coded_footage
from tests.data import shared_data
from tests.scenarios.playing import ended_copy, jpeg_frame_number, libav_frame_number
from tests.system import System, running_system

FRAMES = 500
MAIN = Encoding(fps=10, size=(640, 480), gop=20, bframes=2)
SUB = Encoding(fps=10, size=(320, 240), gop=20)
CAMERA = "/v2/api/cameras/cam-walk"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    credentials = Credentials("viewer", "p@ss/word")
    async with Simulator(SimulatorOptions(credentials=credentials)) as running:
        yield running


async def until(
    system: System, path: str, holds: Callable[[Any], bool], seconds: float = 90
) -> Any:
    """What is at a path, once it is as wanted."""
    async with asyncio.timeout(seconds):
        while not holds(found := (await system.client.get(path)).json()):
            await asyncio.sleep(0.3)
    return found


async def asked(system: System, query: str) -> dict[str, Any]:
    answer = (await system.client.post("/graphql", json={"query": query})).json()
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]
    return found


async def reason(system: System) -> str | None:
    found = await asked(system, '{ camera(id: "cam-walk") { statusReason status } }')
    assert found["camera"]["status"] == "ONLINE"
    told: str | None = found["camera"]["statusReason"]
    return told


async def test_events_of_a_substream_lead_to_the_recorded_frame(
    tmp_path: Path, simulator: Simulator
) -> None:
    footage, since_us = shared_data() / "videos/vtest.avi", time.monotonic_ns() // 1000
    for name, encoding in (("main", MAIN), ("sub", SUB)):
        clip = await asyncio.to_thread(coded_footage, footage, FRAMES, encoding)
        simulator.add(name, clip, MountOptions(filming_since_us=since_us))
    model = shared_data() / "models/yolox_nano.onnx"
    async with running_system(tmp_path, model) as system:
        body = {
            "id": "cam-walk",
            "name": "Walk",
            "rtsp_url": simulator.url("main"),
            "detection_url": simulator.url("nowhere"),
            "features": ["person"],
        }
        made = await system.client.post("/v2/api/cameras", json=body)
        assert made.status_code == 201, made.text
        await until(system, "/v2/api/cameras", lambda all_: all_[0]["status"] == "online")
        async with asyncio.timeout(30):
            while await reason(system) is None:
                await asyncio.sleep(0.2)
        assert await reason(system) == (
            "nothing is looked at, as the substream fails: the camera has no stream at this path"
        )
        assert (await system.client.get("/v2/api/events")).json() == []

        right = {"detection_url": simulator.url("sub")}
        assert (await system.client.patch(CAMERA, json=right)).status_code == 200
        await until(system, "/v2/api/events", lambda found: len(found) >= 4)
        assert await reason(system) is None
        assert (await system.client.patch(CAMERA, json={"enabled": False})).status_code == 200
        await asyncio.sleep(1)
        events = (await system.client.get("/v2/api/events")).json()
        for event in events:
            await check_frame(system, event, tmp_path)
        await check_one_run(system)


async def check_frame(system: System, event: dict[str, Any], folder: Path) -> None:
    """The picture is the substream's, and the recorded frame at the offset shows the same."""
    playback = (await system.client.get(f"/v2/api/playback/event/{event['id']}")).json()
    assert playback["ts"] == event["ts"]
    text = (await system.client.get(playback["playlist_url"])).text
    url = ended_copy(text, system.base, folder)
    picture = await system.client.get(event["snapshot_url"])
    assert picture.status_code == 200
    looked_at = jpeg_frame_number(picture.content, folder)
    recorded = await asyncio.to_thread(libav_frame_number, url, playback["offset"])
    assert recorded == looked_at


async def check_one_run(system: System) -> None:
    """The change of the substream's address made no gap."""
    [event] = (await system.client.get("/v2/api/events", params={"limit": 1})).json()
    at, around = datetime.fromisoformat(event["ts"]), timedelta(minutes=10)
    begin, end = ((at + by).strftime("%Y-%m-%dT%H:%M:%SZ") for by in (-around, around))
    query = (
        f'{{ camera(id: "cam-walk") {{ coverage(from: "{begin}", to: "{end}") '
        "{ intervals { recorded } } } }"
    )
    coverage = (await asked(system, query))["camera"]["coverage"]
    assert [each["recorded"] for each in coverage["intervals"]].count(True) == 1
