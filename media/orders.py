"""Between a camera's thread and its supervisor: the order to stop, and signs of life."""

from __future__ import annotations

import threading

from media.clock import Clock

SILENCE_S = 30.0
"""No read, write or look-up lasts so long in a thread that is well: they have time-outs."""


class StopOrder(threading.Event):
    """Set once, from any thread. `reason` is why the run ends, in plain words."""

    reason = "recording was stopped"

    def give(self, reason: str | None = None) -> None:
        if reason is not None and not self.is_set():
            self.reason = reason
        self.set()


class LifeSigns:
    """Given by one thread, looked at by others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_us = clock.monotonic_us() + round(SILENCE_S * 1_000_000)

    def give(self, pause_s: float = 0.0) -> None:
        """The thread is alive, and about to do something that takes at least `pause_s`."""
        self._due_us = self._clock.monotonic_us() + round((SILENCE_S + pause_s) * 1_000_000)

    @property
    def missing(self) -> bool:
        """Whether the next sign should have come long ago."""
        return self._clock.monotonic_us() > self._due_us
