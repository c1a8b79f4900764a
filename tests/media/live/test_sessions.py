from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from media.clock import SystemClock
from media.live.feed import LiveFeeds
from media.live.sessions import LiveOptions, LiveSessions
from media.live.signals import LiveAnswer, LiveCamera, LiveOffer, LiveRefusal, LiveRefused
from media.network import CameraNetworks
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.simulator import Simulator
from media.store import CameraFolder, RecordingStore
from media.types import CameraState, MediaChange, StatusChanged
from tests.clips import Encoding, frame_coded
from tests.watching import Watcher, accepted, watcher

CAMERA = LiveCamera(CameraFolder("acme", "cam-a.01234567"), uuid4())
OTHER = LiveCamera(CameraFolder("default", CAMERA.folder.name), CAMERA.key)
CODED = Encoding(fps=25, gop=25)


@dataclass(frozen=True, slots=True)
class Stage:
    sessions: LiveSessions
    ending: asyncio.Event


@pytest.fixture
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Sessions of a camera that is not recorded and sends pictures, two at once."""
    clock, online = SystemClock(), asyncio.Event()
    loop = asyncio.get_running_loop()
    store = RecordingStore(tmp_path_factory.mktemp("recordings"))
    feeds = LiveFeeds(clock)
    world = CameraWorld(store, CameraNetworks(["127.0.0.1/32"]), clock, live=feeds)
    sessions = LiveSessions(feeds, clock, LiveOptions(viewers=3, viewers_of_camera=2))

    def deliver(change: MediaChange) -> None:
        if isinstance(change, StatusChanged) and change.state is CameraState.ONLINE:
            loop.call_soon_threadsafe(online.set)

    async with Simulator() as simulator:
        simulator.add("a", frame_coded(300, CODED))
        folder = CAMERA.folder
        config = CameraConfig(
            CAMERA.key, folder.tenant_id, folder.name, simulator.url("a"), record=False
        )
        pipeline = CameraPipeline(config, world, deliver)
        ending = asyncio.Event()
        running = asyncio.create_task(sessions.run(ending))
        pipeline.start()
        await asyncio.wait_for(online.wait(), 10)
        yield Stage(sessions, ending)
        ending.set()
        await running
        await asyncio.to_thread(pipeline.stop)


async def begun(sessions: LiveSessions, viewer: Watcher) -> LiveAnswer:
    answer = await sessions.start(CAMERA, LiveOffer(viewer.offer))
    await accepted(viewer, answer.sdp)
    return answer


async def refusal(sessions: LiveSessions, camera: LiveCamera, sdp: str) -> LiveRefusal:
    before = sessions.viewers
    with pytest.raises(LiveRefused) as refused:
        await sessions.start(camera, LiveOffer(sdp))
    assert sessions.viewers == before
    return refused.value.code


async def test_no_more_watch_than_there_may_and_a_place_is_free_again(stage: Stage) -> None:
    sessions = stage.sessions
    async with watcher() as first, watcher() as second, watcher() as third:
        answer = await begun(sessions, first)
        await begun(sessions, second)
        assert await refusal(sessions, CAMERA, third.offer) is LiveRefusal.VIEWERS_REACHED
        await first.seen(1)
        assert await sessions.stop(CAMERA, answer.id)
        await first.ended()
        async with asyncio.timeout(30):
            while sessions.viewers > 1:
                await asyncio.sleep(0.02)
        await begun(sessions, third)
        await asyncio.gather(second.seen(5), third.seen(5))
        assert (sessions.counts.viewers, sessions.counts.begun) == (2, 3)


async def test_another_tenants_camera_of_the_same_name_has_no_live_view(stage: Stage) -> None:
    sessions = stage.sessions
    async with watcher() as viewer, watcher() as stranger:
        answer = await begun(sessions, viewer)
        assert await refusal(sessions, OTHER, stranger.offer) is LiveRefusal.CAMERA_NOT_LIVE
        assert not await sessions.stop(OTHER, answer.id)
        assert not await sessions.stop(CAMERA, uuid4())
        await viewer.seen(5)


async def test_an_offer_that_cannot_be_answered_leaves_nothing(stage: Stage) -> None:
    assert await refusal(stage.sessions, CAMERA, "v=0\r\n") is LiveRefusal.BAD_OFFER
    async with watcher() as viewer:
        broken = viewer.offer.replace("a=setup:actpass", "a=setup:actpas")
        assert await refusal(stage.sessions, CAMERA, broken) is LiveRefusal.BAD_OFFER


async def test_a_viewer_who_loses_packets_is_sent_less_and_goes_on_at_keyframes(
    stage: Stage,
) -> None:
    async with watcher() as viewer:
        await begun(stage.sessions, viewer)
        lossy(viewer)
        await viewer.seen(60, seconds=25)
        steps = [after - before for before, after in itertools.pairwise(viewer.numbers)]
        leaps = [number for number, step in zip(viewer.numbers[1:], steps, strict=True) if step > 3]
        assert any(number % CODED.gop == 0 for number in leaps), viewer.numbers
        assert stage.sessions.counts.left_out > 0


def lossy(viewer: Watcher) -> None:
    """From now on a fifth of what comes is lost on the way to this viewer."""
    transport = viewer.connection.getReceivers()[0].transport
    arrived, count = transport._handle_rtp_data, itertools.count()

    async def some(data: bytes, arrival_time_ms: int) -> None:
        if next(count) % 5:
            await arrived(data, arrival_time_ms)

    transport._handle_rtp_data = some  # type: ignore[method-assign]


async def test_when_the_process_ends_so_does_every_live_view_and_no_other_begins(
    stage: Stage,
) -> None:
    async with watcher() as viewer, watcher() as late:
        await begun(stage.sessions, viewer)
        await viewer.seen(5)
        stage.ending.set()
        await viewer.ended()
        assert await refusal(stage.sessions, CAMERA, late.offer) is LiveRefusal.CAMERA_NOT_LIVE
