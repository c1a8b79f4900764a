"""How much footage is lost when a worker is killed or stopped, against a camera that reconnects.

Run as `python -m tests.benchmarks.failover`. Two `vms worker` processes share simulated cameras
over real PostgreSQL and Valkey. In each round every camera's connection is cut once (the
yardstick: what any new connection costs), then one worker is ended by SIGTERM, then one by SIGKILL,
each time replaced. Gaps are read from coverage, after disk and tables were compared to the letter.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from media.simulator import Mount, MountOptions, Simulator, SimulatorThread
from models.camera import Camera
from tests.audit import audited, listed
from tests.clips import Encoding, frame_coded
from tests.crew import Crew, crew, until
from tests.servers import Postgres, Valkey, run_sql
from tests.world import found

FPS, GOP = 10, 10
KINDS = {
    "the camera ended the stream": "reconnect",
    "the worker that recorded it was stopped": "SIGTERM",
    "the recorder stopped without warning": "SIGKILL",
    "handed over to another worker": "a new worker's share",
}
GOALS_S = {"SIGTERM": 2.0, "SIGKILL": 5.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"av {importlib.metadata.version('av')}; {arguments.cameras} cameras, a keyframe a second"
    )
    asyncio.run(_measure(arguments.cameras, arguments.rounds))


async def _measure(count: int, rounds: int) -> None:
    postgres, valkey = Postgres(), Valkey()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        for server in (postgres, valkey):
            stack.callback(server.remove)
            server.start()
        await run_sql(postgres.url("postgres"), "CREATE DATABASE vms")
        await found(postgres.url("vms"))
        clip = frame_coded(100 * FPS, Encoding(fps=FPS, gop=GOP))
        simulators, mounts = _simulated(stack, clip, count)
        async with crew(postgres.url("vms"), valkey.url, Path(folder)) as team:
            cameras = await team.add_cameras(lambda path: simulators[path].url(path), count)
            await _rounds(team, cameras, mounts, rounds)
            for process in team.processes:
                if process.running.returncode is None:
                    await process.end(SIGTERM)
            _print_gaps([gap for each in cameras for gap in (await audited(team.world, each)).gaps])


def _simulated(
    stack: ExitStack, clip: Path, count: int
) -> tuple[dict[str, Simulator], list[Mount]]:
    """Each camera on an address of its own, as real ones are."""
    simulators = {f"cam-{n}": stack.enter_context(SimulatorThread()) for n in range(1, count + 1)}
    options = MountOptions(linger_seconds=600)
    return simulators, [each.add(path, clip, options) for path, each in simulators.items()]


async def _rounds(team: Crew, cameras: Sequence[Camera], mounts: list[Mount], rounds: int) -> None:
    await asyncio.gather(team.start(), team.start())
    for number in range(rounds):
        await _settled(team, cameras)
        for mount in mounts:
            mount.kick()
        for ending in (SIGTERM, SIGKILL):
            await _settled(team, cameras)
            await _replaced(team, cameras, ending)
        print(f"round {number + 1} of {rounds}", flush=True)


async def _replaced(team: Crew, cameras: Sequence[Camera], ending: Signals) -> None:
    """One of the two is ended, the other records all, then there is a second one again."""
    one = next(each for each in team.processes if each.running.returncode is None)
    await one.end(ending)
    await _recorded_further(team, cameras)
    await team.start()


async def _settled(team: Crew, cameras: Sequence[Camera]) -> None:
    alive = [each for each in team.processes if each.running.returncode is None]
    shares = [-(-len(cameras) // 2) if each in alive else 0 for each in team.processes]

    async def fair() -> bool:
        owned = await team.owned()
        return all(
            owned.get(e.id, 0) <= share for e, share in zip(team.processes, shares, strict=True)
        )

    await until(fair)
    await _recorded_further(team, cameras)


async def _recorded_further(team: Crew, cameras: Sequence[Camera]) -> None:
    before = [len(listed(team.world.store, each)) for each in cameras]

    async def more() -> bool:
        now = [len(listed(team.world.store, each)) for each in cameras]
        return all(a < b for a, b in zip(before, now, strict=True))

    await until(more)


def _print_gaps(gaps: list[tuple[float, str]]) -> None:
    found: dict[str, list[float]] = {}
    for gap, reason in gaps:
        found.setdefault(KINDS.get(reason, reason), []).append(gap)
    floor = statistics.median(found.get("reconnect", [1.0]))
    for kind, seconds in sorted(found.items(), key=lambda item: statistics.median(item[1])):
        middle, worst = statistics.median(seconds), max(seconds)
        goal = GOALS_S.get(kind)
        verdict = (
            "" if goal is None else f" (goal {goal:g} s: {'holds' if worst <= goal else 'MISSED'})"
        )
        print(
            f"{kind}: gap of {min(seconds):.2f} to {worst:.2f} s, median {middle:.2f}, "
            f"{middle / floor:.1f} reconnects, {len(seconds)} gaps{verdict}"
        )


if __name__ == "__main__":
    main()
