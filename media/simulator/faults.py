"""What can be wrong with a simulated camera, on command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from media.clock import Clock
from media.simulator.packetizer import RTP_HEADER_BYTES


class Garbage(StrEnum):
    """What random bytes take the place of."""

    PAYLOAD = "payload"
    """Everything behind the RTP header: framing and numbers stay right."""
    STREAM = "stream"
    """Whole packets, over TCP with their framing: nothing can be told apart any more."""


class Refusal(StrEnum):
    """How a camera turns requests down."""

    UNAVAILABLE = "unavailable"
    """503 to every request."""
    CLOSE = "close"
    """The connection is closed instead of an answer."""


@dataclass(slots=True)
class Faults:
    """One mount's faults now.

    Any thread may write a field; each is read anew where it matters, and none depends on another,
    so there is no lock.
    """

    stalled: bool = False
    """Packets are lost; requests are answered."""
    held: bool = False
    """Packets wait, and come all at once afterwards."""
    muted: bool = False
    """Sound is not sent."""
    silent: bool = False
    """Connections are accepted, requests never answered, nothing is sent."""
    unauthorized: bool = False
    """No credentials are right."""
    refusal: Refusal | None = None
    loss: float = 0.0
    """Share of RTP packets that never arrive, 0..1."""
    garbage: Garbage | None = None
    garbage_until_us: int | None = None
    """On the monotonic clock; None is without end."""
    jump_us: int = 0
    """How far the camera's clock has been set forward (negative: back) since the start."""


class Damage:
    """Applies loss and garbage to RTP packets; the same seed damages the same packets."""

    def __init__(self, faults: Faults, seed: int, clock: Clock) -> None:
        self._faults = faults
        self._random = np.random.default_rng(seed)
        self._clock = clock

    def garbage(self) -> Garbage | None:
        """What is garbage at this moment."""
        until_us = self._faults.garbage_until_us
        if until_us is not None and self._clock.monotonic_us() >= until_us:
            return None
        return self._faults.garbage

    def applied(self, packets: list[bytes], garbage: Garbage | None) -> list[bytes]:
        if self._faults.loss:
            packets = [p for p in packets if self._random.random() >= self._faults.loss]
        match garbage:
            case Garbage.PAYLOAD:
                return [p[:RTP_HEADER_BYTES] + self._noise(p[RTP_HEADER_BYTES:]) for p in packets]
            case Garbage.STREAM:
                return [self._noise(packet) for packet in packets]
        return packets

    def _noise(self, like: bytes) -> bytes:
        return self._random.bytes(len(like))
