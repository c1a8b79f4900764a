"""When a decoder that was lost is started again: a stream that crashes each must not spin."""

from __future__ import annotations

from media.clock import Clock

_FIRST_US, _LONGEST_US = 1_000_000, 60_000_000
_WELL_US = 60_000_000
"""One that lived so long begins the count anew."""


class Recovery:
    """After one second at first, then after twice the time, up to a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._losses = 0
        self._began_us = self._from_us = clock.monotonic_us()

    @property
    def is_over(self) -> bool:
        """Whether one may be started."""
        return self._clock.monotonic_us() >= self._from_us

    def begin(self) -> None:
        """One is started."""
        self._began_us = self._clock.monotonic_us()

    def lose(self) -> float:
        """It was lost, or could not be started; seconds until the next."""
        now_us = self._clock.monotonic_us()
        self._losses = 1 if now_us - self._began_us >= _WELL_US else self._losses + 1
        wait_us = min(_LONGEST_US, _FIRST_US << min(self._losses - 1, 10))
        self._from_us = now_us + wait_us
        return wait_us / 1_000_000
