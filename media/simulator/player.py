"""Plays a clip in a loop and in real time, as RTP packets, on a thread of its own."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

import av
from av.packet import Packet
from av.stream import Stream

from media.simulator.clip import Clip, Track, rescaled, ticks
from media.simulator.faults import Damage, Faults, Garbage
from media.simulator.options import MountOptions
from media.simulator.packetizer import Lane
from media.simulator.units import Flush, Unit
from media.types import TICKS_PER_SECOND

log = logging.getLogger(__name__)

_REPORT_INTERVAL_US = 5_000_000
_HELD_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class _Times:
    """A packet's times on its track's RTP clock, continuous over laps, and again in ticks."""

    pts: int
    dts: int
    due_ticks: int
    end_ticks: int


class Player:
    """One performance of a clip: from `start` until `stop`, lap after lap.

    `start`, `stop`, `join` and `change_clip` are for the owner's thread; all else, libav included,
    runs on the player's. `offer` is called there with each flush and must not wait.

    Time is one line of ticks (1/90,000 s): 0 is the first picture's presentation time, and each
    lap begins where the one before ended, so timestamps never repeat or go back by themselves.
    """

    def __init__(
        self,
        name: str,
        clip: Clip,
        options: MountOptions,
        faults: Faults,
        offer: Callable[[Flush], None],
    ) -> None:
        self._clip = clip
        self._options = options
        self._faults = faults
        self._offer = offer
        self._clock = options.clock
        self._damage = Damage(faults, options.seed, options.clock)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._next_clip: Clip | None = None
        self._lanes: list[Lane] = []
        self._pending: list[Unit] = []
        self._lap_start = 0
        self._began_ticks = 0
        self._reached = 0
        self._now_ticks = 0
        self._origin_us = 0
        self._wall_origin_us = 0
        self._reported_at_us: int | None = None
        self._reported_jump_us = 0
        self._parameters_due = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; returns at once."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until the thread has ended and its files are closed."""
        self._thread.join()

    @property
    def began_us(self) -> int | None:
        """When it takes its first picture, the clip's first, by its own clock."""
        return self._wall_origin_us or None

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def change_clip(self, clip: Clip) -> None:
        """Go on with another clip of the same formats at the next packet."""
        self._next_clip = clip

    def _run(self) -> None:
        try:
            self._lanes = [
                Lane(self._clip, number, self._first_timestamp())
                for number in range(len(self._clip.tracks))
            ]
            self._begin_time()
            while not self._stopping.is_set():
                self._play_lap()
        except (av.error.FFmpegError, OSError):
            log.exception("clip %s can't be played any more", self._clip.path.name)
        finally:
            for lane in self._lanes:
                lane.close()

    def _begin_time(self) -> None:
        """From now on, or since the clip began: then the laps that are over are left out."""
        now_us, since_us = self._clock.monotonic_us(), self._options.filming_since_us
        self._origin_us = now_us if since_us is None else since_us
        passed_us = now_us - self._origin_us
        self._wall_origin_us = self._clock.now_us() - passed_us
        self._began_ticks = round(passed_us * self._options.speed * TICKS_PER_SECOND / 1_000_000)
        self._lap_start = self._began_ticks // self._clip.length * self._clip.length

    def _first_timestamp(self) -> int:
        wanted = self._options.first_timestamp
        return secrets.randbits(32) if wanted is None else wanted

    def _play_lap(self) -> None:
        clip = self._clip
        numbers = {track.index: number for number, track in enumerate(clip.tracks)}
        with av.open(str(clip.path)) as container:
            for packet in container.demux([container.streams[index] for index in numbers]):
                if self._stopping.is_set():
                    return
                if self._next_clip is not None:
                    self._begin_clip(self._next_clip)
                    return
                if packet.dts is not None:
                    self._play(packet, numbers[packet.stream_index])
        self._lap_start += clip.length

    def _begin_clip(self, clip: Clip) -> None:
        self._clip, self._next_clip = clip, None
        self._lap_start = self._reached
        self._parameters_due = True
        for number, lane in enumerate(self._lanes):
            lane.change_clip(clip, number)

    def _play(self, packet: Packet[Stream], number: int) -> None:
        track = self._clip.tracks[number]
        times = self._times(packet, track)
        if track.is_video:
            self._reached = max(self._reached, times.end_ticks)
        elif self._faults.muted or not self._is_within_lap(times.due_ticks):
            return
        if self._options.filming_since_us is not None and times.due_ticks < self._began_ticks:
            return  # nobody was there
        # A camera sends no picture before it has taken it, and so those behind it late as well.
        self._wait_for(times.due_ticks + self._clip.delay)
        starts_gop = track.is_video and packet.is_keyframe
        if starts_gop:
            packet = self._with_parameter_sets(packet, track)
        shift = self._jumped(track.clock_hz)
        sent = self._lanes[number].packetize(packet, times.pts, times.dts, shift)
        self._queue(number, starts_gop, sent)

    def _times(self, packet: Packet[Stream], track: Track) -> _Times:
        time_base = packet.time_base
        lap = self._lap_start - self._clip.start
        shift = lap * track.clock_hz // TICKS_PER_SECOND
        dts = packet.dts or 0
        pts = dts if packet.pts is None else packet.pts
        end = pts + (packet.duration or 0)
        return _Times(
            pts=rescaled(pts, time_base, track.clock_hz) + shift,
            dts=rescaled(dts, time_base, track.clock_hz) + shift,
            due_ticks=ticks(dts, time_base) + lap,
            end_ticks=ticks(end, time_base) + lap,
        )

    def _is_within_lap(self, at_ticks: int) -> bool:
        """Sound beyond the pictures is left out, so that pictures follow without a hole."""
        return self._lap_start <= at_ticks < self._lap_start + self._clip.length

    def _wait_for(self, at_ticks: int) -> None:
        """Flush and sleep until a moment of the time line has come."""
        due_us = round(at_ticks * 1_000_000 / (TICKS_PER_SECOND * self._options.speed))
        burst_us = round(self._options.burst_seconds * 1_000_000)
        if burst_us:
            due_us = -(-due_us // burst_us) * burst_us
        due_us += round(self._options.lag_seconds * 1_000_000)
        delay_us = self._origin_us + due_us - self._clock.monotonic_us()
        if delay_us > 0:
            self._flush()
            self._stopping.wait(delay_us / 1_000_000)
        while self._faults.held and not self._stopping.is_set():
            self._stopping.wait(_HELD_POLL_SECONDS)
        self._now_ticks = at_ticks

    def _with_parameter_sets(self, packet: Packet[Stream], track: Track) -> Packet[Stream]:
        wanted = self._options.repeat_parameter_sets or self._parameters_due
        if not wanted or track.parameter_sets is None:
            return packet
        self._parameters_due = False
        return Packet(track.parameter_sets.in_band() + bytes(packet))

    def _queue(self, number: int, starts_gop: bool, sent: list[bytes]) -> None:
        if self._faults.stalled or not sent:
            return
        garbage = self._damage.garbage()
        packets = tuple(self._damage.applied(sent, garbage))
        self._pending.append(Unit(number, starts_gop, packets, garbage is not Garbage.STREAM))

    def _flush(self) -> None:
        if not self._pending:
            return
        units, self._pending = tuple(self._pending), []
        self._offer(Flush(units, self._reports(), self._reports_due()))

    def _reports_due(self) -> bool:
        """At the start, every five seconds, and when the clock was set."""
        now_us, jump_us = self._clock.monotonic_us(), self._faults.jump_us
        if not self._options.sends_reports:
            return False
        due = (
            self._reported_at_us is None
            or now_us - self._reported_at_us >= _REPORT_INTERVAL_US
            or jump_us != self._reported_jump_us
        )
        if due:
            self._reported_at_us, self._reported_jump_us = now_us, jump_us
        return due

    def _reports(self) -> tuple[bytes, ...]:
        """The camera's wall clock at the last packet's moment, for every track."""
        at_us = self._now_ticks * 1_000_000 // TICKS_PER_SECOND
        wall_us = (
            self._wall_origin_us + at_us + self._options.clock_offset_us + self._faults.jump_us
        )
        return tuple(
            lane.report(
                wall_us,
                self._now_ticks * track.clock_hz // TICKS_PER_SECOND + self._jumped(track.clock_hz),
            )
            for lane, track in zip(self._lanes, self._clip.tracks, strict=True)
        )

    def _jumped(self, clock_hz: int) -> int:
        return self._faults.jump_us * clock_hz // 1_000_000
