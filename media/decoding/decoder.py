"""One decoder, as whoever has something decoded sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

import av
import msgspec

from media.decoding.cradle import NoDecoder, Nursery
from media.decoding.frame_memory import FrameMemory
from media.decoding.frames import PictureImpossible, receive_frame
from media.decoding.messages import (
    Ask,
    Channel,
    ChannelClosed,
    Coded,
    Done,
    Picture,
    Reply,
    Task,
    replies,
)
from media.types import MediaError

LIMIT_S = 5.0
"""A decoder that takes so much CPU time for one answer hangs: a picture of 8K takes 0.2 s. On a
machine that has more to do than it can, an answer may take longer and nothing be wrong."""
IN_ALL = 12
"""So many times the limit may pass without an answer, whatever it does meanwhile."""


class Why(StrEnum):
    """Why a decoder was lost, as metrics say it."""

    CRASHED = "crashed"
    HUNG = "hung"
    NOT_STARTED = "not_started"


class DecoderLost(MediaError):
    """Nothing more can be asked of it; it has been closed."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why


Came = Reply | tuple[Picture, av.VideoFrame]
"""A picture comes with its frame."""


class Home(Protocol):
    """Where one camera's decoders come from, and where it is told how they ended."""

    def make(self, task: Task) -> Decoder:
        """Raises DecoderLost."""
        ...

    def note(self, task: Task, loss: DecoderLost) -> None:
        """A decoder was lost that somebody needed."""
        ...


class Decoder:
    """A process with a task; used by one thread at a time, `kill` by any."""

    def __init__(
        self,
        nursery: Nursery,
        task: Task,
        limit_s: float = LIMIT_S,
        memory: FrameMemory | None = None,
    ) -> None:
        """`memory` is what its frames are put into. Raises DecoderLost."""
        self._lock = threading.Lock()
        self._ended: str | None = None
        self._nursery, self._memory = nursery, memory or FrameMemory()
        self._limit_s, self._tick_s = limit_s, min(1.0, limit_s / 4)
        self._waited_s = self._cpu_s = 0.0
        try:
            self._made = nursery.make(self._tick_s)
        except NoDecoder as error:
            raise DecoderLost(Why.NOT_STARTED, str(error)) from error
        self._channel = Channel(self._made.connection, self._wait)
        with self._losing():
            self._channel.send(task)

    @property
    def pid(self) -> int:
        return self._made.pid

    def ask(self, packets: Sequence[Coded], slowed: float = 1.0) -> Iterator[Came]:
        """What comes of packets, `Done` last; all of it has to be taken. `slowed`: see `Ask`.

        Raises:
            DecoderLost: it crashed, or one answer took too long.
        """
        self._waited_s = 0.0
        with self._losing():
            self._channel.send(Ask(packets, slowed))
        while True:
            with self._losing():
                came = self._receive()
            self._waited_s = 0.0
            yield came
            if isinstance(came, Done):
                return

    def _receive(self) -> Came:
        reply = replies.decode(self._channel.receive())
        if isinstance(reply, Picture):
            return reply, receive_frame(self._channel, reply, self._memory)
        return reply

    def _wait(self) -> None:
        """A tick has passed without a byte."""
        if self._waited_s == 0:
            self._cpu_s = self._made.cpu_s()
        self._waited_s += self._tick_s
        spent_s = self._made.cpu_s() - self._cpu_s
        if spent_s >= self._limit_s or self._waited_s >= self._limit_s * IN_ALL:
            raise BlockingIOError

    @contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError:
            self.close()
            raise DecoderLost(Why.HUNG, "hung and was ended") from None
        except (msgspec.DecodeError, PictureImpossible):
            self.close()
            raise DecoderLost(Why.CRASHED, "answered nonsense and was ended") from None
        except (ChannelClosed, OSError):
            raise DecoderLost(Why.CRASHED, self.close()) from None

    def close(self) -> str:
        """Ends it; how it ended. May be called again."""
        how = self.kill()
        self._channel.close()
        return how

    def kill(self) -> str:
        """Ends the process; who uses it finds it lost."""
        with self._lock:
            if self._ended is None:
                self._ended = self._nursery.end(self._made)
            return self._ended
