"""Frames of detections for who follows a camera: the latest, for who may see it live."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing

import msgspec
import pytest

from media.types import Box, Detection, DetectionFrame, Followed, RunClock
from resolvers.access import Actor, Scope
from resolvers.broadcast import LocalBroadcast, detections_of
from resolvers.context import Context, World
from resolvers.detections import (
    KEPT_FRAMES,
    DetectionFeed,
    FollowedObject,
    ShownFrame,
    shown,
    words_of,
)
from resolvers.errors import NotFound, ScopeMissing
from tests.world import add_camera, context

TOPIC = detections_of("default", "cam-front-01")


def frame(at_us: int) -> bytes:
    return msgspec.json.encode(ShownFrame(at_us, 320, 240, []))


async def send(world: World, at_us: int) -> None:
    """Once somebody listens."""
    async with asyncio.timeout(30):
        while not await world.broadcast.send(TOPIC, frame(at_us)):
            await asyncio.sleep(0.005)


async def test_frames_are_told_from_now_on(world: World) -> None:
    await add_camera(world)
    feed = DetectionFeed(context(world), "cam-front-01")
    start = await feed.start()

    async with aclosing(feed.pages(start.place)) as pages:
        first = asyncio.ensure_future(anext(pages))
        await send(world, 1)
        one = await first
        await send(world, 2)
        two = await anext(pages)

    assert start.live
    assert [step.value.at_us for step in (*one.steps, *two.steps)] == [1, 2]
    assert start.place < one.reach < two.reach
    assert isinstance(world.broadcast, LocalBroadcast)
    assert world.broadcast.topics == frozenset()


async def test_who_is_slow_is_given_the_latest_frames_alone(world: World) -> None:
    await add_camera(world)
    feed = DetectionFeed(context(world), "cam-front-01")
    start = await feed.start()
    async with aclosing(feed.pages(start.place)) as pages:
        first = asyncio.ensure_future(anext(pages))
        await send(world, 0)
        await first
        for number in range(1, 1000):
            await send(world, number)
            if number % 10 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)  # whoever listens has taken all

        late = await anext(pages)

    assert [step.value.at_us for step in late.steps] == list(range(1000 - KEPT_FRAMES, 1000))
    assert late.is_last


async def test_words_of_another_version_are_left_out(world: World) -> None:
    await add_camera(world)
    feed = DetectionFeed(context(world), "cam-front-01")
    async with aclosing(feed.pages((await feed.start()).place)) as pages:
        first = asyncio.ensure_future(anext(pages))
        await asyncio.sleep(0.01)
        await world.broadcast.send(TOPIC, b'{"version": 2}')
        await send(world, 7)

        assert [step.value.at_us for step in (await first).steps] == [7]


@pytest.mark.parametrize(
    ("actor", "camera_id", "error"),
    [
        (Actor("default", frozenset({Scope.EVENTS_READ})), "cam-front-01", ScopeMissing),
        (Actor("default", frozenset({Scope.LIVE_READ})), "cam-none", NotFound),
        (Actor("acme", frozenset({Scope.LIVE_READ})), "cam-front-01", NotFound),
        (
            Actor("default", frozenset({Scope.LIVE_READ}), cameras=frozenset({"cam-2"})),
            "cam-front-01",
            NotFound,
        ),
    ],
    ids=["scope", "absent", "foreign", "narrowed"],
)
async def test_who_may_not_see_the_camera_live_follows_nothing(
    world: World, actor: Actor, camera_id: str, error: type[Exception]
) -> None:
    await add_camera(world)

    with pytest.raises(error):
        await DetectionFeed(Context(actor, world), camera_id).start()

    assert isinstance(world.broadcast, LocalBroadcast)
    assert world.broadcast.topics == frozenset()


def test_a_frame_is_told_in_numbers_that_are_drawn() -> None:
    seen = Followed(
        Detection("car", "vehicle", 0.876543, Box(0.123456, 0.25, 0.5, 1.0)), key=3, track_id=77
    )
    clock = RunClock(uuid.UUID(int=1), 1_000_000, 90_000)
    whole = DetectionFrame(clock, 180_000, True, 1920, 1080, (seen,))

    told = shown(whole)

    assert told == ShownFrame(
        2_000_000,
        1920,
        1080,
        [FollowedObject(0.1235, 0.25, 0.3765, 0.75, "car", "vehicle", 0.877, 77)],
    )
    assert msgspec.json.decode(words_of(whole), type=ShownFrame) == told
