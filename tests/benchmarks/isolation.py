"""What it costs to decode in processes of their own: CPU, memory and time, against in-process.

Run as `python -m tests.benchmarks.isolation`. Needs the `ffmpeg` command. Packets of a clip of
1080p30, 4 Mbit/s, are shown in real time, as cameras' threads show them; nothing is recorded, and
frames are taken as detection takes them: the gate looks at each, then it is let go. With 1 and 8
cameras 5 frames a second are taken, with 64 keyframes alone (0.5 a second).
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

LEFT_OUT_S = 4.0
WAYS = ("in-process", "isolated")
CASES = ((1, 5.0), (8, 5.0), (64, 0.5))


@dataclass(frozen=True, slots=True)
class Clip:
    setup: VideoSetup
    packets: list[Packet[Stream]]


class Camera:
    """Shows a clip over and over in real time, from where `shift` is in it."""

    def __init__(self, clip: Clip, decoders: Decoders, fps: float, shift: int) -> None:
        self._packets, self._shift = clip.packets, shift
        self.delays_ms: list[float] = []
        self._shown_at: dict[int, float] = {}
        self._gate = MotionGate()
        self._over = threading.Event()
        self._sampling = decoders.sampling(clip.setup, fps, self._consider)
        self._thread = threading.Thread(target=self._show)
        self._thread.start()

    def _consider(self, sampled: Sampled) -> None:
        shown_at = self._shown_at.get(sampled.frame.pts or 0)
        if shown_at is not None:
            self.delays_ms.append((time.monotonic() - shown_at) * 1000)
        self._gate.moved(sampled.frame)
        self._gate.look()

    def _show(self) -> None:
        length = len(self._packets) * TICKS_PER_SECOND // 30
        began, count = time.monotonic(), 0
        while not self._over.is_set():
            turn, number = divmod(self._shift + count, len(self._packets))
            given = self._packets[number]
            packet: Packet[Stream] = Packet(bytes(given))
            packet.pts = packet.dts = (given.pts or 0) + turn * length
            packet.time_base, packet.is_keyframe = given.time_base, given.is_keyframe
            self._shown_at[packet.pts] = time.monotonic()
            self._shown_at.pop(packet.pts - 5 * TICKS_PER_SECOND, None)
            self._sampling.take(packet)
            count += 1
            time.sleep(max(0.0, began + count / 30 - time.monotonic()))

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        self._sampling.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, of each")
    parser.add_argument("--role", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cameras", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--fps", type=float, default=5.0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        _show(given)
        return
    print_circumstances(64, given.seconds)
    with tempfile.TemporaryDirectory(prefix="bench-isolation-") as folder:
        clip = noise(Path(folder) / "clip.mp4", "4M")
        for cameras, fps in CASES:
            for way in WAYS:
                command = [sys.executable, "-m", "tests.benchmarks.isolation", "--role", way]
                command += ["--clip", str(clip), "--cameras", str(cameras), "--fps", str(fps)]
                subprocess.run([*command, "--seconds", str(given.seconds)], check=True)


def _show(given: argparse.Namespace) -> None:
    share_heaps()  # as a worker does
    with restamped(given.clip) as (stream, packets):
        clip = Clip(VideoSetup.of(stream), list(packets))
    with _decoders(given.role) as (decoders, pids):
        cameras = [
            Camera(clip, decoders.of(Owner("t", f"{number}")), given.fps, number * 7)
            for number in range(given.cameras)
        ]
        time.sleep(LEFT_OUT_S)
        before, began = _cpu(pids()), time.monotonic()
        for camera in cameras:
            camera.delays_ms.clear()
        time.sleep(given.seconds)
        spent = (_cpu(pids()) - before) / (time.monotonic() - began)
        memory = [memory_mib(pid) for pid in pids()]
        for camera in cameras:
            camera.end()
    delays = sorted(each for camera in cameras for each in camera.delays_ms)
    frames = len(delays) / given.seconds / given.cameras
    print(
        f"{given.cameras} x {given.fps:g} fps, {given.role}: {spent / given.cameras:.2%} of a core "
        f"a camera; {sum(memory) / given.cameras:.1f} MiB a camera (PSS), {sum(memory):.0f} in "
        f"all; {frames:.2f} frames/s; packet to frame {median(delays):.1f} ms, "
        f"99 % within {delays[len(delays) * 99 // 100]:.1f} ms",
        flush=True,
    )


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
