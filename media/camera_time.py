"""What a camera's own clock said when a picture was taken, where its sender reports tell."""

from __future__ import annotations

import struct

from av.packet import Packet
from av.stream import Stream

_WALL_US = struct.Struct("<q")
"""Head of FFmpeg's AVProducerReferenceTime, which RTP packets have after a sender report."""


def camera_us(packet: Packet[Stream]) -> int | None:
    """Microseconds since the epoch on the camera's clock; None where no report has come.

    FFmpeg counts them from the last RTCP sender report (RFC 3550, 6.4.1) by RTP time. A camera
    without a clock reports zero, or how long it runs, as if that were after 1900: that is none.
    """
    if not packet.has_sidedata("prft"):
        return None
    found = bytes(packet.get_sidedata("prft"))
    if len(found) < _WALL_US.size:
        return None
    at_us = int(_WALL_US.unpack_from(found)[0])
    return at_us if at_us > 0 else None
