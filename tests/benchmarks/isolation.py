"""What it costs to decode in processes of their own: CPU, memory and time, against in-process.

Run as `python -m tests.benchmarks.isolation`. Needs the `ffmpeg` command. Packets of a clip of
1080p30, 4 Mbit/s, are shown one by one, and frames taken as detection takes them: the gate looks at
each, then it is let go. With 1 and 8 cameras 5 frames a second are taken, with 64 keyframes alone
(0.5 a second). CPU is that of all processes for 20 s of video, so it hardly depends on how busy the
machine is; the time from a packet to its frame does, and is told of one camera in real time alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from av.packet import Packet
from av.stream import Stream

from media.codecs import VideoSetup
from media.decoders import IN_PROCESS, Decoders, Owner, Sampled
from media.decoding.isolated import Decoding
from media.heaps import share_heaps
from media.motion import MotionGate
from media.types import TICKS_PER_SECOND
from tests.benchmarks.recording import cpu_seconds, memory_mib, noise, print_circumstances
from tests.media.restamped import restamped

SECONDS = 20
WAYS = ("in-process", "isolated")
CASES = ((1, 5.0, 1 / 30), (1, 5.0, 0.0), (8, 5.0, 0.0), (64, 0.5, 0.0))


@dataclass(frozen=True, slots=True)
class Clip:
    setup: VideoSetup
    packets: list[Packet[Stream]]


class Camera:
    """Shows a clip twice, one packet after the other, each once the one before has been decoded."""

    def __init__(self, clip: Clip, decoders: Decoders, fps: float, pause_s: float) -> None:
        self._packets, self._pause_s = clip.packets, pause_s
        self.delays_ms: list[float] = []
        self._shown_at = 0.0
        self._gate = MotionGate()
        self._sampling = decoders.sampling(clip.setup, fps, self._consider)

    def _consider(self, sampled: Sampled) -> None:
        self.delays_ms.append((time.monotonic() - self._shown_at) * 1000)
        self._gate.moved(sampled.frame)
        self._gate.look()

    def show(self, turn: int) -> None:
        for given in self._packets:
            packet: Packet[Stream] = Packet(bytes(given))
            packet.pts = packet.dts = (given.pts or 0) + turn * SECONDS * TICKS_PER_SECOND
            packet.time_base, packet.is_keyframe = given.time_base, given.is_keyframe
            self._shown_at = time.monotonic()
            self._sampling.take(packet)
            self._sampling.settle(60)
            if self._pause_s:
                time.sleep(self._pause_s)

    def end(self) -> None:
        self._sampling.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cameras", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--fps", type=float, default=5.0, help=argparse.SUPPRESS)
    parser.add_argument("--pause", type=float, default=0.0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        _show(given)
        return
    print_circumstances(64, SECONDS)
    with tempfile.TemporaryDirectory(prefix="bench-isolation-") as folder:
        clip = noise(Path(folder) / "clip.mp4", "4M")
        for cameras, fps, pause_s in CASES:
            for way in WAYS:
                command = [sys.executable, "-m", "tests.benchmarks.isolation", "--role", way]
                command += ["--clip", str(clip), "--cameras", str(cameras), "--fps", str(fps)]
                subprocess.run([*command, "--pause", str(pause_s)], check=True)


def _show(given: argparse.Namespace) -> None:
    share_heaps()  # as a worker does
    with restamped(given.clip) as (stream, packets):
        clip = Clip(VideoSetup.of(stream), list(packets))
    with _decoders(given.role) as (decoders, pids):
        cameras = [
            Camera(clip, decoders.of(Owner("t", f"{number}")), given.fps, given.pause)
            for number in range(given.cameras)
        ]
        _show_all(cameras, 0)
        before = _cpu(pids())
        for camera in cameras:
            camera.delays_ms.clear()
        _show_all(cameras, 1)
        spent = (_cpu(pids()) - before) / SECONDS / given.cameras
        memory = [memory_mib(pid) for pid in pids()]
        for camera in cameras:
            camera.end()
    delays = sorted(each for camera in cameras for each in camera.delays_ms)
    frames = len(delays) / SECONDS / given.cameras
    print(
        f"{given.cameras} x {given.fps:g} fps, {given.role}: {spent:.2%} of a core a camera; "
        f"{sum(memory):.0f} MiB in all (PSS), decoders {sum(memory[1:]):.0f}; "
        f"{frames:.2f} frames/s; packet to frame {median(delays):.1f} ms",
        flush=True,
    )


def _show_all(cameras: Sequence[Camera], turn: int) -> None:
    threads = [threading.Thread(target=each.show, args=(turn,)) for each in cameras]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def _decoders(way: str) -> Iterator[tuple[Decoders, Pids]]:
    if way == WAYS[0]:
        yield IN_PROCESS, Pids(None)
        return
    decoding = Decoding()
    decoding.start()
    try:
        yield decoding.of(), Pids(decoding)
    finally:
        decoding.close()


@dataclass(frozen=True, slots=True)
class Pids:
    """Of this process and of its decoders."""

    decoding: Decoding | None

    def __call__(self) -> Sequence[int]:
        own = int(Path("/proc/self").readlink().name)
        nursery = None if self.decoding is None else self.decoding.nursery.pid
        if nursery is None:
            return [own]
        children = Path(f"/proc/{nursery}/task/{nursery}/children").read_text().split()
        return [own, nursery, *map(int, children)]


def _cpu(pids: Sequence[int]) -> float:
    return sum(map(cpu_seconds, pids))


if __name__ == "__main__":
    main()
