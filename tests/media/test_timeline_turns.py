"""Times of MPEG transport streams begin again after 33 bits."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.media.test_timeline import FRAME, RTP_OFFSET, START, camera


@pytest.mark.parametrize("turns", [-1, -2], ids=["FFmpeg left it out", "FFmpeg's own is undone"])
@pytest.mark.parametrize("bframes", [0, 3])
def test_times_that_begin_again_after_33_bits_go_on(bframes: int, turns: int) -> None:
    """Each of a packet's two times falls back when it comes there: among B-frames not at once."""
    with camera(bframes) as gate:
        timeline = gate.timeline()
        for packet in gate.packets[40:]:
            for name in ("pts", "dts"):
                if getattr(packet, name) >= RTP_OFFSET + 50 * FRAME:
                    setattr(packet, name, getattr(packet, name) + turns * (1 << 33))
        stamped = gate.play(timeline, gate.packets)

    assert sorted(one.pts or 0 for one in stamped) == [START + n * FRAME for n in range(100)]
    assert all(b.dts - a.dts == FRAME for a, b in pairwise(stamped) if a.dts and b.dts)


def test_sound_that_begins_again_after_33_bits_goes_on() -> None:
    with camera(audio=True) as gate:
        timeline = gate.timeline()
        stamped = gate.play(timeline, gate.packets[:30])
        for packet in gate.sounds[20:]:
            packet.pts = packet.dts = (packet.pts or 0) - (1 << 33)
        sounds = [one for packet in gate.sounds[:40] for one in timeline.stamp(packet)]

    assert stamped[0].pts == START
    assert len(sounds) > 30
    assert all(b.pts - a.pts == 1920 for a, b in pairwise(sounds) if a.pts and b.pts)
