"""What a mount hands to its clients: RTP packets grouped by the media packet they carry."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unit:
    """The RTP packets of one media packet (RFC 3550, header included), in sending order.

    `starts_gop` is true where a decoder can begin. Unframed packets are garbage that a TCP client
    gets without the four bytes that mark an interleaved frame.
    """

    track: int
    starts_gop: bool
    packets: tuple[bytes, ...]
    framed: bool = True
    _interleaved: dict[int, bytes] = field(default_factory=dict, compare=False, repr=False)

    def interleaved(self, channel: int) -> bytes:
        """The packets framed for a TCP channel (RFC 2326, 10.12).

        Called on the loop alone: the answer is kept and shared by all clients of this channel.
        """
        known = self._interleaved.get(channel)
        if known is None:
            known = b"".join(
                interleaved_frame(channel, packet) if self.framed else packet
                for packet in self.packets
            )
            self._interleaved[channel] = known
        return known


@dataclass(frozen=True, slots=True)
class Flush:
    """What became due at one moment.

    `reports` holds one RTCP sender report a track, by track number; everybody gets them when
    `reports_due`, a client that begins gets them always.
    """

    units: tuple[Unit, ...]
    reports: tuple[bytes, ...]
    reports_due: bool


def interleaved_frame(channel: int, packet: bytes) -> bytes:
    return b"$" + channel.to_bytes(1, "big") + len(packet).to_bytes(2, "big") + packet
