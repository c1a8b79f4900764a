"""Runs a module with a wall clock that can be set: SIGUSR1 puts it an hour on, SIGUSR2 back.

As for a process whose machine's clock is set: whatever asks for the time gets the other one, and
monotonic clocks go on.
"""

from __future__ import annotations

import runpy
import signal
import sys
import time
from types import FrameType

HOUR_NS = 3600 * 10**9
_real_ns = time.time_ns
_ahead_ns = 0


def _time_ns() -> int:
    return _real_ns() + _ahead_ns


def _step(kind: int, _: FrameType | None) -> None:
    global _ahead_ns  # noqa: PLW0603 - the process has one clock
    _ahead_ns += HOUR_NS if kind == signal.SIGUSR1 else -HOUR_NS


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _step)
    signal.signal(signal.SIGUSR2, _step)
    time.time_ns = _time_ns
    time.time = lambda: _time_ns() / 10**9
    del sys.argv[0]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:  # on its way out Python gives up our handlers, and a step would be the end of it
        for kind in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(kind, signal.SIG_IGN)
