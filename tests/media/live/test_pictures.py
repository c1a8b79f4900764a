from __future__ import annotations

import asyncio
from io import BytesIO

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from media.live.feed import LiveFeed, LiveFeeds
from media.live.pictures import LivePictures
from media.live.signals import LivePicture, LiveRefusal, LiveRefused
from media.network import CameraNetworks
from media.rtsp_url import parse_rtsp_url
from media.simulator import SimulatorThread
from media.source import open_source
from media.store import CameraFolder
from tests.clips import frame_coded, read_frame_number
from tests.media.live.test_feed import CAMERA, CODED, give, packets
from tests.media.live.test_tracks import Watch


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture
async def feeds(clock: Watch) -> LiveFeeds:
    """A camera of which a run began."""
    with SimulatorThread() as simulator:
        simulator.add("a", frame_coded(60, CODED))
        place = CameraNetworks(["127.0.0.1/32"]).check(parse_rtsp_url(simulator.url("a")))
        with await asyncio.to_thread(open_source, place) as source:
            made = LiveFeeds(clock)
            made.open(CAMERA).begin_run(source)
            return made


def of_camera(feeds: LiveFeeds) -> LiveFeed:
    feed = feeds.find(CAMERA)
    assert feed is not None
    return feed


def number_in(picture: LivePicture) -> int:
    with av.open(BytesIO(picture.jpeg), "r") as container:
        return read_frame_number(next(container.decode(video=0)))


async def refused(pictures: LivePictures, camera: CameraFolder = CAMERA) -> str:
    with pytest.raises(LiveRefused) as why:
        await pictures.of(camera)
    assert why.value.code is LiveRefusal.CAMERA_NOT_LIVE
    return str(why.value)


async def test_it_shows_the_newest_keyframe_and_says_when_that_came(
    feeds: LiveFeeds, clock: Watch
) -> None:
    pictures = LivePictures(feeds, clock)
    give(of_camera(feeds), *packets(count=15))
    picture = await pictures.of(CAMERA)
    assert (number_in(picture), picture.at_us) == (10, clock.at_us)


async def test_whoever_asks_within_a_second_shares_one_picture_and_so_while_none_comes(
    feeds: LiveFeeds, clock: Watch
) -> None:
    pictures, feed, found = LivePictures(feeds, clock), of_camera(feeds), packets()
    give(feed, *found[:15])
    together = await asyncio.gather(*(pictures.of(CAMERA) for _ in range(20)))
    assert pictures.count == 1
    clock.at_us += 900_000
    give(feed, *found[15:])
    assert await pictures.of(CAMERA) is together[0] is together[19]
    clock.at_us += 200_000
    later = await pictures.of(CAMERA)
    assert (number_in(later), pictures.count) == (20, 2)
    clock.at_us += 60_000_000
    assert await pictures.of(CAMERA) is later


async def test_who_asked_first_may_leave(feeds: LiveFeeds, clock: Watch) -> None:
    pictures = LivePictures(feeds, clock)
    give(of_camera(feeds), *packets(count=15))
    first, second = (asyncio.create_task(pictures.of(CAMERA)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert number_in(await second) == 10
    assert pictures.count == 1


async def test_there_is_none_of_a_camera_from_which_none_comes(
    feeds: LiveFeeds, clock: Watch
) -> None:
    pictures, feed = LivePictures(feeds, clock), of_camera(feeds)
    await refused(pictures)
    give(feed, *packets(count=15))
    await pictures.of(CAMERA)
    await refused(pictures, CameraFolder("default", CAMERA.name))
    feed.end_run()
    await refused(pictures)
    feeds.close(CAMERA, feed)
    await refused(pictures)
    assert pictures.count == 1


async def test_a_keyframe_of_which_nothing_can_be_seen_is_tried_once(
    feeds: LiveFeeds, clock: Watch
) -> None:
    pictures, feed = LivePictures(feeds, clock), of_camera(feeds)
    broken: Packet[Stream] = Packet(b"\x00\x00\x00\x01\x65" + bytes(range(200)))
    broken.pts, broken.is_keyframe = 0, True
    give(feed, broken)
    for _ in range(3):
        assert "decoded" in await refused(pictures)
        clock.at_us += 5_000_000
    assert pictures.count == 1
