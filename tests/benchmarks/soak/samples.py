"""What a process holds over time: memory, threads, descriptors."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

EVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Sample:
    """`at_s` is on the monotonic clock; `rss_mib` is resident memory."""

    at_s: float
    rss_mib: float
    threads: int
    descriptors: int

    def __str__(self) -> str:
        return f"{self.rss_mib:.1f} MiB, {self.threads} threads, {self.descriptors} descriptors"


def sample(pid: int) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    told = {name: rest.split() for name, _, rest in (s.partition(":") for s in status.splitlines())}
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    rss_mib = int(told["VmRSS"][0]) / 1024
    return Sample(monotonic(), rss_mib, int(told["Threads"][0]), descriptors)


async def watch(pid: int, seconds: float) -> list[Sample]:
    """A sample now, then one each 10 s; each sixth is printed."""
    end_s = monotonic() + seconds
    samples = [sample(pid)]
    while (left_s := end_s - monotonic()) > 0:
        await asyncio.sleep(min(EVERY_SECONDS, left_s))
        samples.append(sample(pid))
        if len(samples) % 6 == 1:
            print(f"{len(samples) // 6:4} min: {samples[-1]}", flush=True)
    return samples


def growth_mib_per_hour(samples: Sequence[Sample]) -> float:
    """Of the line of least squares through the second half; 0 for fewer than two."""
    half = samples[len(samples) // 2 :]
    if len(half) < 2:
        return 0.0
    line = statistics.linear_regression([s.at_s for s in half], [s.rss_mib for s in half])
    return line.slope * 3600
