"""With B-frames, all keyframes of a run are decoded equally long before they are shown."""

from __future__ import annotations

import pytest
from av.packet import Packet
from av.stream import Stream

from tests.media.test_timeline import FRAME, START, Packets, camera, positions

LOST = 5 * FRAME


@pytest.mark.parametrize("frames", [5, 15])
def test_a_keyframe_behind_a_short_hole_is_no_exception(frames: int) -> None:
    """Decode times are rebuilt from the last presentation times: two lie before the hole."""
    with camera(2) as gate:
        timeline = gate.timeline()
        before = gate.play(timeline, gate.packets[:50])
        for packet in gate.packets[50:]:
            _shift(packet, frames * FRAME)
        after = gate.play(timeline, gate.packets[50:])

    assert _delays([*before, *after]) == {2 * FRAME}
    assert positions(after) == [
        START + number * FRAME for number in range(50 + frames, 100 + frames)
    ]


@pytest.mark.parametrize("count", [1, 8, 92])
def test_what_ffmpeg_takes_for_decode_times_does_not_matter(count: int) -> None:
    """Behind a gap its own lag, and behind rubbish it takes more B-frames for possible."""
    with camera(2, hidden=False) as gate:
        for packet in gate.packets[-count:]:
            _lag(packet)
        stamped = gate.play(gate.timeline(), gate.packets)

    assert _delays(stamped) == {2 * FRAME}
    assert positions(stamped) == [START + number * FRAME for number in range(100)]


def _lag(packet: Packet[Stream]) -> None:
    assert packet.dts is not None
    packet.dts -= LOST


def _shift(packet: Packet[Stream], ticks: int) -> None:
    assert packet.pts is not None
    assert packet.dts is not None
    packet.pts += ticks
    packet.dts += ticks


def _delays(stamped: Packets) -> set[int]:
    return {one.pts - one.dts for one in stamped if one.is_keyframe and one.pts and one.dts}
