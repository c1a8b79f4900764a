from __future__ import annotations

import asyncio
from fractions import Fraction

import pytest
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet

from media.live.feed import Unit
from media.live.tracks import PictureTrack, SoundTrack

FRAME = 3600


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at_us = 1_000_000

    def now_us(self) -> int:
        return self.at_us

    def monotonic_us(self) -> int:
        return self.at_us


def unit(number: int, *, keyframe: bool = False, video: bool = True) -> Unit:
    packet = Packet(bytes([number]))
    packet.pts = packet.dts = number * FRAME
    packet.time_base = Fraction(1, 90_000)
    return Unit(packet, video, keyframe)


async def sent(track: PictureTrack | SoundTrack, count: int) -> list[int]:
    """The numbers of the next packets."""
    return [bytes(await track.recv())[0] for _ in range(count)]


async def test_nothing_is_sent_before_a_keyframe() -> None:
    track = PictureTrack(Watch())
    track.begin([])
    for number in range(5):
        track.take(unit(number, keyframe=number == 3))
    assert await sent(track, 2) == [3, 4]
    assert track.dropped == 3


async def test_the_gop_that_a_viewer_begins_with_is_stamped_to_be_shown_at_once() -> None:
    track = PictureTrack(Watch())
    track.begin([unit(number, keyframe=number == 0) for number in range(10)])
    track.take(unit(10))
    packets = [await track.recv() for _ in range(11)]
    assert [bytes(each)[0] for each in packets] == list(range(11))
    assert [each.pts for each in packets[-2:]] == [9 * FRAME, 10 * FRAME]
    assert [each.pts for each in packets[:10]] == [
        9 * FRAME - 90 * back for back in range(9, -1, -1)
    ]


async def test_who_does_not_keep_up_goes_on_at_the_next_keyframe() -> None:
    clock = Watch()
    track = PictureTrack(clock)
    track.begin([unit(0, keyframe=True)])
    for number in range(1, 60):
        clock.at_us += 40_000
        track.take(unit(number, keyframe=number == 50))
    assert await sent(track, 10) == list(range(50, 60))
    assert track.dropped == 50


async def test_what_is_missing_is_not_sent_around() -> None:
    track = PictureTrack(Watch())
    track.begin([unit(0, keyframe=True), unit(1)])
    track.skip()
    for number in (3, 4, 5):
        track.take(unit(number, keyframe=number == 4))
    assert await sent(track, 2) == [4, 5]


async def test_of_sound_the_oldest_goes() -> None:
    track = SoundTrack(Watch())
    for number in range(80):
        track.take(unit(number, video=False))
    assert await sent(track, 50) == list(range(30, 80))


@pytest.mark.parametrize("kind", [PictureTrack, SoundTrack])
async def test_a_track_that_is_stopped_ends_whoever_waits_for_it(
    kind: type[PictureTrack] | type[SoundTrack],
) -> None:
    track = kind(Watch())
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
