"""CPU and memory of recording N cameras in one process against N `ffmpeg -c copy` processes.

Run as `python -m tests.benchmarks.recording`. Needs the `ffmpeg` command. Both record the same
simulated 1080p30 4 Mbit/s cameras to fragmented-mp4 HLS, one after the other, from a simulator in
a process of its own; the first seconds are left out. A third, without a goal of its own, only
demuxes them, a thread each, with PyAV: less than that no recorder on PyAV can take. Ours is all
its processes, so with the one that decoders are forked from.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

CPU_GOAL, DEMUX_GOAL, MEMORY_GOAL = 1.1, 1.3, 0.3
LEFT_OUT_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all processes together: share of one core, and proportional set size in MiB."""

    cpu: float
    memory_mib: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """Cameras in a process of their own."""

    pid: int
    urls: list[str]


def main() -> None:
    arguments = _arguments()
    if arguments.role == "simulate":
        _simulate(arguments.clip, arguments.cameras)
    elif arguments.role == "record":
        _record(arguments.root, arguments.urls)
    elif arguments.role == "demux":
        _demux(arguments.urls)
    else:
        _compare(arguments.cameras, arguments.seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=120.0, help="measured, of each")
    parser.add_argument("--role", choices=["simulate", "record", "demux"], help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("urls", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


def _compare(cameras: int, seconds: float) -> None:
    if shutil.which("ffmpeg") is None:
        sys.exit("this benchmark needs the ffmpeg command")
    print_circumstances(cameras, seconds)
    with tempfile.TemporaryDirectory(prefix="bench-recording-") as name, ExitStack() as stack:
        folder = Path(name)
        clip = noise(folder / "clip.mp4", "4M")
        rate = clip.stat().st_size * 8 / 20 / 1e6
        print(f"clip: 1920x1080, 30 fps, {rate:.1f} Mbit/s, a keyframe every 2 s, no B-frames")
        urls = stack.enter_context(simulator(clip, cameras)).urls
        with _processes([_command("record", ["--root", str(folder / "ours"), *urls])]) as ours:
            own = _measure("one process, ours", ours, seconds)
        with _processes(_ffmpeg_commands(folder / "theirs", urls)) as theirs:
            other = _measure(f"{cameras} x ffmpeg -c copy -f hls", theirs, seconds)
        with _processes([_command("demux", urls)]) as demuxer:
            least = _measure("one process, PyAV demuxes", demuxer, seconds)
        _check_recorded(folder / "ours", cameras)
    _print_ratio("CPU to ffmpeg's", own.cpu / other.cpu, CPU_GOAL)
    _print_ratio("CPU to PyAV's demuxing", own.cpu / least.cpu, DEMUX_GOAL)
    _print_ratio("memory", own.memory_mib / other.memory_mib, MEMORY_GOAL)


def print_circumstances(cameras: int, seconds: float) -> None:
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
    load = os.getloadavg()[0]
    print(f"machine: {os.cpu_count()} x {_cpu_name()}, {platform.platform()}, load {load:.1f}")
    print(f"commit: {git.stdout.strip() or 'unknown'}")
    print(
        f"versions: Python {platform.python_version()}, av {importlib.metadata.version('av')}, "
        f"{' '.join(ffmpeg.stdout.split()[:3])}"
    )
    print(f"{cameras} cameras, {seconds:.0f} s each after {LEFT_OUT_SECONDS:.0f} s left out")


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def noise(path: Path, bits: str) -> Path:
    """20 s of moving noise, of so many bits a second ("4M"), at a rate that cameras have."""
    picture = "testsrc2=size=1920x1080:rate=30,noise=alls=6:allf=t"
    rate = ["-b:v", bits, "-minrate", bits, "-maxrate", bits, "-bufsize", bits]
    shape = ["-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-bf", "0"]
    source = ["-f", "lavfi", "-i", picture, "-t", "20"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *codec, *rate, *shape, str(path)], check=True)
    return path


@contextmanager
def simulator(clip: Path, cameras: int) -> Iterator[Simulated]:
    command = _command("simulate", ["--clip", str(clip), "--cameras", str(cameras)])
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        urls = [process.stdout.readline().strip() for _ in range(cameras)]
        yield Simulated(process.pid, urls)
        process.stdin.close()


def _simulate(clip: Path, cameras: int) -> None:
    from media.simulator import SimulatorThread

    with SimulatorThread() as running:
        for number in range(cameras):
            running.add(f"camera-{number}", clip)
            print(running.url(f"camera-{number}"), flush=True)
        sys.stdin.read()


def _command(role: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.recording", "--role", role, *arguments]


def _record(root: Path, urls: Sequence[str]) -> None:
    from media.clock import SystemClock
    from media.decoding.isolated import Decoding
    from media.network import CameraNetworks
    from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
    from media.store import RecordingStore

    decoding = Decoding()
    networks = CameraNetworks(["127.0.0.0/8"])
    world = CameraWorld(RecordingStore(root), networks, SystemClock(), decoders=decoding.of())
    pipelines = []
    for number, url in enumerate(urls):
        key = uuid.uuid4()
        config = CameraConfig(key, "bench", f"cam-{number}.{key.hex[:8]}", url)
        pipelines.append(CameraPipeline(config, world, lambda change: None))
    for pipeline in pipelines:
        pipeline.start()
    sys.stdin.read()
    for pipeline in pipelines:
        pipeline.request_stop()
    for pipeline in pipelines:
        pipeline.join()
    decoding.close()


def _demux(urls: Sequence[str]) -> None:
    for url in urls:
        threading.Thread(target=_demux_one, args=[url], daemon=True).start()
    sys.stdin.read()


def _demux_one(url: str) -> None:
    import av

    with av.open(url, options={"rtsp_transport": "tcp"}) as container:
        for _ in container.demux(video=0):
            pass


def _ffmpeg_commands(root: Path, urls: Sequence[str]) -> list[list[str]]:
    commands = []
    for number, url in enumerate(urls):
        folder = root / str(number)
        folder.mkdir(parents=True)
        hls = ["-f", "hls", "-hls_time", "4", "-hls_segment_type", "fmp4", "-hls_list_size", "0"]
        names = ["-hls_segment_filename", str(folder / "%d.m4s"), str(folder / "index.m3u8")]
        source = ["-rtsp_transport", "tcp", "-i", url]
        commands.append(["ffmpeg", "-v", "error", *source, "-c", "copy", *hls, *names])
    return commands


@contextmanager
def _processes(commands: Sequence[Sequence[str]]) -> Iterator[list[int]]:
    """Runs the commands; ends them by closing their input, or `q` for ffmpeg."""
    with ExitStack() as stack:
        processes = []
        for command in commands:
            process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
            processes.append(process)
        yield [process.pid for process in processes]
        for process in processes:
            if process.poll() is not None:
                sys.exit(f"{process.args!r} ended early, with status {process.returncode}")
            process.communicate(b"q")


def _measure(name: str, pids: Sequence[int], seconds: float) -> Usage:
    time.sleep(LEFT_OUT_SECONDS)
    began_at, before = (
        time.monotonic(),
        sum(cpu_seconds(each) for pid in pids for each in family(pid)),
    )
    memory: list[float] = []
    while time.monotonic() - began_at < seconds:
        time.sleep(min(5.0, seconds))
        memory.append(sum(map(family_mib, pids)))
    spent = sum(cpu_seconds(each) for pid in pids for each in family(pid)) - before
    usage = Usage(spent / (time.monotonic() - began_at), sum(memory) / len(memory))
    print(f"{name}: {usage.cpu:.1%} of one core, {usage.memory_mib:.0f} MiB (PSS)", flush=True)
    return usage


def family(pid: int) -> list[int]:
    """The process and all that it has started."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in threads for child in path.read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


def family_mib(pid: int) -> float:
    """A decoder or the nursery may leave meanwhile: then what is left is looked at again."""
    while True:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            return sum(map(memory_mib, family(pid)))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no Pss of process {pid}")


def _check_recorded(root: Path, cameras: int) -> None:
    """A recorder that records nothing would be fast."""
    playlists = sorted(root.rglob("index.m3u8"))
    segments = sum(path.read_text().count("#EXTINF:") for path in playlists)
    if len({path.parents[2] for path in playlists}) != cameras:
        sys.exit(f"of {cameras} cameras, {len(playlists)} were recorded")
    print(f"recorded: {segments} segments of {cameras} cameras")


def _print_ratio(name: str, ratio: float, goal: float) -> None:
    verdict = "holds" if ratio <= goal else "MISSED"
    print(f"{name} ratio: {ratio:.2f} (goal: at most {goal}) {verdict}")


if __name__ == "__main__":
    main()
