"""Whether one worker records 64 cameras on this machine without losing a picture, and its CPU.

Run as `python -m tests.benchmarks.many [--cameras 64] [--seconds 30]`. Needs the `ffmpeg` command.
A real `vms worker` on PostgreSQL and Valkey records simulated cameras of 1080p30 and 2 Mbit/s. The
simulator runs in a process of its own and takes CPU too: the worker has what that leaves. In the
end every file is read: each picture that was due must be there, in one run without a gap.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from time import monotonic

import av
import httpx
from av.container import InputContainer
from prometheus_client.parser import text_string_to_metric_families

from media.store import CameraFolder
from media.types import TICKS_PER_SECOND
from models.camera import Camera
from tests.audit import Recorded, audited, listed
from tests.benchmarks.lists import free_port
from tests.benchmarks.recording import (
    LEFT_OUT_SECONDS,
    cpu_seconds,
    memory_mib,
    noise,
    print_circumstances,
    simulator,
)
from tests.crew import Crew, crew, until
from tests.servers import Postgres, Valkey, run_sql
from tests.world import found

FPS = 30
PASSWORD = "only for this benchmark"
START_SECONDS = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """At `at_s` of the monotonic clock. CPU is in seconds; `counted` are the worker's metrics."""

    at_s: float
    worker_cpu: float
    simulator_cpu: float
    machine_cpu: float
    counted: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    print_circumstances(arguments.cameras, arguments.seconds)
    asyncio.run(_measure(arguments.cameras, arguments.seconds))


async def _measure(count: int, seconds: float) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-many-")))
        postgres, valkey = Postgres(), Valkey()
        for server in (postgres, valkey):
            stack.callback(server.remove)
            server.start()
        await run_sql(postgres.url("postgres"), "CREATE DATABASE vms")
        await found(postgres.url("vms"))
        await run_sql(postgres.url("vms"), f"UPDATE tenant SET camera_limit = {count}")
        clip = await asyncio.to_thread(noise, folder / "clip.mp4", "2M")
        cameras = stack.enter_context(simulator(clip, count))
        async with crew(postgres.url("vms"), valkey.url, folder) as team:
            urls = {f"cam-{number}": url for number, url in enumerate(cameras.urls, 1)}
            saved = await team.add_cameras(urls.__getitem__, count)
            await _record(team, saved, cameras.pid, seconds)
            found_whole = [await _whole(team, each) for each in saved]
    lost, gaps = sum(each.lost for each in found_whole), sum(each.gaps for each in found_whole)
    pictures = sum(each.pictures for each in found_whole)
    verdict = "holds" if lost == gaps == 0 else "MISSED"
    print(f"{pictures} pictures on disk, {lost} missing, {gaps} gaps: {verdict}")


async def _record(
    team: Crew, cameras: Sequence[Camera], simulator_pid: int, seconds: float
) -> None:
    port = free_port()
    worker = await team.start(VMS_WORKER_PORT=str(port), VMS_METRICS_PASSWORD=PASSWORD)

    async def recorded() -> bool:
        return all(listed(team.world.store, each) for each in cameras)

    began_s = monotonic()
    await until(recorded, START_SECONDS)
    print(f"all are recorded {monotonic() - began_s:.1f} s after the worker's start", flush=True)
    await asyncio.sleep(LEFT_OUT_SECONDS)
    pid = worker.running.pid
    before = await _reading(pid, simulator_pid, port)
    await asyncio.sleep(seconds)
    _print(before, await _reading(pid, simulator_pid, port), len(cameras))
    print(f"memory of the worker: {memory_mib(pid):.0f} MiB (PSS)")
    await worker.end(SIGTERM)


async def _reading(worker: int, simulator_pid: int, port: int) -> Reading:
    url = f"http://127.0.0.1:{port}/v2/metrics"
    async with httpx.AsyncClient(auth=("metrics", PASSWORD)) as client:
        answer = (await client.get(url)).raise_for_status()
    counted: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for each in family.samples:
            name = f"{each.name}.{each.labels['stage']}" if "stage" in each.labels else each.name
            counted[name] = counted.get(name, 0.0) + each.value
    cpu = cpu_seconds(worker), cpu_seconds(simulator_pid)
    return Reading(monotonic(), *cpu, _machine_cpu(), counted)


def _machine_cpu() -> float:
    """Seconds in which a core was not idle, since the machine's start (proc(5), `/proc/stat`)."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    times = [int(each) for each in line.split()[1:9]]
    return (sum(times) - times[3] - times[4]) / _TICKS


def _print(before: Reading, after: Reading, cameras: int) -> None:
    seconds = after.at_s - before.at_s

    def grown(name: str) -> float:
        return after.counted.get(name, 0.0) - before.counted.get(name, 0.0)

    worker = (after.worker_cpu - before.worker_cpu) / seconds
    other = (after.simulator_cpu - before.simulator_cpu) / seconds
    machine = (after.machine_cpu - before.machine_cpu) / seconds
    print(
        f"worker: {worker:.1%} of one core, {worker / cameras:.2%} a camera; simulator: "
        f"{other:.1%}; the whole machine: {machine:.2f} of {os.cpu_count()} cores"
    )
    arrived = grown("vms_camera_frames_total.received") / seconds / cameras
    megabits = grown("vms_camera_received_bytes_total") * 8 / 1e6 / seconds / cameras
    behind = after.counted["vms_camera_behind_seconds"]
    print(
        f"a camera: {arrived:.2f} frames/s of {FPS}, {megabits:.2f} Mbit/s; behind {behind:.1f} s"
    )
    for name in ("vms_camera_gap_seconds_total", "vms_camera_reconnects_total"):
        print(f"{name}: {after.counted.get(name, 0.0):g}")


@dataclass(frozen=True, slots=True)
class _Whole:
    pictures: int
    lost: int
    gaps: int


async def _whole(team: Crew, camera: Camera) -> _Whole:
    """Files, tables and coverage agree, or this fails; what is missing in the files."""
    recorded = await audited(team.world, camera)
    pictures = await asyncio.to_thread(_pictures, team, camera)
    return _Whole(pictures, _due(recorded) - pictures, len(recorded.gaps))


def _due(recorded: Recorded) -> int:
    ticks = sum(each.end_position - each.position for each in recorded.segments)
    return ticks * FPS // TICKS_PER_SECOND


def _pictures(team: Crew, camera: Camera) -> int:
    count = 0
    folder = CameraFolder(camera.tenant_id, camera.folder)
    for hour, segment in listed(team.world.store, camera):
        path = team.world.store.hour_path(folder, hour)
        content = (path / segment.init).read_bytes() + (path / segment.name).read_bytes()
        with av.open(io.BytesIO(content)) as container:
            assert isinstance(container, InputContainer)
            count += sum(packet.size > 0 for packet in container.demux(video=0))
    return count


if __name__ == "__main__":
    main()
