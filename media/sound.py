"""Makes a camera's sound into AAC that players of HLS take, without holes, whatever comes."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import av.error
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from media.decoders import IN_PROCESS, Decoders
from media.types import TICKS_PER_SECOND

log = logging.getLogger(__name__)

_TICK = Fraction(1, TICKS_PER_SECOND)
_FRAME = 1024
"""Samples in an AAC frame."""
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
"""By sampling frequency index (14496-3, table 1.18)."""
_USUAL_RATE = 48_000
MOST_HELD_US = 500_000
"""So long the muxer holds the picture back for sound that a camera announced and does not send."""
_LOW_COMPLEXITY = 2
"""Audio object type of plain AAC."""
_TREMBLE_TICKS = TICKS_PER_SECOND // 10
"""Times of sound tremble this much; samples follow each other all the same."""
_ROUNDING_TICKS = 100
_HELD_TICKS = MOST_HELD_US * TICKS_PER_SECOND // 1_000_000
_SILENT_TICKS = TICKS_PER_SECOND
"""No sound for so long is silence: less is a network that delivers late."""


class Sound:
    """The sound of one run; used by the camera's thread alone.

    AAC is copied, anything else is encoded anew: Opus fits into mp4, but Safari does not play it
    in HLS. A browser leaves out pictures that have no sound beside them, once sound has been
    announced: so silence is put where the camera sends none.

    `now` is to be set to the position of each picture. Invariant: packets follow each other, none
    is before the run's first picture or, when it comes late, before that of its fragment.
    """

    def __init__(
        self,
        source: AudioStream,
        muxer: OutputContainer,
        begin: int,
        decoders: Decoders = IN_PROCESS,
    ) -> None:
        """`begin`: where the first fragment's sound begins, a position."""
        setup = _aac_setup(source)
        self.stream = _copied(source, muxer, setup) if setup else _added(source, muxer)
        self._encoder = None if setup else _Encoder(source, self.stream, decoders)
        self._rate = self.stream.codec_context.sample_rate
        self._silence = _silent_frame(self.stream) if _is_plain(setup, self._rate) else b""
        self._first = self._cut = self._end = begin
        self.now = begin
        self._heard: int | None = None

    def taken(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """What is to be muxed for a packet that came, its times being positions."""
        self._heard = self.now
        return self._fitting(
            self._encoder.encode(packet) if self._encoder else _without_header(packet)
        )

    def rest(self) -> Iterator[Packet[Stream]]:
        """What is to be muxed at the run's end; nothing can be taken any more."""
        return self._fitting(self._encoder.rest() if self._encoder else [])

    def _fitting(self, packets: list[Packet[Stream]]) -> Iterator[Packet[Stream]]:
        for packet in packets:
            position = packet.pts
            if position is None or not self._fits(position):
                continue
            if position - self._end > _TREMBLE_TICKS:
                yield from self._silence_in(self._cut, position - self._ticks(_FRAME))
            self._end = position + self._ticks(_FRAME)
            yield packet

    def cut(self, position: int) -> Iterator[Packet[Stream]]:
        """Another fragment follows, whose sound begins there. What is to be muxed before.

        That is silence when no sound has come for a while.
        """
        begin, self._cut = self._cut, position
        if self._heard is not None and self.now - self._heard < _SILENT_TICKS:
            return
        yield from self._silence_in(begin, position)

    def _silence_in(self, begin: int, end: int) -> Iterator[Packet[Stream]]:
        """From `begin`, or from where sound already reaches."""
        self._end = max(self._end, begin)
        while self._silence and self._end < end:
            yield _stamped(Packet(self._silence), self._end, self._ticks(_FRAME))
            self._end += self._ticks(_FRAME)

    def _fits(self, position: int) -> bool:
        """Sound may come a little later than a keyframe: the muxer still holds that one back."""
        begin = self._first if self.now - self._cut < _HELD_TICKS else self._cut
        return position >= max(begin, self._end - _ROUNDING_TICKS)

    def _ticks(self, samples: int) -> int:
        return samples * TICKS_PER_SECOND // self._rate


class _Encoder:
    """Decodes any sound and encodes it as AAC, by the camera's times.

    Samples are counted on from the first packet's time; where times and count part (packets were
    lost, the camera's crystal is off) the count is set anew or some samples are left out.
    """

    def __init__(self, source: AudioStream, target: AudioStream, decoders: Decoders) -> None:
        self._decoder = decoders.sound(source)
        self._target = target
        context = target.codec_context
        self._rate = context.sample_rate
        self._resampler = av.AudioResampler(context.format, context.layout, self._rate)
        self._waiting = av.AudioFifo()
        self._next: int | None = None
        self._reached = 0

    def encode(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """Packets with positions as times; none for what can't be decoded."""
        position = packet.pts or 0
        time = position * self._rate // TICKS_PER_SECOND
        tremble = _TREMBLE_TICKS * self._rate // TICKS_PER_SECOND
        try:
            frames = self._decoder.decode(packet)
            if self._next is None or time - self._next > tremble:
                self._waiting = av.AudioFifo()
                self._next = self._reached = time
            elif self._next - time > tremble:
                return []
            for frame in frames:
                frame.pts = None
                for part in self._resampler.resample(frame):
                    self._waiting.write(part)
                    self._next += part.samples
            return [one for frame in self._frames() for one in self._encoded(frame)]
        except (av.error.FFmpegError, ValueError) as fault:
            log.debug("some sound is left out: %s", type(fault).__name__)
            return []

    def rest(self) -> list[Packet[Stream]]:
        """What the encoder still holds, at the end."""
        self._decoder.close()
        try:
            return self._encoded(None) if self._next is not None else []
        except av.error.FFmpegError:
            return []

    def _frames(self) -> Iterator[av.AudioFrame]:
        while (frame := self._waiting.read(_FRAME)) is not None:
            frame.pts, frame.time_base = self._reached, Fraction(1, self._rate)
            self._reached += _FRAME
            yield frame

    def _encoded(self, frame: av.AudioFrame | None) -> list[Packet[Stream]]:
        duration = _FRAME * TICKS_PER_SECOND // self._rate
        return [
            _stamped(
                cast("Packet[Stream]", packet),
                (packet.pts or 0) * TICKS_PER_SECOND // self._rate,
                duration,
            )
            for packet in self._target.encode(frame)
        ]


def _aac_setup(source: AudioStream) -> bytes | None:
    """The AudioSpecificConfig (14496-3, 1.6.2.1) of AAC that can be copied, else None.

    With ADTS each packet's header tells it, and FFmpeg's demuxer does not.
    """
    context = source.codec_context
    if context.name != "aac":
        return None
    if context.extradata:
        return bytes(context.extradata)
    if context.profile != "LC" or context.sample_rate not in _RATES or not context.channels < 7:
        return None
    rate = _RATES.index(context.sample_rate)
    return struct.pack(">H", _LOW_COMPLEXITY << 11 | rate << 7 | context.channels << 3)


def _is_plain(setup: bytes | None, rate: int) -> bool:
    """Whether a frame of plain AAC fits: HE-AAC has half the rate, or another object type."""
    if setup is None:
        return True
    (head,) = struct.unpack_from(">H", setup.ljust(2, b"\0"))
    object_type, index = head >> 11, head >> 7 & 0xF
    return object_type == _LOW_COMPLEXITY and index < len(_RATES) and _RATES[index] == rate


def _copied(source: AudioStream, muxer: OutputContainer, setup: bytes) -> AudioStream:
    stream = muxer.add_stream_from_template(source)
    stream.codec_context.extradata = setup
    return stream


def _added(source: AudioStream, muxer: OutputContainer) -> AudioStream:
    rate = source.codec_context.sample_rate
    rate = rate if rate in _RATES else _USUAL_RATE
    layout = "mono" if source.codec_context.channels == 1 else "stereo"
    stream = muxer.add_stream("aac", rate=rate, layout=layout)
    stream.codec_context.open()
    return stream


def _silent_frame(stream: AudioStream) -> bytes:
    """A frame of silence that fits into the stream; empty when none can be made."""
    context = stream.codec_context
    encoder = av.AudioCodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = (
        context.sample_rate,
        context.layout,
        "fltp",
    )
    made = b""
    for number in range(3):
        frame = av.AudioFrame("fltp", context.layout, _FRAME)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts = context.sample_rate, number * _FRAME
        for packet in encoder.encode(frame):
            made = bytes(packet)
    return made


def _without_header(packet: Packet[Stream]) -> list[Packet[Stream]]:
    """AAC without its ADTS header (14496-3, 1.A.2), if it has one."""
    head = bytes(memoryview(packet)[:2])
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return [packet]
    frame = bytes(packet)[7 if head[1] & 1 else 9 :]
    return [_stamped(Packet(frame), packet.pts or 0, packet.duration or 0)] if frame else []


def _stamped(packet: Packet[Stream], position: int, duration: int) -> Packet[Stream]:
    packet.pts = packet.dts = position
    packet.duration = duration
    packet.time_base = _TICK
    packet.is_keyframe = True
    return packet
