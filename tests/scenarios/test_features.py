"""Plates are read and fights are seen on cameras, by several models at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.model_store import ModelStore
from media.simulator.server import Simulator
from tests.clips import Encoding, write_clip
from tests.media.detect import clip_networks, plate_networks
from tests.system import System, running_system

EVENTS = """{ events(first: 20) { nodes {
  id cameraId type confidence plate plateReading { raw confidence modelVersion } modelVersion
  boxes { x y w h label } snapshotUrl playback { offset } payload
} } }"""
STATES = "{ cameras { nodes { id featureStates { feature available modelVersion reason } } } }"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


async def asked(system: System, query: str) -> dict[str, Any]:
    answer = (await system.client.post("/graphql", json={"query": query})).json()
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]
    return found


async def create(system: System, name: str, url: str, feature: str) -> None:
    body = {"id": name, "name": name, "rtsp_url": url, "features": [feature], "fps": 5}
    created = await system.client.post("/v2/api/cameras", json=body)
    assert created.status_code == 201, created.text


async def events_until(system: System, wanted: set[str]) -> list[dict[str, Any]]:
    """The events, once each of these cameras has one, and every plate is read."""
    async with asyncio.timeout(60):
        while True:
            found = (await asked(system, EVENTS))["events"]["nodes"]
            read = all(each["plate"] for each in found if each["type"] == "LICENSE_PLATE")
            if wanted <= {each["cameraId"] for each in found} and read:
                return list(found)
            await asyncio.sleep(0.5)


def clips(folder: Path) -> dict[str, Path]:
    wide, small = Encoding(fps=10, size=(640, 360), gop=10), Encoding(fps=20, gop=20)
    one = plate_networks.passing_plate(["51F-123.45"], (240, 40), 80)
    two = plate_networks.passing_plate(["29-X1", "234.56"], (160, 80), 80)
    return {
        "cam-one-line": write_clip(folder / "one.mp4", one, wide),
        "cam-two-lines": write_clip(folder / "two.mp4", two, wide),
        "cam-fight": write_clip(folder / "fight.mp4", clip_networks.brawl(60, 60, 120), small),
    }


async def test_several_models_watch_at_once_and_each_feature_becomes_events(
    tmp_path: Path, simulator: Simulator
) -> None:
    store = ModelStore(tmp_path / "data")
    save = (plate_networks.save_detector, plate_networks.save_reader, clip_networks.save_classifier)
    for each in save:
        store.add(each(tmp_path))
    shown = await asyncio.to_thread(clips, tmp_path)
    async with running_system(tmp_path / "data") as system:
        for name, clip in shown.items():
            simulator.add(name, clip)
            feature = "violence" if name == "cam-fight" else "license_plate"
            await create(system, name, simulator.url(name), feature)
        events = await events_until(system, set(shown))
        states = (await asked(system, STATES))["cameras"]["nodes"]
        told = (await system.client.get("/v2/api/events", params={"limit": 100})).json()
        pictures = [await system.client.get(each["snapshotUrl"]) for each in events]

    by_camera = {each["cameraId"]: each for each in reversed(events)}
    one, two, fight = (by_camera[name] for name in shown)
    assert (one["type"], one["plate"], two["plate"]) == (
        "LICENSE_PLATE",
        "51F-123.45",
        "29X1-234.56",
    )
    assert two["plateReading"]["raw"] == "29-X1 234.56"
    assert 0.5 < two["plateReading"]["confidence"] <= 1
    assert two["plateReading"]["modelVersion"] == "plate-reader@2024-01-02"
    assert two["modelVersion"] == "plate-finder@2024-01-02"
    assert (fight["type"], fight["plate"], fight["plateReading"]) == ("VIOLENCE", None, None)
    assert fight["modelVersion"] == "fight-teller@2024-01-02"
    assert fight["confidence"] >= 0.6
    assert fight["boxes"] == [{"x": 0, "y": 0, "w": 1, "h": 1, "label": "violence"}]
    assert all(picture.status_code == 200 for picture in pictures)
    assert {tuple(each["payload"]) for each in told} == {("boxes", "track_id")}
    assert {state["id"]: state["featureStates"] for state in states}["cam-fight"] == [
        {
            "feature": "VIOLENCE",
            "available": True,
            "modelVersion": "fight-teller@2024-01-02",
            "reason": None,
        }
    ]


async def test_what_no_model_is_installed_for_says_so(
    tmp_path: Path, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    store = ModelStore(tmp_path / "data")
    store.add(plate_networks.save_detector(tmp_path))
    clip = await asyncio.to_thread(clips, tmp_path)
    simulator.add("street", clip["cam-one-line"])
    async with running_system(tmp_path / "data") as system:
        await create(system, "cam-street", simulator.url("street"), "violence")
        async with asyncio.timeout(20):
            while "action-recognition-0001" not in caplog.text:
                await asyncio.sleep(0.2)
        (camera,) = (await asked(system, STATES))["cameras"]["nodes"]

    assert camera["featureStates"] == [
        {
            "feature": "VIOLENCE",
            "available": False,
            "modelVersion": None,
            "reason": "unavailable: vms models pull action-recognition-0001",
        }
    ]
    assert "violence: unavailable: vms models pull action-recognition-0001" in caplog.text
