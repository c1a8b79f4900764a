"""The process that looks at footage again for a comparison, out of the way of all live work.

It is given all that it works with: no database, no store, no key.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from app.reanalysis_words import ASIDE


def step_aside() -> None:
    """Runs only where nothing else wants to, and is the first to go when memory is short."""
    os.nice(19)
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def main() -> None:
    if ASIDE in sys.argv[1:]:
        step_aside()
    # What libraries print must not get among the messages.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from app.reanalysis import answer  # takes a second: aside

    answer(sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
