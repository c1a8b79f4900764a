"""Cameras of other makers are recorded and played back, and their events show the right frames."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from resolvers.cameras import camera
from tests.audit import audited, frame_numbers
from tests.clips import Encoding, coded_footage
from tests.data import shared_data
from tests.foreign_cameras import gstreamer, vlc
from tests.scenarios.test_exact_frame import FRAMES, HOUR_SECONDS, check_playback, create, until
from tests.system import System, running_system
from tests.world import context

MODEL = "models/yolox_nano.onnx"


@pytest.fixture
async def street() -> Path:
    """People who walk, in numbered frames, for 70 s."""
    film = shared_data() / "videos/vtest.avi"
    encoding = Encoding(fps=10, size=(768, 576), gop=20)
    return await asyncio.to_thread(coded_footage, film, FRAMES, encoding)


async def test_gstreamer_over_tcp_with_digest(tmp_path: Path, street: Path) -> None:
    model = shared_data() / MODEL
    with gstreamer(street, tmp_path) as url:
        async with running_system(tmp_path, model, HOUR_SECONDS) as system:
            await check_events(system, url, tmp_path)


async def test_vlc_over_udp(tmp_path: Path, street: Path) -> None:
    model = shared_data() / MODEL
    async with running_system(tmp_path, model, HOUR_SECONDS, rtsp_transport="udp") as system:
        with vlc(street) as url:
            await check_events(system, url, tmp_path)


async def check_events(system: System, url: str, folder: Path) -> None:
    """The offset of each event shows its very frame, and no frame of the recording is missing."""
    await create(system, url, fps=5)
    await until(system, lambda events: len(events) >= 3, 60)
    stopped = await system.client.patch("/v2/api/cameras/cam-walk", json={"enabled": False})
    assert stopped.status_code == 200, stopped.text
    await asyncio.sleep(1)
    for event in await until(system, bool, 5):
        await check_playback(system, event, folder)
    saved = await camera(context(system.world), "cam-walk")
    assert (await audited(system.world, saved)).gaps == []
    numbers = frame_numbers(system.world, saved)
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "every picture, none twice"
