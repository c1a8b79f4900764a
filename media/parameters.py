"""The parameter sets that a camera sends within its stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from av.packet import Packet
from av.stream import Stream

_HEAD_BYTES = 4096
"""Parameter sets stand before the first slice; this much of a keyframe is looked at."""
_START = b"\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """Of one access unit, without start codes, each once, in the order sent.

    `sequence` are those that a change of resolution, profile or frame rate changes: SPS of H.264,
    VPS and SPS of H.265. `picture` are the PPS, of which cameras may send different ones.
    """

    sequence: tuple[bytes, ...]
    picture: tuple[bytes, ...]

    def annex_b(self) -> bytes:
        """As FFmpeg takes them for a stream's extradata."""
        return b"".join(b"\x00" + _START + unit for unit in (*self.sequence, *self.picture))


def parameter_sets(packet: Packet[Stream], codec: str) -> ParameterSets:
    """What the packet (Annex B, `h264` or `hevc`) carries before its first slice; often nothing."""
    return read_parameter_sets(bytes(memoryview(packet)[:_HEAD_BYTES]), codec)


def read_parameter_sets(head: bytes, codec: str) -> ParameterSets:
    """Like `parameter_sets`, from bytes: also from extradata in Annex B."""
    sequence, picture = ((32, 33), (34,)) if codec == "hevc" else ((7,), (8,))
    found: dict[tuple[int, bytes], None] = {}
    for unit in _units(head):
        kind = (unit[0] >> 1) & 0x3F if codec == "hevc" else unit[0] & 0x1F
        if kind < 32 if codec == "hevc" else kind in (1, 2, 3, 4, 5):
            break
        found[kind, unit] = None
    return ParameterSets(
        tuple(unit for kind, unit in found if kind in sequence),
        tuple(unit for kind, unit in found if kind in picture),
    )


def _units(head: bytes) -> Iterator[bytes]:
    at = head.find(_START)
    while at >= 0:
        after = head.find(_START, at + 3)
        unit = head[at + 3 : after if after >= 0 else len(head)].rstrip(b"\x00")
        if unit:
            yield unit
        at = after
