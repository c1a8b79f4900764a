"""RTCP sender reports (RFC 3550, 6.4.1): a camera's word on what its RTP clock means."""

from __future__ import annotations

import struct

_NTP_EPOCH_OFFSET_S = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01."""
_SENDER_REPORT = 200
_SOURCE_DESCRIPTION = 202
_CNAME = b"simulator"


def sender_report(
    ssrc: int, wall_us: int, timestamp: int, packets_sent: int, payload_bytes_sent: int
) -> bytes:
    """A report with its source description, as one compound packet.

    Args:
        ssrc: the track's synchronisation source.
        wall_us: the camera's wall clock, microseconds since 1970; says the same instant as
        timestamp: on the track's RTP clock, modulo 2^32.
        packets_sent: RTP packets so far.
        payload_bytes_sent: bytes in them, without their headers.
    """
    seconds, fraction_us = divmod(wall_us, 1_000_000)
    report = struct.pack(
        ">BBHIIIIII",
        0x80,
        _SENDER_REPORT,
        6,
        ssrc,
        (seconds + _NTP_EPOCH_OFFSET_S) & 0xFFFFFFFF,
        (fraction_us << 32) // 1_000_000,
        timestamp & 0xFFFFFFFF,
        packets_sent & 0xFFFFFFFF,
        payload_bytes_sent & 0xFFFFFFFF,
    )
    return report + _source_description(ssrc)


def _source_description(ssrc: int) -> bytes:
    chunk = struct.pack(">IBB", ssrc, 1, len(_CNAME)) + _CNAME
    chunk += bytes(4 - len(chunk) % 4)
    return struct.pack(">BBH", 0x81, _SOURCE_DESCRIPTION, len(chunk) // 4) + chunk
