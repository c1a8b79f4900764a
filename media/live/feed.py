"""A camera's packets on their way from its thread to those who watch it live."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from av.packet import Packet
from av.stream import Stream

from media.clock import Clock
from media.live.signals import LiveRefusal, LiveRefused
from media.parameters import parameter_sets
from media.source import Source
from media.store import CameraFolder
from media.types import TICKS_PER_SECOND

_TICK = Fraction(1, TICKS_PER_SECOND)
_MOST_KEPT_BYTES = 8 << 20
_MOST_KEPT = 1200
"""A GOP beyond either is not kept: who comes then waits for the next keyframe."""
_MOST_WAITING = 500
"""Packets that the event loop has not fetched; more are dropped, up to the next keyframe."""

_DEEP_PROFILES = ("High 10", "High 4")
"""FFmpeg's names of those of H.264 with more than 8 bits or more colour than 4:2:0."""
_SOUNDS = {"opus": "audio/opus", "pcm_alaw": "audio/PCMA", "pcm_mulaw": "audio/PCMU"}


@dataclass(frozen=True, slots=True)
class Unit:
    """A packet as viewers get it: H.264 as Annex B, a keyframe with its parameter sets.

    Its pts is in ticks of 1/90,000 s and only grows, also from one run to the next. All viewers
    share the packet: nobody changes it.
    """

    packet: Packet[Stream]
    is_video: bool
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture that needs no other: Annex B with its parameter sets. It came at `at_us`."""

    codec: str
    content: bytes = field(repr=False)
    at_us: int


@dataclass(frozen=True, slots=True)
class LiveStream:
    """What comes in a run. `sound` is None without any; `rate_hz` and `channels` are its.

    `profile` is FFmpeg's name of the codec's.
    """

    codec: str
    profile: str
    extradata: bytes
    sound: str | None = None
    rate_hz: int = 0
    channels: int = 0

    @classmethod
    def of(cls, source: Source) -> LiveStream:
        video, audio = source.video.codec_context, source.audio
        picture = video.name, str(video.profile), video.extradata or b""
        if audio is None:
            return cls(*picture)
        context = audio.codec_context
        return cls(*picture, context.name, context.sample_rate, context.channels)

    @property
    def is_deep(self) -> bool:
        """Whether its pictures have more bits or colour than browsers show of H.264."""
        return self.codec == "h264" and self.profile.startswith(_DEEP_PROFILES)

    @property
    def web_sound(self) -> str | None:
        """WebRTC's name of the sound; None where browsers don't take it as it is."""
        is_narrow = self.rate_hz == 8000 and self.channels == 1
        name = "opus" if self.sound in ("opus", "libopus") else self.sound or ""
        return _SOUNDS.get(name) if name == "opus" or is_narrow else None


class Viewer(Protocol):
    """Takes units on the event loop; never waits."""

    def begin(self, gop: list[Unit]) -> None:
        """The pictures since the last keyframe, or none; what comes next continues them."""

    def take(self, unit: Unit) -> None: ...

    def skip(self) -> None:
        """Something is missing: go on at a keyframe."""

    def end(self) -> None:
        """The camera is gone, or sends what can't be shown."""


class LiveFeed:
    """One camera's. `begin_run`, `take`, `end_run` and `close` are for its thread.

    That thread never waits for viewers: it holds the lock for some list operations, and keeps no
    more than the GOP that is being sent. All else runs on the event loop.
    """

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._clock, self._loop = clock, loop
        self._lock = threading.Lock()
        self._stream: LiveStream | None = None
        self._gop: list[Packet[Stream]] = []
        self._gop_bytes = 0
        self._keyframe: tuple[Packet[Stream], int] | None = None
        self._base: int | None = None
        self._latest = 0
        self._shown = 0
        self._reorders = False
        self._waiting: list[Unit] = []
        self._skipped = self._rung = self._closed = False
        self._viewers: list[Viewer] = []
        self._is_watched = False

    @property
    def is_watched(self) -> bool:
        return self._is_watched

    @property
    def has_begun(self) -> bool:
        """Whether pictures come."""
        return self._base is not None

    def begin_run(self, source: Source) -> None:
        stream = LiveStream.of(source)
        with self._lock:
            self._forget_run()
            if self._stream != stream:
                self._reorders = False
            self._stream = stream

    def end_run(self) -> None:
        with self._lock:
            self._forget_run()

    def _forget_run(self) -> None:
        self._gop, self._gop_bytes, self._base, self._keyframe = [], 0, None, None

    def take(self, packet: Packet[Stream], *, is_video: bool) -> None:
        """A stamped packet, in decode order; its pts is a position."""
        with self._lock:
            if is_video:
                self._keep(packet)
            if self._base is None or not self._is_watched:
                return
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting, self._skipped = [], True
            self._waiting.append(self._unit(packet, is_video=is_video))
            if self._rung:
                return
            self._rung = True
        self._ring()

    def close(self) -> None:
        """The camera's thread ends, and with it all who watch."""
        with self._lock:
            self._forget_run()
            self._stream, self._closed = None, True
        self._ring()

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._spread)
        except RuntimeError:  # the loop is closed: nobody watches any more
            self._is_watched = False

    def _keep(self, packet: Packet[Stream]) -> None:
        position = packet.pts or 0
        if packet.is_keyframe:
            self._gop, self._gop_bytes = [], 0
            self._keyframe = packet, self._clock.now_us()
        elif self._base is not None and position < self._shown:
            self._reorders = True
        if self._base is None:
            now = self._clock.monotonic_us() * 9 // 100
            self._base = max(now, self._latest + 1) - position
            self._shown = position
        self._shown = max(self._shown, position)
        self._gop_bytes += packet.size
        if self._gop_bytes > _MOST_KEPT_BYTES or len(self._gop) >= _MOST_KEPT:
            self._gop, self._gop_bytes = [], _MOST_KEPT_BYTES
        elif self._gop or packet.is_keyframe:
            self._gop.append(packet)
        self._latest = max(self._latest, self._base + position)

    def _unit(self, packet: Packet[Stream], *, is_video: bool) -> Unit:
        is_keyframe = is_video and packet.is_keyframe
        copy: Packet[Stream] = Packet(self._whole(packet) if is_keyframe else bytes(packet))
        copy.pts = copy.dts = (packet.pts or 0) + (self._base or 0)
        copy.time_base = _TICK
        return Unit(copy, is_video, is_keyframe)

    def _whole(self, keyframe: Packet[Stream]) -> bytes:
        stream = self._stream
        if stream and not parameter_sets(keyframe, stream.codec).sequence:
            return stream.extradata + bytes(keyframe)
        return bytes(keyframe)

    def newest_keyframe(self) -> Keyframe | None:
        """None where nothing comes."""
        with self._lock:
            if self._keyframe is None or self._stream is None:
                return None
            packet, at_us = self._keyframe
            return Keyframe(self._stream.codec, self._whole(packet), at_us)

    def playable(self) -> LiveStream:
        """What a viewer would get.

        Raises:
            LiveRefused: nothing comes, or what comes can't be shown over WebRTC.
        """
        with self._lock:
            stream, reorders, begun = self._stream, self._reorders, self._base is not None
        if stream is None or not begun:
            raise LiveRefused(LiveRefusal.CAMERA_NOT_LIVE, "no picture comes from the camera now")
        if stream.codec != "h264":
            raise LiveRefused(
                LiveRefusal.CODEC_UNSUPPORTED,
                "the camera sends H.265, which WebRTC does not show everywhere: play its HLS",
            )
        if stream.is_deep:
            raise LiveRefused(
                LiveRefusal.CODEC_UNSUPPORTED,
                f"the camera sends H.264 {stream.profile}, which browsers don't show: play its "
                "HLS, or set the camera to 8 bits (High or Main)",
            )
        if reorders:
            raise LiveRefused(
                LiveRefusal.B_FRAMES,
                "the camera sends B-frames, which WebRTC can't show: play its HLS, or switch "
                "them off in the camera",
            )
        return stream

    def watch(self, viewer: Viewer) -> None:
        """From now on it gets all that comes, the present GOP first."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            gop = [self._unit(each, is_video=True) for each in self._gop]
            closed = self._closed
            self._is_watched = True
        for unit in waiting:
            self._give(unit)
        self._viewers.append(viewer)
        viewer.begin(gop)
        if closed:
            viewer.end()

    def leave(self, viewer: Viewer) -> None:
        if viewer in self._viewers:
            self._viewers.remove(viewer)
        if not self._viewers:
            with self._lock:
                self._is_watched, self._waiting = False, []

    def _spread(self) -> None:
        """On the loop: what came since the last time, to all who watch."""
        with self._lock:
            units, self._waiting = self._waiting, []
            skipped, self._skipped, self._rung = self._skipped, False, False
            over = self._closed or self._reorders
        for viewer in list(self._viewers):
            if skipped:
                viewer.skip()
            if over:
                viewer.end()
        for unit in units:
            self._give(unit)

    def _give(self, unit: Unit) -> None:
        for viewer in self._viewers:
            viewer.take(unit)


@dataclass(slots=True)
class LiveFeeds:
    """The feeds of the cameras that run in this process. Made on the event loop."""

    clock: Clock
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _feeds: dict[CameraFolder, LiveFeed] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, camera: CameraFolder) -> LiveFeed:
        """For a camera's new thread; whoever watched the one before is told that it is over."""
        made = LiveFeed(self.clock, self.loop)
        with self._lock:
            before = self._feeds.get(camera)
            self._feeds[camera] = made
        if before is not None:
            before.close()
        return made

    def close(self, camera: CameraFolder, feed: LiveFeed) -> None:
        """The feed's thread ends."""
        feed.close()
        with self._lock:
            if self._feeds.get(camera) is feed:
                del self._feeds[camera]

    def find(self, camera: CameraFolder) -> LiveFeed | None:
        return self._feeds.get(camera)
