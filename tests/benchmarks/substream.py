"""CPU of a camera that is recorded and looked at: by its main stream, and by a substream.

Run as `python -m tests.benchmarks.substream`. Needs the `ffmpeg` command. The camera is simulated
by other processes: 1080p30 at 4 Mbit/s, and 320x240 at 0.3 Mbit/s. Everything but inference is in
the figures, as that costs the same for both: the model here finds nothing and takes no time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

from app.pipelines import Snapshots
from media.analysis import Analysis, AnalysisConfig
from media.clock import SystemClock
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.network import CameraNetworks
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.store import CameraFolder, RecordingStore
from media.substream import TwoStreams
from tests.benchmarks.recording import (
    LEFT_OUT_SECONDS,
    cpu_seconds,
    noise,
    print_circumstances,
    simulator,
)
from tests.media.detect.scripted import ScriptedModel

FPS = 5.0
CAMERA = CameraFolder("bench", "cam-gate.0123abcd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="measured, of each")
    parser.add_argument("--role", choices=["record", "look"], help=argparse.SUPPRESS)
    parser.add_argument("urls", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        _run(arguments.urls, looks=arguments.role == "look")
    else:
        _compare(arguments.seconds)


def _compare(seconds: float) -> None:
    print_circumstances(1, seconds)
    with tempfile.TemporaryDirectory(prefix="bench-substream-") as name, ExitStack() as stack:
        main_clip = noise(Path(name) / "main.mp4", "4M")
        clips = (main_clip, _small(main_clip))
        main_url, sub_url = (stack.enter_context(simulator(clip, 1)).urls[0] for clip in clips)
        recorded = _measure("recorded alone", "record", [main_url], seconds)
        by_main = _measure("looked at by the main stream", "look", [main_url], seconds)
        by_sub = _measure("looked at by the substream", "look", [main_url, sub_url], seconds)
    saved = 1 - (by_sub - recorded) / (by_main - recorded)
    print(f"looking costs {by_main - recorded:.1%} and {by_sub - recorded:.1%}: {saved:.0%} less")


def _small(clip: Path) -> Path:
    path = clip.with_name("sub.mp4")
    shape = ["-vf", "scale=320:240", "-g", "60", "-bf", "0", "-b:v", "300k", "-maxrate", "300k"]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-bufsize", "300k"]
    command = ["ffmpeg", "-v", "error", "-i", str(clip), *codec, *shape, str(path)]
    subprocess.run(command, check=True)
    return path


def _measure(name: str, role: str, urls: list[str], seconds: float) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.substream", "--role", role, *urls]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        time.sleep(LEFT_OUT_SECONDS)
        began_at, before = time.monotonic(), cpu_seconds(process.pid)
        time.sleep(seconds)
        share = (cpu_seconds(process.pid) - before) / (time.monotonic() - began_at)
        process.communicate(b"q")
    if process.returncode:
        sys.exit(f"{name}: ended with status {process.returncode}")
    print(f"{name}: {share:.1%} of one core", flush=True)
    return share


def _run(urls: list[str], *, looks: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-substream-") as root:
        store = RecordingStore(Path(root))
        pool = DetectorPool(ModelSet.of(ScriptedModel(lambda _: [])))
        config = AnalysisConfig(uuid.uuid4(), FPS, frozenset({"person"}))
        analysis = Analysis(config, pool, lambda _: None, Snapshots(store, CAMERA))
        pipelines = _pipelines(store, urls, analysis if looks else None)
        for each in pipelines:
            each.start()
        sys.stdin.read()
        for each in pipelines:
            each.request_stop()
        if not all(each.join(10) for each in pipelines):
            sys.exit("a thread did not end")
        counts = analysis.counts
        pool.close()
    if looks:
        print(f"  {counts.decoded} frames decoded, {counts.lane.looked} looked at")
        if not counts.lane.looked:
            sys.exit("nothing was looked at")


def _pipelines(
    store: RecordingStore, urls: list[str], analysis: Analysis | None
) -> list[CameraPipeline]:
    """The camera's, and its substream's where it has one."""
    world = CameraWorld(store, CameraNetworks(["127.0.0.0/8"]), SystemClock())
    key = uuid.uuid4()
    camera = CameraConfig(key, CAMERA.tenant_id, CAMERA.name, urls[0], fps=FPS)
    if analysis is None or len(urls) == 1:
        return [CameraPipeline(camera, world, lambda _: None, analysis)]
    both = TwoStreams(analysis, world.clock)
    return [
        CameraPipeline(camera, world, lambda _: None, both.main),
        CameraPipeline(camera.of_substream(urls[1]), world, both.told, both.substream),
    ]


if __name__ == "__main__":
    main()
