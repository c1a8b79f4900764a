"""Other parameters of the picture end a run; some of the same in a keyframe do not."""

from __future__ import annotations

from typing import Any, cast

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from media.timeline import RunBroken
from tests.clips import Encoding, frame_coded
from tests.media.test_timeline import FRAME, camera


def test_other_parameters_end_the_run() -> None:
    with camera() as gate, camera() as other:
        timeline = gate.timeline()
        gate.play(timeline, gate.packets[:50])
        with av.open(str(frame_coded(30, Encoding(gop=25, size=(640, 480))))) as container:
            larger = container.streams.video[0].codec_context.extradata
        assert larger is not None
        keyframe: Packet[Stream] = Packet(_annex_b(larger) + b"\x00\x00\x00\x01\x65slice")
        keyframe.is_keyframe = True
        keyframe.pts, keyframe.dts = gate.packets[50].pts, gate.packets[50].dts
        keyframe.stream = gate.packets[50].stream

        with pytest.raises(RunBroken, match="changed the parameters") as broken:
            timeline.stamp(keyframe)

    assert broken.value.reopen
    assert other.packets


@pytest.mark.parametrize("first", [("vps",), ("sps",), ("vps", "sps"), ()], ids=str)
def test_keyframes_may_carry_some_of_the_parameters(first: tuple[str, ...]) -> None:
    sets = {"vps": b"\x40\x01vps", "sps": b"\x42\x01sps"}
    start = b"\x00\x00\x00\x01"

    class Hevc:
        name = "hevc"
        extradata = b"".join(start + unit for unit in sets.values())

    with camera(hidden=False) as gate:
        cast(Any, gate.video).codec_context = Hevc()
        timeline = gate.timeline()
        keyframes = [packet for packet in gate.packets if packet.is_keyframe]
        stamped = 0
        for packet, kinds in zip(keyframes, [first, ("sps",), ("vps",), ()], strict=True):
            content = b"".join(start + sets[kind] for kind in kinds) + start + b"\x26\x01slice"
            sent: Packet[Stream] = Packet(content)
            sent.pts, sent.dts, sent.is_keyframe = packet.pts, packet.dts, True
            sent.duration, sent.stream = FRAME, packet.stream
            gate.clock.go(1_000_000)
            stamped += len(timeline.stamp(sent))

    assert stamped == 4


def _annex_b(avcc: bytes) -> bytes:
    size = int.from_bytes(avcc[6:8], "big")
    return b"\x00\x00\x00\x01" + avcc[8 : 8 + size]
