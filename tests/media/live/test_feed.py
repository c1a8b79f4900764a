from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import av
import pytest
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.stream import Stream

from media.clock import SystemClock
from media.live.feed import LiveFeed, LiveFeeds, Unit
from media.live.signals import LiveRefusal, LiveRefused
from media.network import CameraNetworks
from media.parameters import parameter_sets
from media.rtsp_url import parse_rtsp_url
from media.simulator import SimulatorThread
from media.source import open_source
from media.store import CameraFolder
from media.types import TICKS_PER_SECOND
from tests.clips import Encoding, frame_coded

CAMERA = CameraFolder("acme", "cam-a.01234567")
CODED = Encoding(fps=25, gop=10)


class Seen:
    """A viewer that keeps what it is given."""

    def __init__(self) -> None:
        self.gop: list[Unit] = []
        self.units: list[Unit] = []
        self.skips = 0
        self.is_over = False

    def begin(self, gop: list[Unit]) -> None:
        self.gop = gop

    def take(self, unit: Unit) -> None:
        self.units.append(unit)

    def skip(self) -> None:
        self.skips += 1

    def end(self) -> None:
        self.is_over = True

    @property
    def pts(self) -> list[int]:
        return [each.packet.pts or 0 for each in (*self.gop, *self.units)]


def packets(encoding: Encoding = CODED, count: int = 25) -> list[Packet[Stream]]:
    """As the timeline stamps them: pts in ticks of 1/90,000 s from 0, Annex B."""
    with av.open(str(frame_coded(60, encoding))) as container:
        video = container.streams.video[0]
        annex_b = BitStreamFilterContext("h264_mp4toannexb", video)
        found = [part for each in container.demux(video) for part in annex_b.filter(each)]
    for each in found:
        assert each.pts is not None
        assert each.time_base is not None
        each.pts = round(each.pts * each.time_base * TICKS_PER_SECOND)
    return found[:count]


@pytest.fixture
async def feed() -> AsyncIterator[LiveFeed]:
    """Of a camera of which a run began."""
    with SimulatorThread() as simulator:
        simulator.add("a", frame_coded(60, CODED))
        place = CameraNetworks(["127.0.0.1/32"]).check(parse_rtsp_url(simulator.url("a")))
        with await asyncio.to_thread(open_source, place) as source:
            made = LiveFeeds(SystemClock()).open(CAMERA)
            made.begin_run(source)
            yield made


def give(feed: LiveFeed, *found: Packet[Stream]) -> None:
    for each in found:
        feed.take(each, is_video=True)


async def test_who_comes_gets_the_present_gop_and_then_what_comes_each_once(
    feed: LiveFeed,
) -> None:
    found, viewer = packets(), Seen()
    give(feed, *found[:15])
    feed.watch(viewer)
    give(feed, *found[15:])
    await asyncio.sleep(0)
    assert (len(viewer.gop), len(viewer.units)) == (5, 10)
    assert viewer.gop[0].is_keyframe
    assert viewer.pts == [viewer.pts[0] + 3600 * number for number in range(15)]
    feed.leave(viewer)
    give(feed, found[0])
    await asyncio.sleep(0)
    assert len(viewer.units) == 10


async def test_each_keyframe_carries_its_parameter_sets(feed: LiveFeed) -> None:
    viewer = Seen()
    feed.watch(viewer)
    bare = packets()[0]
    content = bytes(bare)
    slice_at = content.rindex(b"\x00\x00\x01\x65")
    stripped: Packet[Stream] = Packet(content[slice_at:])
    stripped.pts, stripped.is_keyframe = 0, True
    give(feed, stripped)
    await asyncio.sleep(0)
    sets = parameter_sets(viewer.units[0].packet, "h264")
    assert len(sets.sequence) == len(sets.picture) == 1


async def test_the_newest_keyframe_is_kept_while_something_comes(feed: LiveFeed) -> None:
    assert feed.newest_keyframe() is None
    found = packets()
    give(feed, *found[:15])
    newest = feed.newest_keyframe()
    assert newest is not None
    assert (newest.codec, newest.content) == ("h264", bytes(found[10]))
    give(feed, *found[15:])
    later = feed.newest_keyframe()
    assert later is not None
    assert (later.content, later.at_us >= newest.at_us) == (bytes(found[20]), True)
    feed.end_run()
    assert feed.newest_keyframe() is None


async def test_times_go_on_from_run_to_run(feed: LiveFeed) -> None:
    found, viewer = packets(), Seen()
    feed.watch(viewer)
    give(feed, *found)
    feed.end_run()
    give(feed, *found)
    await asyncio.sleep(0)
    assert len(viewer.units) == 50
    assert viewer.pts == sorted(set(viewer.pts))


async def test_b_frames_are_refused_and_end_whoever_watches(feed: LiveFeed) -> None:
    viewer = Seen()
    give(feed, *packets()[:3])
    feed.playable()
    feed.watch(viewer)
    give(feed, *packets(Encoding(fps=25, gop=10, bframes=2)))
    await asyncio.sleep(0)
    assert viewer.is_over
    with pytest.raises(LiveRefused) as refused:
        feed.playable()
    assert refused.value.code is LiveRefusal.B_FRAMES


async def test_nothing_can_be_watched_while_nothing_comes(feed: LiveFeed) -> None:
    with pytest.raises(LiveRefused) as refused:
        feed.playable()
    assert refused.value.code is LiveRefusal.CAMERA_NOT_LIVE
    give(feed, *packets())
    feed.playable()
    feed.end_run()
    with pytest.raises(LiveRefused):
        feed.playable()


async def test_what_the_loop_does_not_fetch_is_dropped_and_said(feed: LiveFeed) -> None:
    viewer = Seen()
    feed.watch(viewer)
    found = packets()
    for _ in range(30):
        give(feed, *found)
    await asyncio.sleep(0)
    assert viewer.skips == 1
    assert len(viewer.units) == 250


async def test_a_gop_without_end_does_not_fill_the_memory(feed: LiveFeed) -> None:
    keyframe, *others = packets()[:10]
    give(feed, keyframe)
    for _ in range(200):
        give(feed, *others)
    viewer = Seen()
    feed.watch(viewer)
    assert viewer.gop == []


async def test_a_camera_that_goes_ends_its_viewers_and_a_new_thread_has_a_feed_of_its_own() -> None:
    feeds, viewer, late = LiveFeeds(SystemClock()), Seen(), Seen()
    first = feeds.open(CAMERA)
    first.watch(viewer)
    second = feeds.open(CAMERA)
    await asyncio.sleep(0)
    assert viewer.is_over
    feeds.close(CAMERA, first)
    assert feeds.find(CAMERA) is second
    feeds.close(CAMERA, second)
    assert feeds.find(CAMERA) is None
    second.watch(late)
    assert late.is_over
