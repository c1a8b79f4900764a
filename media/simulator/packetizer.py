"""Cuts one track's packets into RTP packets, and numbers them as one unbroken RTP stream."""

from __future__ import annotations

import secrets
import struct
from fractions import Fraction

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from media.simulator.clip import Clip
from media.simulator.rtcp import sender_report
from media.simulator.sdp import payload_type

RTP_HEADER_BYTES = 12
_RTP_PACKET_BYTES = 1400
_RTCP_TYPES = range(200, 205)


class Lane:
    """One track's RTP stream: sequence numbers and counts go on when the clip changes.

    Owned by one thread. Source and first sequence number are random, as RFC 3550 asks;
    `first_timestamp` is what time 0 is sent as.
    """

    def __init__(self, clip: Clip, number: int, first_timestamp: int) -> None:
        self._ssrc = secrets.randbits(32)
        self._first_timestamp = first_timestamp
        self._sequence = secrets.randbits(16)
        self._packets_sent = 0
        self._payload_bytes_sent = 0
        self._muxer = _RtpMuxer(clip, number)
        self._last_dts: int | None = None

    def change_clip(self, clip: Clip, number: int) -> None:
        self._muxer.close()
        self._muxer = _RtpMuxer(clip, number)

    def close(self) -> None:
        self._muxer.close()

    def packetize(self, packet: Packet[Stream], pts: int, dts: int, shift: int) -> list[bytes]:
        """The RTP packets that `packet` completes; none if `dts` does not go on.

        Args:
            packet: encoded as in the clip; its times are overwritten.
            pts: on the track's RTP clock, not wrapped.
            dts: likewise.
            shift: added to the timestamps sent.
        """
        if self._last_dts is not None and dts <= self._last_dts:
            return []
        self._last_dts = dts
        cut = self._muxer.cut(packet, pts, dts)
        return [self._numbered(raw, shift - self._muxer.zero) for raw in cut]

    def report(self, wall_us: int, time: int) -> bytes:
        """A sender report that ties the camera's wall clock to a time as `packetize` takes it."""
        timestamp = time + self._first_timestamp
        return sender_report(
            self._ssrc, wall_us, timestamp, self._packets_sent, self._payload_bytes_sent
        )

    def _numbered(self, raw: bytes, shift: int) -> bytes:
        timestamp = int.from_bytes(raw[4:8], "big") + shift + self._first_timestamp
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        self._packets_sent += 1
        self._payload_bytes_sent += len(raw) - RTP_HEADER_BYTES
        header = struct.pack(">HII", sequence, timestamp & 0xFFFFFFFF, self._ssrc)
        return raw[:2] + header + raw[RTP_HEADER_BYTES:]


class _RtpMuxer:
    """libav's `rtp` muxer over a file whose every write is one packet.

    It flushes audio one packet late, so what comes out may belong to the packet before. Its
    timestamps begin at a random number: `zero` is what it writes for time 0.
    """

    def __init__(self, clip: Clip, number: int) -> None:
        track = clip.tracks[number]
        self._time_base = Fraction(1, track.clock_hz)
        self._written: list[bytes] = []
        self._first_pts: int | None = None
        self._is_zero_known = False
        self.zero = 0
        self._output: OutputContainer = av.open(
            self,
            "w",
            format="rtp",
            options={
                "packetsize": str(_RTP_PACKET_BYTES),
                "payload_type": str(payload_type(number, track)),
                "avoid_negative_ts": "disabled",
            },
        )
        with av.open(str(clip.path)) as source:
            template = source.streams[track.index]
            self._stream = self._output.add_stream_from_template(template)

    def write(self, written: bytes) -> int:
        packet = bytes(written)
        if packet[1] not in _RTCP_TYPES:  # its reports assume real time: we write our own
            self._written.append(packet)
        return len(packet)

    def cut(self, packet: Packet[Stream], pts: int, dts: int) -> list[bytes]:
        packet.time_base = self._time_base
        packet.pts = pts
        packet.dts = dts
        packet.stream = self._stream
        if self._first_pts is None:
            self._first_pts = pts
        self._output.mux_one(packet)
        written, self._written = self._written, []
        if written and not self._is_zero_known:
            self._is_zero_known = True
            self.zero = int.from_bytes(written[0][4:8], "big") - self._first_pts
        return written

    def close(self) -> None:
        self._output.close()
