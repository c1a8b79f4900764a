"""Hours of a worker that records cameras with every fault, and what it holds and says in the end.

Run as `python -m tests.benchmarks.soak [--minutes 60] [--cameras 8] [--seed N]`. One `vms worker`
on real PostgreSQL and Valkey records simulated cameras, each of which fails in one way after
another. In the end faults stop, the worker is stopped, and it must be so that: its memory, threads
and descriptors did not grow; nothing failed in its log; and files, tables and coverage agree to the
tick, with a fault for every gap and a gap for every fault that leaves one. Exit code 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import os
import platform
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from signal import SIGTERM

from media.simulator import Credentials, MountOptions, Simulator, SimulatorOptions, SimulatorThread
from models.camera import Camera
from resolvers.access import Interval
from tests.audit import listed
from tests.benchmarks.soak.faults import BFRAMES, FPS, Subject, suffer
from tests.benchmarks.soak.judge import objections
from tests.benchmarks.soak.line import line_to
from tests.benchmarks.soak.samples import Sample, growth_mib_per_hour, sample, watch
from tests.clips import AudioCodec, Encoding, frame_coded
from tests.crew import Crew, crew, until
from tests.servers import Postgres, Valkey, run_sql
from tests.world import found

CLIP_SECONDS = 30
HEALING_SECONDS = 120.0
"""Until a camera is recorded again: after a refused password half a minute passes."""
MOST_MORE_SECONDS = 600.0
"""For all that is not the soak itself: it ends by then, whatever hangs."""
MOST_GROWTH_MIB = 5.0
"""Of memory, over the second half."""
MORE_THREADS, MORE_DESCRIPTORS = 4, 8
"""What pools that grow with use may have more at the end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--log", type=Path, help="a copy of the worker's log is left there")
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"av {importlib.metadata.version('av')}; {arguments.cameras} cameras for "
        f"{arguments.minutes:g} minutes, seed {arguments.seed}",
        flush=True,
    )
    limit_s = arguments.minutes * 60 + MOST_MORE_SECONDS
    sys.exit(asyncio.run(asyncio.wait_for(_soak(arguments), limit_s)))


async def _soak(arguments: argparse.Namespace) -> int:
    """The exit code."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vms-soak-")))
        postgres, valkey = Postgres(), Valkey()
        for server in (postgres, valkey):
            stack.callback(server.remove)
            server.start()
        await run_sql(postgres.url("postgres"), "CREATE DATABASE vms")
        await found(postgres.url("vms"))
        options = SimulatorOptions(credentials=Credentials("viewer", "s3cret-word"))
        simulator = stack.enter_context(SimulatorThread(options))
        subjects = [
            await stack.enter_async_context(
                _subject(simulator, number, Random(arguments.seed + number))
            )
            for number in range(1, arguments.cameras + 1)
        ]
        team = await stack.enter_async_context(crew(postgres.url("vms"), valkey.url, folder))
        told = await _played(team, simulator, subjects, arguments.minutes * 60)
        if arguments.log is not None:
            arguments.log.write_text(team.log.read_text())
        _tell(told, subjects)
    return 1 if told else 0


def _tell(told: Sequence[str], subjects: Sequence[Subject]) -> None:
    for each in told:
        print(f"NOT SO: {each}")
    for subject in subjects if told else ():
        for injected in subject.injected:
            print(f"{subject.name}: {injected}")
    print("all is so" if not told else f"{len(told)} objections", flush=True)


@asynccontextmanager
async def _subject(simulator: Simulator, number: int, random: Random) -> AsyncIterator[Subject]:
    """Every other camera has sound, every third B-frames."""
    bframes = BFRAMES if number % 3 == 0 else 0
    sound: AudioCodec | None = "aac" if number % 2 == 0 else None
    shapes = (
        Encoding(fps=FPS, gop=FPS, bframes=bframes, audio=sound),
        Encoding(fps=FPS, gop=FPS, bframes=bframes, audio=sound, size=(480, 270)),
        Encoding(fps=FPS, gop=FPS, codec="hevc", audio=sound),
    )
    clips = [await asyncio.to_thread(frame_coded, FPS * CLIP_SECONDS, shape) for shape in shapes]
    name = f"cam-{number}"
    mount = simulator.add(name, clips[0], MountOptions(linger_seconds=600, seed=number))
    async with line_to(simulator.port) as line:
        yield Subject(name, mount, line, tuple(clips), random)


async def _played(
    team: Crew, simulator: Simulator, subjects: Sequence[Subject], seconds: float
) -> list[str]:
    """What is not so."""
    ports = {each.name: each.line.port for each in subjects}

    def address(name: str) -> str:
        return simulator.url(name).replace(f":{simulator.port}/", f":{ports[name]}/")

    begin_us = team.world.clock.now_us()
    cameras = await team.add_cameras(address, len(subjects))
    worker = await team.start()
    await _recorded_further(team, cameras)
    samples = await _with_faults(team, subjects, worker.running.pid, seconds)
    await _recorded_further(team, cameras)
    samples.append(sample(worker.running.pid))
    await worker.end(SIGTERM)
    asked = Interval(begin_us, team.world.clock.now_us())
    told = [*_held(samples), *_log(team, worker.running.returncode)]
    for camera, subject in zip(cameras, subjects, strict=True):
        told += await objections(team.world, camera, subject, asked)
    injected = Counter(each.fault.name for subject in subjects for each in subject.injected)
    print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(injected.items())))
    return told


async def _with_faults(
    team: Crew, subjects: Sequence[Subject], pid: int, seconds: float
) -> list[Sample]:
    stop, clock = asyncio.Event(), team.world.clock
    async with asyncio.TaskGroup() as suffering:
        for each in subjects:
            suffering.create_task(suffer(each, clock, stop))
        samples = await watch(pid, seconds)
        stop.set()
    return samples


async def _recorded_further(team: Crew, cameras: Sequence[Camera]) -> None:
    """Until each camera has a listed segment that began after now."""
    now_us = team.world.clock.now_us()

    async def further() -> bool:
        return all(
            any(segment.start_us > now_us for _, segment in listed(team.world.store, each))
            for each in cameras
        )

    await until(further, HEALING_SECONDS)


def _held(samples: Sequence[Sample]) -> list[str]:
    """What the worker has too much of."""
    first, last, half = samples[0], samples[-1], samples[len(samples) // 2]
    slope = growth_mib_per_hour(samples)
    growth = slope * (last.at_s - half.at_s) / 3600
    print(f"start: {first}\nend:   {last}")
    print(f"memory over the second half: {slope:+.1f} MiB an hour, {growth:+.1f} MiB in all")
    told = []
    if growth > MOST_GROWTH_MIB:
        told.append(f"memory grew by {growth:.1f} MiB, {MOST_GROWTH_MIB:g} may be")
    if last.threads > first.threads + MORE_THREADS:
        told.append(f"threads grew from {first.threads} to {last.threads}")
    if last.descriptors > first.descriptors + MORE_DESCRIPTORS:
        told.append(f"descriptors grew from {first.descriptors} to {last.descriptors}")
    return told


def _log(team: Crew, returncode: int | None) -> list[str]:
    """Where the worker failed."""
    told = [] if returncode == 0 else [f"the worker ended with {returncode}"]
    text = team.log.read_text()
    for mark in (" ERROR ", "Traceback"):
        if mark in text:
            told.append(f"the worker's log has failures: {text[text.find(mark) - 20 :][:2000]}")
    return told


if __name__ == "__main__":
    main()
