"""Looks a second when cameras bring more than can be looked at, and where CPU goes when they don't.

Run as `python -m tests.benchmarks.throughput [--seconds 20]`. Cameras are simulated in a process of
their own, on the same cores; ours is one process with its decoders, as a worker has them, which
records and looks for people.

1. Twelve cameras of 320x240 and 10 pictures a second, looked at as often: more than it can do.
   The yardstick is OpenVINO's own benchmark_app with the same file in its best setting, alone,
   before and after ours: a shared machine's speed changes by a third from minute to minute.
2. Four cameras of 1080p30 and 4 Mbit/s in which something always moves, looked at five times a
   second: CPU by thread. OpenVINO's threads infer; decoders decode, and send frames over.
3. The same with a picture in which nothing moves: what the motion gate saves.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import openvino as ov

from tests.benchmarks.recording import family, noise, simulator
from tests.clips import Encoding, coded_footage, still
from tests.data import shared_data

if TYPE_CHECKING:
    from media.detect.pool import DetectorPool
    from media.pipeline import CameraWorld

GOAL, OUTSIDE_GOAL = 0.9, 0.1
LEFT_OUT_SECONDS = 15.0
MODEL = "yolox-nano"
SETTINGS = (
    ["-hint", "throughput"],
    ["-hint", "latency"],
    ["-hint", "none", "-nstreams", "1"],
    ["-hint", "none", "-nstreams", "2"],
)
STAGES = ("decode", "infer", "carry, gate", "scale, track, tell", "demux, write", "rest")
_TICKS = os.sysconf("SC_CLK_TCK")


class Told(TypedDict):
    """Looks a second, and the share of a core that each stage took."""

    looks: float
    cpu: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--fps", type=float, help=argparse.SUPPRESS)
    parser.add_argument("urls", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.urls:
        print(json.dumps(watch(arguments.urls, arguments.fps, arguments.seconds)))
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, openvino {ov.__version__}")
    with tempfile.TemporaryDirectory(prefix="bench-throughput-") as name:
        saturate(arguments.seconds)
        moving = stages("1080p, moving", noise(Path(name) / "clip.mp4", "4M"), arguments.seconds)
        print_outside(moving)
        encoding = Encoding(fps=30, size=(1920, 1080), gop=60)
        calm = stages("1080p, still", still(300, encoding), arguments.seconds)
    saved = 1 - sum(calm["cpu"].values()) / sum(moving["cpu"].values())
    print(f"motion gate: {calm['looks']:.1f} looks a second, {saved:.0%} of the CPU is saved")


def saturate(seconds: float) -> None:
    before = {tuple(setting): benchmark_app(setting, seconds) for setting in SETTINGS}
    setting = max(before, key=lambda each: before[each])
    film = shared_data() / "videos" / "vtest.avi"
    clip = coded_footage(film, 500, Encoding(fps=10, size=(320, 240), gop=20))
    own = watched(clip, 12, 10.0, seconds)
    best = (before[setting] + benchmark_app(setting, seconds)) / 2
    ratio = own["looks"] / best
    print(f"benchmark_app, best of {len(SETTINGS)} settings: {best:.1f} a second")
    verdict = "holds" if ratio >= GOAL else "MISSED"
    print(f"12 cameras of 320x240: {own['looks']:.1f} looks a second")
    print(f"ratio: {ratio:.2f} (goal: at least {GOAL}) {verdict}")
    print_cpu("saturated", own)


def benchmark_app(setting: Sequence[str], seconds: float) -> float:
    """Inferences a second."""
    program = Path(sys.executable).with_name("benchmark_app")
    model = shared_data() / "models" / "yolox_nano.onnx"
    command = [str(program), "-m", str(model), "-d", "CPU", "-t", str(round(seconds)), *setting]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done.stdout)
    if found is None:
        raise ValueError(f"benchmark_app did not say its throughput: {done.stdout[-500:]}")
    print(f"benchmark_app {' '.join(setting)}: {found[1]}", flush=True)
    return float(found[1])


def stages(name: str, clip: Path, seconds: float) -> Told:
    told = watched(clip, 4, 5.0, seconds)
    print_cpu(name, told)
    return told


def print_cpu(name: str, told: Told) -> None:
    whole = sum(told["cpu"].values())
    shares = ", ".join(
        f"{stage} {100 * cpu:.1f} ({cpu / whole:.0%})" for stage, cpu in told["cpu"].items()
    )
    print(f"{name}: {told['looks']:.1f} looks a second; % of a core: {shares}", flush=True)


def print_outside(told: Told) -> None:
    whole = sum(told["cpu"].values())
    share = 1 - (told["cpu"]["decode"] + told["cpu"]["infer"]) / whole
    verdict = "holds" if share <= OUTSIDE_GOAL else "MISSED"
    print(f"outside of decoding and inference: {share:.1%} (goal: {OUTSIDE_GOAL:.0%}) {verdict}")


def watched(clip: Path, cameras: int, fps: float, seconds: float) -> Told:
    """`watch` in a process of its own."""
    with simulator(clip, cameras) as simulated:
        module = [sys.executable, "-m", "tests.benchmarks.throughput"]
        options = ["--seconds", str(seconds), "--fps", str(fps)]
        done = subprocess.run(
            [*module, *options, *simulated.urls], stdout=subprocess.PIPE, text=True, check=True
        )
    told: Told = json.loads(done.stdout)
    return told


def watch(urls: Sequence[str], fps: float, seconds: float) -> Told:
    """Records and looks for people, all in this process but for the decoders."""
    from media.clock import SystemClock
    from media.decoding.isolated import Decoding
    from media.network import CameraNetworks
    from media.pipeline import CameraWorld
    from media.store import RecordingStore
    from tests.benchmarks.detection import load, pool_of

    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-watch-")))
        decoding = Decoding()
        stack.callback(decoding.close)
        networks, store = CameraNetworks(["127.0.0.0/8"]), RecordingStore(root)
        world = CameraWorld(store, networks, SystemClock(), decoders=decoding.of())
        pool = stack.enter_context(pool_of(load(MODEL)))
        looks = [begin(stack, url, fps, world, pool) for url in urls]
        time.sleep(LEFT_OUT_SECONDS)
        began, looked, before = time.monotonic(), sum(one() for one in looks), cpu_by_stage()
        time.sleep(seconds)
        took = time.monotonic() - began
        after = cpu_by_stage()
        rate = (sum(one() for one in looks) - looked) / took
    return {
        "looks": rate,
        "cpu": {stage: (after[stage] - before[stage]) / took for stage in STAGES},
    }


def begin(
    stack: ExitStack, url: str, fps: float, world: CameraWorld, pool: DetectorPool
) -> Callable[[], int]:
    """Starts a camera; tells how often it has been looked at."""
    from media.analysis import Analysis, AnalysisConfig
    from media.pipeline import CameraConfig, CameraPipeline
    from tests.benchmarks.detection import NoSnapshots

    key = uuid.uuid4()
    camera = CameraConfig(key, "bench", f"cam.{key.hex[:8]}", url, features=("person",), fps=fps)
    config = AnalysisConfig(key, fps, frozenset({"person"}), decoders=world.decoders)
    analysis = Analysis(config, pool, lambda change: None, NoSnapshots())
    pipeline = CameraPipeline(camera, world, lambda change: None, analysis)
    stack.callback(pipeline.stop, 10)
    pipeline.start()
    return lambda: analysis.counts.lane.looked


def cpu_by_stage() -> dict[str, float]:
    """Seconds so far, by who takes them."""
    spent = dict.fromkeys(STAGES, 0.0)
    names = {str(each.native_id): each.name for each in threading.enumerate()}
    for task in Path("/proc/self/task").iterdir():
        spent[stage_of(names.get(task.name))] += cpu_of(task)
    for child in family(os.getpid())[1:]:
        spent["decode"] += cpu_of(Path(f"/proc/{child}"))
    return spent


def stage_of(thread: str | None) -> str:
    """None: not one of Python's, so OpenVINO's."""
    if thread is None:
        return "infer"
    begins = {"cam-": "demux, write", "detect-": "scale, track, tell", "decoding": "carry, gate"}
    return next((stage for prefix, stage in begins.items() if thread.startswith(prefix)), "rest")


def cpu_of(process: Path) -> float:
    fields = (process / "stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
