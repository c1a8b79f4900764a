"""Live view as browsers get it: a camera's pictures over WebRTC, from its running pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from media.simulator import Mount, Simulator
from tests.clips import Encoding, frame_coded
from tests.system import System, running_system
from tests.watching import SDP, Watcher, accepted, offered, watcher
from tests.world import token

FPS = 25
CODED = Encoding(fps=FPS, gop=50, audio="pcm_alaw")
START = """mutation ($camera: ID!, $offer: String!) {
  done: liveStart(cameraId: $camera, offer: $offer) {
    session { id answer expiresAt } hlsUrl userErrors { code field message } } }"""
STOP = """mutation ($id: ID!) { done: liveStop(id: $id) { endedId userErrors { code } } }"""


@dataclass(frozen=True, slots=True)
class Scene:
    system: System
    simulator: Simulator
    mount: Mount


@asynccontextmanager
async def filmed(folder: Path, encoding: Encoding = CODED) -> AsyncIterator[Scene]:
    """A running system with the camera `cam-a`, which has been online for some pictures."""
    async with Simulator() as simulator, running_system(folder) as system:
        mount = simulator.add("a", frame_coded(750, encoding))
        body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
        created = await system.client.post("/v2/api/cameras", json=body)
        assert created.status_code == 201
        async with asyncio.timeout(20):
            while (await status(system)) != "online":
                await asyncio.sleep(0.1)
        yield Scene(system, simulator, mount)


async def status(system: System) -> str:
    return str((await system.client.get("/v2/api/cameras")).json()[0]["status"])


async def asked(system: System, query: str, **variables: str) -> dict[str, object]:
    body = {"query": query, "variables": variables}
    answer = (await system.client.post("/graphql", json=body)).json()
    assert "errors" not in answer, answer
    done: dict[str, object] = answer["data"]["done"]
    return done


def assert_moving(viewer: Watcher) -> None:
    """Each picture once, in order; a lap of the clip may end."""
    steps = [after - before for before, after in zip(viewer.numbers, viewer.numbers[1:], strict=False)]
    assert {step % 750 for step in steps} == {1}, viewer.numbers


async def test_the_cameras_own_pictures_and_sound_come_in_order_from_the_present_gop_on(
    tmp_path: Path,
) -> None:
    async with filmed(tmp_path) as scene, watcher("video", "audio") as viewer:
        answer = await offered(scene.system.client, "cam-a", viewer)
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/sdp"
        assert "a=rtpmap:8 PCMA/8000" in answer.text
        assert "VP8" not in answer.text
        await viewer.seen(60)
        assert viewer.numbers[0] % CODED.gop == 0
        assert_moving(viewer)
        assert len(viewer.sounds) > 10
        assert len(scene.mount.sessions) == 1
