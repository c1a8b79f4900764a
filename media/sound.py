"""Makes a camera's sound into AAC that players of HLS take, without holes, whatever comes."""

from __future__ import annotations

import io
import logging
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
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
_MOST_CHANNELS = 2
"""Of sound that is encoded."""
_LOW_COMPLEXITY = 2
"""Audio object type of plain AAC."""
_TREMBLE_TICKS = TICKS_PER_SECOND // 10
"""Times of sound tremble this much; samples follow each other all the same."""
_ROUNDING_TICKS = 100
_SHORTEST_TICKS = 2 * _FRAME * TICKS_PER_SECOND // max(_RATES)
"""Two of the shortest frames: a hole that no browser minds."""
_HELD_TICKS = MOST_HELD_US * TICKS_PER_SECOND // 1_000_000


@dataclass(frozen=True, slots=True)
class Coding:
    """Of plain AAC: samples a second, and channels; one or two.

    The usual one is that of silence, with as few frames as will do: 16 a second, of 64 ms. Where
    sound of a run reaches 0.1 s into the next one, the ffmpeg command moves all that follows.
    `setup` is the AudioSpecificConfig to be told, where it is not FFmpeg's own.
    """

    rate: int = 16_000
    channels: int = 1
    setup: bytes | None = None


USUAL_SILENCE = Coding()


class Sound:
    """The sound of one run; used by the camera's thread alone.

    AAC is copied, anything else is encoded anew: Opus fits into mp4, but Safari does not play it
    in HLS. Where the camera sends no sound there is silence: a browser leaves out all pictures up
    to the next keyframe when sound that is two frames late comes, or sound from before (Media
    Source Extensions, coded frame processing). So what is ahead of the pictures waits for them, as
    it must not reach into the next run. Where it announces none there is silence too: players stop
    where sound begins or ends for good, as init segments must have the same tracks (the same,
    initialization segment received).

    Invariants: packets follow each other from the run's begin to its end, with no hole as long as
    a frame (at the begin, as two of the shortest) unless silence can't be made; none begins behind
    the last picture, or in a fragment that the muxer has let go.
    """

    def __init__(
        self,
        source: AudioStream | Coding,
        muxer: OutputContainer,
        begin: int,
        decoders: Decoders = IN_PROCESS,
    ) -> None:
        """`begin`: where the first fragment's sound begins, a position."""
        setup, self._encoder = None, None
        self._is_announced = isinstance(source, AudioStream)
        if isinstance(source, Coding):
            self.stream = _unencoded(source, muxer)
        elif setup := _aac_setup(source):
            self.stream = _copied(source, muxer, setup)
        else:
            context = source.codec_context
            self.stream = _added(Coding(context.sample_rate, context.channels), muxer)
            self._encoder = _Encoder(source, self.stream, decoders)
        self._rate = self.stream.codec_context.sample_rate
        layout = self.stream.codec_context.layout.name
        self._silence = _silent_frame(self._rate, layout) if _is_plain(setup, self._rate) else b""
        self._begin = self._open = self._end = self._reach = self._sample_from(begin)
        self._cuts: deque[int] = deque()
        self._ahead: deque[Packet[Stream]] = deque()

    def taken(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """What is to be muxed for a packet that came, its times being positions."""
        self._ahead += self._encoder.encode(packet) if self._encoder else _without_header(packet)
        return self._fitting()

    def before(self, now: int, reach: int, *, is_cut: bool) -> Iterator[Packet[Stream]]:
        """What is to be muxed before a picture: sound that waited for it, silence for what is late.

        Args:
            now: when the muxer takes the picture to be decoded.
            reach: where sound of the pictures so far ends.
            is_cut: another fragment begins, whose sound begins at `now`.
        """
        self._reach = max(self._reach, reach)
        if not self._is_announced:  # nothing to wait for, and the muxer holds no picture back
            yield from self._silence_in(self._open, now)
            return
        if is_cut:
            self._cuts.append(now)
        while self._cuts and now - self._cuts[0] >= _HELD_TICKS:
            begin = self._cuts.popleft()
            yield from self._until(begin)
            self._open = begin
        yield from self._fitting()

    def rest(self) -> Iterator[Packet[Stream]]:
        """What is to be muxed at the run's end, up to that of its pictures; nothing follows."""
        if self._encoder:
            self._ahead += self._encoder.rest()
        return self._until(self._reach)

    def _until(self, end: int) -> Iterator[Packet[Stream]]:
        yield from self._fitting()
        yield from self._silence_in(self._open, end)

    def _fitting(self) -> Iterator[Packet[Stream]]:
        while self._ahead and (self._ahead[0].pts or 0) < self._reach:
            packet = self._ahead.popleft()
            position = packet.pts
            if position is None:
                continue
            yield from self._silence_in(self._open, position - self._hole)
            if position < max(self._open, self._end - _ROUNDING_TICKS):
                continue
            self._end = position + self._ticks(_FRAME)
            yield packet

    @property
    def _hole(self) -> int:
        """How long one may be: at a run's begin the frames before it may have been shorter."""
        return self._ticks(_FRAME) - 1 if self._end > self._begin else _SHORTEST_TICKS

    def _silence_in(self, begin: int, end: int) -> Iterator[Packet[Stream]]:
        """From `begin`, or from where sound already reaches."""
        self._end = max(self._end, begin)
        while self._silence and self._end < end:
            yield _stamped(Packet(self._silence), self._end, self._ticks(_FRAME))
            self._end += self._ticks(_FRAME)

    def _sample_from(self, position: int) -> int:
        """Where a sample begins, and not before, also when the muxer has rounded it to samples.

        hls.js would count from sound that begins a microsecond before the picture.
        """
        samples = -(-position * self._rate // TICKS_PER_SECOND)
        return -(-samples * TICKS_PER_SECOND // self._rate)

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
        """What is still held, at the end."""
        self._decoder.close()
        if self._next is None:
            return []
        try:
            last = list(self._frames(partial=True))
            return [one for frame in (*last, None) for one in self._encoded(frame)]
        except av.error.FFmpegError:
            return []

    def _frames(self, *, partial: bool = False) -> Iterator[av.AudioFrame]:
        while (frame := self._waiting.read(_FRAME, partial)) is not None:
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


def _added(coding: Coding, muxer: OutputContainer) -> AudioStream:
    """A stream that is to be encoded."""
    rate = coding.rate if coding.rate in _RATES else _USUAL_RATE
    layout = "mono" if coding.channels == 1 else "stereo"
    stream = muxer.add_stream("aac", rate=rate, layout=layout)
    stream.codec_context.open()
    return stream


def _unencoded(coding: Coding, muxer: OutputContainer) -> AudioStream:
    """A stream of frames that are there already: an encoder of its own would take 1.5 MiB."""
    template = _template(coding.rate, coding.channels)
    setup = coding.setup or template.codec_context.extradata or b""
    return _copied(template, muxer, bytes(setup))


@lru_cache(maxsize=8)
def _template(rate: int, channels: int) -> AudioStream:
    """Of a file of silence, which stays open as long as the stream is kept."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as made:
        stream = _added(Coding(rate, channels), made)
        for packet in stream.encode(_silent_input(rate, stream.codec_context.layout.name, 0)):
            made.mux(packet)
        made.mux(stream.encode(None))
    return av.open(io.BytesIO(file.getvalue()), "r").streams.audio[0]


def coding_of(setup: bytes, rate: int) -> Coding:
    """As an AudioSpecificConfig tells; the usual coding where no silence can be made like it.

    `rate`: samples a second, as the camera announced.
    """
    channels = setup[1] >> 3 & 0xF
    if _is_plain(setup, rate) and 0 < channels <= _MOST_CHANNELS:
        return Coding(rate, channels, setup)
    return USUAL_SILENCE


@lru_cache(maxsize=32)
def _silent_frame(rate: int, layout: str) -> bytes:
    """A frame of silence; empty when none can be made."""
    encoder = av.AudioCodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, layout, "fltp"
    made = b""
    for number in range(3):
        for packet in encoder.encode(_silent_input(rate, layout, number)):
            made = bytes(packet)
    return made


def _silent_input(rate: int, layout: str, number: int) -> av.AudioFrame:
    frame = av.AudioFrame("fltp", layout, _FRAME)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.pts = rate, number * _FRAME
    return frame


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
