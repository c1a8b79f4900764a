"""`Subscription.detections`: boxes as a worker sees them, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest

from app.worker import Worker
from media.clock import SystemClock
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.pipeline import CameraWorld
from media.simulator import Simulator, SimulatorThread
from media.source import Transport
from media.types import Box, Detection
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.context import World
from resolvers.detections import DetectionFeed
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.detect.scripted import ScriptedModel
from tests.media.recorded import NETWORKS, QUICK, SOON
from tests.schema.service import client_of, served
from tests.schema.socket_client import opened
from tests.world import add_camera, context, token

BOXES = """subscription ($id: ID!) { detections(cameraId: $id) {
  ts width height boxes { x y w h label type score trackId } } }"""


def walker(frame: av.VideoFrame) -> list[Detection]:
    """Somebody who walks through the picture in six seconds, again and again."""
    x = read_frame_number(frame) % 150 / 150 * 0.8
    return [Detection("person", "person", 0.9, Box(x, 0.4, x + 0.1, 0.7))]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        running.add("cam-1", frame_coded(600, Encoding(gop=10)))
        yield running


@asynccontextmanager
async def watched(world: World, simulator: Simulator, folder: Path) -> AsyncIterator[None]:
    """A worker that looks at cam-1."""
    draft = CameraDraft(
        id="cam-1", name="1", rtsp_url=simulator.url("cam-1"), features=["person"], fps=10.0
    )
    await camera_create(context(world), draft)
    pool = DetectorPool(ModelSet.of(ScriptedModel(walker)))
    media = CameraWorld(world.store, NETWORKS, SystemClock(), QUICK, SOON, 0.4)
    worker = Worker(world, media, Transport.TCP, folder / "spool", pool, alone=True)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
        pool.close()


async def test_boxes_come_while_a_worker_looks_and_lead_to_their_events(
    world: World, simulator: Simulator, tmp_path: Path
) -> None:
    frames: list[dict[str, Any]] = []
    async with (
        served(world) as place,
        watched(world, simulator, tmp_path),
        opened(place) as socket,
        opened(place) as events,
    ):
        await events.init()
        await events.subscribe(
            "subscription { events { ... on EventChange { event { trackId } } } }"
        )
        await socket.init()
        await socket.subscribe(BOXES, {"id": "cam-1"})
        event = (await events.next())["events"]["event"]
        while len(frames) < 5 or frames[-1]["boxes"][0]["trackId"] != event["trackId"]:
            frames.append((await socket.next())["detections"])

    times = [datetime.fromisoformat(each["ts"]) for each in frames]
    assert times == sorted(set(times))
    assert {(each["width"], each["height"]) for each in frames} == {(320, 240)}
    box = frames[-1]["boxes"][0]
    assert (box["label"], box["type"], box["score"]) == ("person", "PERSON", 0.9)
    assert (box["y"], box["w"], box["h"]) == (0.4, 0.1, 0.3)
    assert 0 <= box["x"] <= 0.8


STORED = """query ($from: DateTime!, $to: DateTime!) { camera(id: "cam-1") {
  detections(from: $from, to: $to, first: 100) {
    nodes { ts width boxes { x w type trackId } } pageInfo { hasNextPage } } } }"""


async def test_boxes_of_recorded_footage_are_those_that_were_told_live(
    world: World, simulator: Simulator, tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    async with served(world) as place, watched(world, simulator, tmp_path), opened(place) as socket:
        await socket.init()
        await socket.subscribe(BOXES, {"id": "cam-1"})
        while len(told) < 10:
            told.append((await socket.next())["detections"])
    begin = datetime.fromisoformat(told[0]["ts"])
    variables = {"from": told[0]["ts"], "to": (begin + timedelta(minutes=1)).isoformat()}

    async with client_of(world) as client:
        answer = await client.post("/graphql", json={"query": STORED, "variables": variables})

    page = answer.json()["data"]["camera"]["detections"]
    frames = {each["ts"]: each for each in page["nodes"]}
    assert page["pageInfo"] == {"hasNextPage": False}
    for live in told:
        (box,), (kept,) = live["boxes"], frames[live["ts"]]["boxes"]
        assert (kept["type"], kept["trackId"]) == ("PERSON", box["trackId"])
        assert kept["x"] == pytest.approx(box["x"], abs=1e-4)


async def test_a_foreign_camera_is_told_like_an_absent_one(world: World) -> None:
    await add_camera(world, "cam-own")
    await add_camera(world, "cam-foreign", "acme")
    told = []
    async with served(world) as place, opened(place) as socket:
        await socket.init({"token": token(scope="live:read")})
        for camera_id in ("cam-foreign", "cam-absent-"):
            await socket.subscribe(BOXES, {"id": camera_id})
            message = await socket.receive()
            assert message["type"] == "error"
            told.append(str(message["payload"]).replace(camera_id, "ID"))

    assert told[0] == told[1]
    assert "NOT_FOUND" in told[0]


async def test_all_who_follow_a_camera_share_one_listener_that_ends_with_the_last(
    world: World,
) -> None:
    await add_camera(world, "cam-own")
    async with served(world) as place:
        async with opened(place) as one, opened(place) as two:
            for socket in (one, two):
                await socket.init()
                await socket.subscribe(BOXES, {"id": "cam-own"})
            async with asyncio.timeout(30):
                while len(world.following.frames) != 1 or _members(world) != 2:
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(30):
            while len(world.following.frames):
                await asyncio.sleep(0.01)
    assert DetectionFeed(context(world), "cam-own").key == ("detections", "cam-own")


def _members(world: World) -> int:
    return sum(group.members for group in world.following.groups.held())
