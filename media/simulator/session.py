"""An RTSP session: the tracks a client has set up, and what of a mount's packets it gets."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from media.simulator.mount import Mount
from media.simulator.transport import Interleaved, Transport
from media.simulator.units import Flush, Unit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Link:
    """A client's connection as its session sees it.

    `frames` collects interleaved frames until they are written in one go. `heard` is to be called
    at each sign of life that comes another way (UDP). A client that lets more than
    `max_buffer_bytes` wait is cut off.
    """

    connection: asyncio.WriteTransport
    local: str
    peer: str
    heard: Callable[[], None]
    max_buffer_bytes: int
    frames: list[bytes] = field(default_factory=list)


class Session:
    """From the first SETUP until TEARDOWN, time-out or the connection's end. Loop only.

    Invariant: while playing it is attached to its mount.
    """

    def __init__(self, mount: Mount, link: Link) -> None:
        self.session_id = secrets.token_hex(8)
        self.mount = mount
        self.is_playing = False
        self._connection = link.connection
        self._frames = link.frames
        self._max_buffer_bytes = link.max_buffer_bytes
        self._transports: dict[int, Transport] = {}
        self._awaiting_keyframe = False
        self._reports_due = False

    @property
    def is_interleaved(self) -> bool:
        """Whether everything goes over the RTSP connection itself."""
        return all(isinstance(way, Interleaved) for way in self._transports.values())

    def set_up(self, track: int, transport: Transport) -> None:
        previous = self._transports.get(track)
        if previous is not None:
            previous.close()
        self._transports[track] = transport

    def play(self) -> None:
        if not self.is_playing:
            self.is_playing = True
            self._reports_due = True
            self._awaiting_keyframe = self.mount.options.start_at_keyframe
            self.mount.attach(self)

    def pause(self) -> None:
        if self.is_playing:
            self.is_playing = False
            self.mount.detach(self)

    def close(self) -> None:
        self.pause()
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def await_keyframe(self) -> None:
        self._awaiting_keyframe = True

    def abort(self) -> None:
        self.pause()
        self._connection.abort()

    def deliver(self, flush: Flush) -> None:
        units = self._wanted(flush.units)
        if not units:
            return
        if self.mount.options.sends_reports and (self._reports_due or flush.reports_due):
            self._reports_due = False
            for track, transport in self._transports.items():
                transport.report(flush.reports[track])
        for unit in units:
            if unit.track in self._transports:
                self._transports[unit.track].send(unit)
        self._write_frames()

    def _wanted(self, units: tuple[Unit, ...]) -> tuple[Unit, ...]:
        if not self._awaiting_keyframe:
            return units
        for position, unit in enumerate(units):
            if unit.starts_gop:
                self._awaiting_keyframe = False
                return units[position:]
        return ()

    def _write_frames(self) -> None:
        if not self._frames:
            return
        if self._connection.get_write_buffer_size() > self._max_buffer_bytes:
            log.info("camera %s: a client that reads too slowly is cut off", self.mount.path)
            self.abort()
        else:
            self._connection.write(b"".join(self._frames))
        self._frames.clear()
