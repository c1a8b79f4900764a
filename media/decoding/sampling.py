"""Frames of one run by way of a decoder: a thread has packets decoded and hands the frames on."""

from __future__ import annotations

import threading
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass

from av.packet import Packet
from av.stream import Stream

from media.decoders import Consider, Sampled, SamplingCounts
from media.decoding.decoder import Decoder, DecoderLost, Home
from media.decoding.frames import aspect_of
from media.decoding.messages import Coded, Done, Sample
from media.decoding.recovery import Recovery
from media.sampler import Grid, keyframes_suffice
from media.types import TICKS_PER_SECOND

AT_ONCE = 8
"""Packets in one question: a decoder that hangs is told by the time until an answer."""
MOST_LATE = 2 * TICKS_PER_SECOND
MOST_BYTES = 16 << 20
"""More than either is not kept for a decoder that lags: it goes on at the next keyframe."""
CLOSE_S = 0.5
PAUSED = "detection pauses: the decoder of the pictures was lost"


class _Needed:
    """Tells which packets have to go to the decoder: keyframes alone where its sampler takes these.

    It judges as `Sampler` does, so that what would be thrown away there is not carried there.
    """

    def __init__(self, fps: float) -> None:
        self._period = Grid(fps).period
        self._in_step = self._alone = False
        self._began_at: int | None = None

    def take(self, packet: Packet[Stream]) -> bool:
        if not packet.is_keyframe:
            return self._in_step and not self._alone
        position = packet.pts or 0
        if self._began_at is not None and position > self._began_at:
            self._alone = keyframes_suffice(position - self._began_at, self._period)
        self._began_at, self._in_step = position, True
        return True

    def lose_step(self) -> None:
        self._in_step = self._alone = False
        self._began_at = None


@dataclass(slots=True)
class _Queue:
    """Packets that wait for the decoder."""

    packets: deque[Coded]
    size_bytes: int = 0

    def add(self, packet: Coded) -> None:
        self.packets.append(packet)
        self.size_bytes += len(packet.content)

    def take(self) -> list[Coded]:
        taken = [self.packets.popleft() for _ in range(min(AT_ONCE, len(self.packets)))]
        self.size_bytes -= sum(len(each.content) for each in taken)
        return taken

    @property
    def is_long(self) -> bool:
        if not self.packets:
            return False
        late = abs((self.packets[-1].dts or 0) - (self.packets[0].dts or 0))
        return late > MOST_LATE or self.size_bytes > MOST_BYTES

    def clear(self) -> int:
        """How many there were."""
        count = len(self.packets)
        self.packets.clear()
        self.size_bytes = 0
        return count


class DecoderSampling:
    """See `media.decoders.Sampling`. The camera's thread never waits here but in `settle`, `close`.

    `recovery` is the camera's, over all its runs. What `consider` raises ends the thread and is
    raised by the next `take`.
    """

    def __init__(self, home: Home, task: Sample, consider: Consider, recovery: Recovery) -> None:
        self._home, self._task, self._consider = home, task, consider
        self._recovery = recovery
        self._changed = threading.Condition()
        self._needed = _Needed(task.fps)
        self._queue = _Queue(deque())
        self._busy = self._closed = False
        self._slowed = 1.0
        self._decoder: Decoder | None = None
        self._failure: Exception | None = None
        self._before, self._now, self._late = SamplingCounts(), SamplingCounts(), 0
        main = copy_context().run
        self._thread = threading.Thread(
            target=main, args=(self._main,), name="decoding", daemon=True
        )
        self._thread.start()

    @property
    def counts(self) -> SamplingCounts:
        return self._before + self._now + SamplingCounts(late=self._late)

    @property
    def fault(self) -> str | None:
        return None if self._recovery.is_over else PAUSED

    def take(self, packet: Packet[Stream]) -> None:
        if self._failure is not None:
            raise self._failure
        if packet.pts is None:
            return
        with self._changed:
            if not self._recovery.is_over:
                self._needed.lose_step()
            elif self._needed.take(packet):
                self._queue.add(Coded.of(packet))
                if self._queue.is_long:
                    self._late += self._queue.clear()
                    self._needed.lose_step()
                self._changed.notify_all()

    def slow(self, by: float) -> None:
        self._slowed = by

    def settle(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_idle, timeout_s)

    @property
    def _is_idle(self) -> bool:
        return not self._busy and not self._queue.packets

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()
        self._thread.join(CLOSE_S)
        decoder = self._decoder
        if decoder is not None and self._thread.is_alive():
            decoder.kill()
        self._thread.join()

    def _main(self) -> None:
        try:
            while packets := self._next():
                self._decode(packets)
        except Exception as error:  # noqa: BLE001 - raised where the camera's thread sees it
            self._failure = error
        finally:
            self._let_go()
            with self._changed:
                self._busy = False
                self._queue.clear()
                self._changed.notify_all()

    def _next(self) -> list[Coded]:
        """Packets to decode; none when it is over."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or bool(self._queue.packets))
            self._busy = not self._closed
            return self._queue.take()

    def _decode(self, packets: list[Coded]) -> None:
        try:
            decoder = self._decoder
            if decoder is None:
                self._recovery.begin()
                decoder = self._decoder = self._home.make(self._task)
            for came in decoder.ask(packets, self._slowed):
                if isinstance(came, tuple):
                    picture, frame = came
                    self._consider(Sampled(frame, aspect_of(picture)))
                elif isinstance(came, Done):
                    self._now = SamplingCounts(came.errors, came.decoded, left_out=came.left_out)
        except DecoderLost as loss:
            self._let_go()
            if not self._closed:
                self._recovery.lose()
                self._home.note(self._task, loss)
            with self._changed:
                self._queue.clear()

    def _let_go(self) -> None:
        decoder, self._decoder = self._decoder, None
        self._before, self._now = self._before + self._now, SamplingCounts()
        if decoder is not None:
            decoder.close()
