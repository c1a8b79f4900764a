"""Ties a run to wall time once, and notices when the two drift apart."""

from __future__ import annotations

from media.clock import Clock
from media.playlist import position_us

SETTLE_US = 1_000_000
DRIFT_US = 2_000_000
DRIFT_WINDOW_US = 10_000_000


class Anchor:
    """Finds the wall time of a run's start: the smallest (arrival - time since the start).

    The first packets have waited while the stream was probed, and a camera may send what it has
    buffered: the smallest belongs to a frame that came at once. Measured on the monotonic clock,
    so that setting the machine's clock does not harm it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._earliest_us: int | None = None
        self._first_us = 0

    def saw(self, arrived_us: int, ticks: int) -> bool:
        """A frame shown `ticks` after the start arrived. Whether enough has been seen."""
        start_us = arrived_us - position_us(ticks)
        if self._earliest_us is None:
            self._earliest_us = start_us
            self._first_us = arrived_us
        self._earliest_us = min(self._earliest_us, start_us)
        return arrived_us - self._first_us >= SETTLE_US

    def wall_us(self) -> int:
        """The run's start as far as it is known, in µs since the epoch."""
        now_us = self._clock.now_us()
        return now_us - self._clock.monotonic_us() + (self._earliest_us or 0)


class Drift:
    """Compares run time with wall time as frames arrive.

    A frame may be late (a stalled network delivers everything at last), so late counts only when
    all of a window's frames were; early is never the network's doing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window_ends_us = 0
        self._least_us: int | None = None
        self.found_us: int | None = None

    def saw(self, due_us: int) -> None:
        """A frame arrived that is due at this wall time."""
        now_us = self._clock.now_us()
        late_us = now_us - due_us
        if late_us < -DRIFT_US:
            self.found_us = late_us
        monotonic_us = self._clock.monotonic_us()
        if monotonic_us >= self._window_ends_us:
            if self._least_us is not None and self._least_us > DRIFT_US:
                self.found_us = self._least_us
            self._least_us = None
            self._window_ends_us = monotonic_us + DRIFT_WINDOW_US
        self._least_us = late_us if self._least_us is None else min(self._least_us, late_us)
