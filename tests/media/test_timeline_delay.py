"""With B-frames, all keyframes of a run are decoded equally long before they are shown."""

from __future__ import annotations

import pytest
from av.packet import Packet
from av.stream import Stream

from media.timeline import RunBroken
from tests.media.test_timeline import FRAME, START, Packets, camera, positions

LOST = 5 * FRAME


@pytest.mark.parametrize("frames", [5, 15])
def test_a_keyframe_behind_a_short_hole_is_no_exception(frames: int) -> None:
    """FFmpeg rebuilds decode times from the last presentation times: two lie before the hole."""
    with camera(2) as gate:
        timeline = gate.timeline()
        before = gate.play(timeline, gate.packets[:50])
        lags = [packet.dts for packet in gate.packets[50:52]]
        for packet in gate.packets[50:]:
            _shift(packet, frames * FRAME)
        for packet, lag in zip(gate.packets[50:52], lags, strict=True):
            packet.dts = lag
        after = gate.play(timeline, gate.packets[50:])

    assert _delays([*before, *after]) == {2 * FRAME}
    assert positions(after) == [
        START + number * FRAME for number in range(50 + frames, 100 + frames)
    ]


def test_a_run_that_began_behind_a_hole_ends_once_its_keyframes_tell() -> None:
    """The next one begins with that very packet, on the same connection."""
    with camera(2, hidden=False) as gate:
        timeline = gate.timeline()
        _lag(gate.packets[0])
        stamped = gate.play(timeline, gate.packets[:50])

        with pytest.raises(RunBroken, match="decode times") as broken:
            timeline.stamp(gate.packets[50])
        again = gate.play(gate.timeline(timeline.end_position), gate.packets[50:])

    assert not broken.value.reopen
    assert _delays(again) == {2 * FRAME}
    shown = [START + number * FRAME for number in range(100)]
    assert positions([*stamped, *again]) == shown


def test_a_decoder_that_rubbish_has_misled_ends_the_run_too() -> None:
    """FFmpeg takes more B-frames for possible from then on."""
    with camera(2, hidden=False) as gate:
        timeline = gate.timeline()
        gate.play(timeline, gate.packets[:25])
        for packet in gate.packets[25:]:
            _lag(packet)
        gate.play(timeline, gate.packets[25:50])

        with pytest.raises(RunBroken, match="decode times") as broken:
            timeline.stamp(gate.packets[50])

    assert not broken.value.reopen


def test_a_single_keyframe_out_of_line_ends_nothing() -> None:
    with camera(2, hidden=False) as gate:
        _lag(gate.packets[50])
        stamped = gate.play(gate.timeline(), gate.packets)

    assert len(stamped) == 100


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
