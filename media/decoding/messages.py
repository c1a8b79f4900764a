"""What a process and its decoder say to each other, over a socket between them.

First comes a task. Then packets are asked about, some at a time, and answered with what came of
them, up to `Done`. What a decoder says is read by its types and within limits: it may have been
taken over by what it decodes.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction

import msgspec
from av.packet import Packet
from av.stream import Stream

from media.codecs import SoundSetup, VideoSetup
from media.types import TICKS_PER_SECOND

MOST_BYTES = 64 << 20
"""Of a message; those of frames' pixels are not in messages but behind them."""

_TICK = Fraction(1, TICKS_PER_SECOND)
_LENGTH = struct.Struct(">I")


class Sample(msgspec.Struct, tag=True, frozen=True):
    """Task: the frames that are due at `fps`. Answered with `Picture`."""

    setup: VideoSetup
    fps: float


class Check(msgspec.Struct, tag=True, frozen=True):
    """Task: whether a whole picture comes. Answered with `Whole` for each packet."""

    setup: VideoSetup


class Show(msgspec.Struct, tag=True, frozen=True):
    """Task: the first picture as a JPEG. Answered with `Jpeg`, once."""

    setup: VideoSetup


class ShowStill(msgspec.Struct, tag=True, frozen=True):
    """Task: a picture of each keyframe that brings its parameters. Answered with `Jpeg`."""

    codec: str


class Hear(msgspec.Struct, tag=True, frozen=True):
    """Task: the sound. Answered with `Heard`."""

    setup: SoundSetup


Task = Sample | Check | Show | ShowStill | Hear


class Coded(msgspec.Struct, array_like=True, frozen=True):
    """A packet; its times are in ticks."""

    content: bytes
    pts: int | None
    dts: int | None
    is_keyframe: bool

    @classmethod
    def of(cls, packet: Packet[Stream]) -> Coded:
        return cls(bytes(packet), packet.pts, packet.dts, packet.is_keyframe)

    def packet(self) -> Packet[Stream]:
        made: Packet[Stream] = Packet(self.content)
        made.pts, made.dts, made.time_base = self.pts, self.dts, _TICK
        made.is_keyframe = self.is_keyframe
        return made


class Ask(msgspec.Struct, array_like=True, frozen=True):
    """What comes of these packets? `slowed`: see `media.sampler.Sampler`."""

    packets: Sequence[Coded]
    slowed: float = 1.0


class Picture(msgspec.Struct, tag=True, frozen=True):
    """A frame, whose planes follow, laid out as `av.VideoFrame(width, height, pixels)` has them.

    `aspect` is numerator and denominator, or nothing; `colours` are range, space, primaries and
    transfer, by FFmpeg's numbers. `stride`: the rows of the first plane are so many bytes apart
    and those of the others half as many, where that is not 0.
    """

    width: int
    height: int
    pixels: str
    pts: int
    aspect: tuple[int, int] | None
    colours: tuple[int, int, int, int]
    stride: int = 0


class Heard(msgspec.Struct, tag=True, frozen=True):
    """Samples, plane by plane."""

    form: str
    layout: str
    rate_hz: int
    samples: int
    planes: list[bytes]


class Whole(msgspec.Struct, tag=True, frozen=True):
    passed: bool


class Jpeg(msgspec.Struct, tag=True, frozen=True):
    content: bytes


class Refused(msgspec.Struct, tag=True, frozen=True):
    """It can't be done with this packet."""

    reason: str


class Done(msgspec.Struct, tag=True, frozen=True):
    """What was asked about has been dealt with. Counts are since the task."""

    errors: int = 0
    decoded: int = 0
    left_out: int = 0


Reply = Picture | Heard | Whole | Jpeg | Refused | Done


class ChannelClosed(Exception):
    """The other side is gone."""


def wait_for_ever() -> None:
    """Nothing is too late."""


class Channel:
    """Messages over a stream socket; raises OSError too.

    `wait` is called whenever the socket's time-out has passed without a byte: it raises, or the
    wait goes on.
    """

    def __init__(self, connection: socket.socket, wait: Callable[[], None] = wait_for_ever) -> None:
        self._connection, self._wait = connection, wait
        self._encoder = msgspec.msgpack.Encoder()

    def send(self, message: msgspec.Struct) -> None:
        content = self._encoder.encode(message)
        self.send_block(memoryview(_LENGTH.pack(len(content)) + content))

    def send_block(self, block: memoryview) -> None:
        sent = 0
        while sent < len(block):
            try:
                sent += self._connection.send(block[sent:])
            except BlockingIOError:
                self._wait()

    def receive(self) -> bytearray:
        """A message. Raises ChannelClosed."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > MOST_BYTES:
            raise ChannelClosed
        return self._exactly(length)

    def receive_block(self, into: memoryview) -> None:
        """As many bytes as there is room for. Raises ChannelClosed."""
        filled = 0
        while filled < len(into):
            try:
                count = self._connection.recv_into(into[filled:])
            except BlockingIOError:
                self._wait()
                continue
            if not count:
                raise ChannelClosed
            filled += count

    def _exactly(self, length: int) -> bytearray:
        block = bytearray(length)
        self.receive_block(memoryview(block))
        return block

    def close(self) -> None:
        self._connection.close()


tasks: msgspec.msgpack.Decoder[Task] = msgspec.msgpack.Decoder(Task)
questions: msgspec.msgpack.Decoder[Ask] = msgspec.msgpack.Decoder(Ask)
replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
