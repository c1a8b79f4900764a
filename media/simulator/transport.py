"""How RTP reaches a client: interleaved with RTSP on its connection, or as UDP datagrams."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from media.simulator.units import Unit, interleaved_frame

_MAX_DATAGRAM_BYTES = 65_536
_PORT_ATTEMPTS = 64


@dataclass(frozen=True, slots=True)
class TransportRequest:
    """What a SETUP asks for. Either `channel` (TCP; None: the server may choose) or `ports`."""

    is_tcp: bool
    channel: int | None
    client_port: int


def parse_transport(header: str) -> list[TransportRequest]:
    """The unicast choices of a Transport header (RFC 2326, 12.39) in the client's order."""
    return [choice for text in header.split(",") if (choice := _choice(text)) is not None]


def _choice(text: str) -> TransportRequest | None:
    profile, *parameters = (part.strip() for part in text.split(";"))
    if "multicast" in parameters:
        return None
    if profile == "RTP/AVP/TCP":
        channel = _first_number("interleaved", parameters)
        return TransportRequest(is_tcp=True, channel=channel, client_port=0)
    port = _first_number("client_port", parameters)
    if profile in {"RTP/AVP", "RTP/AVP/UDP"} and port is not None and 0 < port < 65535:
        return TransportRequest(is_tcp=False, channel=None, client_port=port)
    return None


def _first_number(name: str, parameters: list[str]) -> int | None:
    for parameter in parameters:
        match = re.fullmatch(rf"{name}=(\d{{1,5}})(-\d{{1,5}})?", parameter)
        if match:
            return int(match[1])
    return None


class Transport(Protocol):
    """The way of one track to one client. Loop only."""

    def send(self, unit: Unit) -> None: ...

    def report(self, packet: bytes) -> None:
        """Send an RTCP packet."""
        ...

    def header(self) -> str:
        """The Transport header that accepts it."""
        ...

    def close(self) -> None: ...


class Interleaved:
    """RTP on `channel`, RTCP on the next; the session writes what gathers in `frames` at once."""

    def __init__(self, channel: int, frames: list[bytes]) -> None:
        self._channel = channel
        self._frames = frames

    def send(self, unit: Unit) -> None:
        self._frames.append(unit.interleaved(self._channel))

    def report(self, packet: bytes) -> None:
        self._frames.append(interleaved_frame(self._channel + 1, packet))

    def header(self) -> str:
        return f"RTP/AVP/TCP;unicast;interleaved={self._channel}-{self._channel + 1}"

    def close(self) -> None:
        """Nothing of its own to close."""


class Datagrams:
    """A fresh pair of UDP ports of `local` that send to `peer`, and to nobody else.

    What the client sends back counts as a sign of life. What the system's buffer can't take is
    lost, as UDP is.

    Raises:
        OSError: no pair of ports is free.
    """

    def __init__(self, local: str, peer: str, client_port: int, heard: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._peer = peer
        self._client_port = client_port
        self._heard = heard
        self._sockets = _bound_pair(local)
        for each in self._sockets.both:
            self._loop.add_reader(each, self._hear, each)

    def send(self, unit: Unit) -> None:
        for packet in unit.packets:
            self._send(self._sockets.rtp, packet, self._client_port)

    def report(self, packet: bytes) -> None:
        self._send(self._sockets.rtcp, packet, self._client_port + 1)

    def header(self) -> str:
        port = self._sockets.rtp.getsockname()[1]
        return (
            f"RTP/AVP;unicast;client_port={self._client_port}-{self._client_port + 1};"
            f"server_port={port}-{port + 1}"
        )

    def close(self) -> None:
        for each in self._sockets.both:
            self._loop.remove_reader(each)
            each.close()

    def _send(self, source: socket.socket, packet: bytes, port: int) -> None:
        with suppress(OSError):
            source.sendto(packet, (self._peer, port))

    def _hear(self, source: socket.socket) -> None:
        with suppress(OSError):
            source.recv(_MAX_DATAGRAM_BYTES)
            self._heard()


@dataclass(frozen=True, slots=True)
class _PortPair:
    rtp: socket.socket
    rtcp: socket.socket

    @property
    def both(self) -> tuple[socket.socket, socket.socket]:
        return self.rtp, self.rtcp


def _bound_pair(local: str) -> _PortPair:
    """RFC 3550, 11: RTP on an even port, RTCP on the next."""
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    for _ in range(_PORT_ATTEMPTS):
        rtp = socket.socket(family, socket.SOCK_DGRAM)
        rtcp = socket.socket(family, socket.SOCK_DGRAM)
        rtp.setblocking(False)
        rtcp.setblocking(False)
        try:
            rtp.bind((local, 0))
            port = rtp.getsockname()[1]
            if port % 2 == 0:
                rtcp.bind((local, port + 1))
                return _PortPair(rtp, rtcp)
        except OSError:
            pass  # the odd neighbour is taken: another pair
        rtp.close()
        rtcp.close()
    raise OSError("no free pair of UDP ports")
