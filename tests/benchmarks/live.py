"""CPU of a viewer of live view against aiortc's own minimum, and the time to the first picture.

Run as `python -m tests.benchmarks.live`. Both are a process of its own that sends the same clip of
1080p30 to the same viewers: ours from a simulated camera through its pipeline, the yardstick as
bare aiortc senders that replay packets from memory. What a process takes with no viewer is left
out. Viewers take packets and don't decode them, but for the time to the first picture.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from av.packet import Packet
from av.stream import Stream

from media.clock import SystemClock
from media.live.feed import LiveFeeds
from media.live.sessions import LiveOptions, LiveSessions
from media.live.signals import LiveCamera, LiveOffer
from media.network import CameraNetworks
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.simulator import SimulatorThread
from media.store import CameraFolder, RecordingStore
from tests.clips import Encoding, frame_coded_clip
from tests.watching import Watcher, accepted, watcher

CPU_GOAL, FIRST_GOAL_S = 1.1, 0.5
SETTLE_SECONDS = 3.0
_TICKS = os.sysconf("SC_CLK_TCK")
CLIP = Encoding(fps=30, size=(1920, 1080), gop=60)

Answer = Callable[[str], Awaitable[str]]


@asynccontextmanager
async def ours(clip: Path) -> AsyncIterator[Answer]:
    """The worker's own parts: a camera's pipeline and its sessions."""
    clock = SystemClock()
    feeds = LiveFeeds(clock)
    sessions = LiveSessions(feeds, clock, LiveOptions(viewers=99, viewers_of_camera=99))
    camera = LiveCamera(CameraFolder("bench", "a.00000000"), uuid.uuid4())
    with SimulatorThread() as simulator, tempfile.TemporaryDirectory() as folder:
        simulator.add("a", clip)
        networks = CameraNetworks(["127.0.0.1/32"])
        world = CameraWorld(RecordingStore(Path(folder)), networks, clock, live=feeds)
        name = camera.folder
        config = CameraConfig(
            camera.key, name.tenant_id, name.name, simulator.url("a"), record=False
        )
        pipeline = CameraPipeline(config, world, lambda _: None)
        pipeline.start()

        async def answer(offer: str) -> str:
            return (await sessions.start(camera, LiveOffer(offer))).sdp

        yield answer
        await asyncio.to_thread(pipeline.stop)


class Replayed(MediaStreamTrack):
    """A clip's packets from memory, again and again, at their own pace."""

    kind = "video"

    def __init__(self, packets: list[Packet[Stream]]) -> None:
        super().__init__()
        self._packets, self._next = packets, 0
        self._began = asyncio.get_running_loop().time()

    async def recv(self) -> Packet[Stream]:
        wait = self._began + self._next / CLIP.fps - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, float(wait)))
        packet = self._packets[self._next % len(self._packets)]
        packet.pts = self._next * 3000
        self._next += 1
        return packet


@asynccontextmanager
async def bare(clip: Path) -> AsyncIterator[Answer]:
    """aiortc alone."""
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        annex_b = av.BitStreamFilterContext("h264_mp4toannexb", video)
        packets = [part for each in container.demux(video) for part in annex_b.filter(each)]
    for each in packets:
        each.time_base = Fraction(1, 90_000)
    connections = []
    h264 = [
        each
        for each in RTCRtpSender.getCapabilities("video").codecs
        if each.mimeType in ("video/H264", "video/rtx")
    ]

    async def answer(offer: str) -> str:
        connection = RTCPeerConnection()
        connections.append(connection)
        sending = connection.addTransceiver(Replayed(packets), direction="sendonly")
        sending.setCodecPreferences(h264)
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    yield answer
    await asyncio.gather(*(each.close() for each in connections))


async def serve(role: str, clip: Path) -> None:
    """Answers offers, a JSON string a line, until there are no more."""
    async with (ours if role == "ours" else bare)(clip) as answer:
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await answer(json.loads(line))), flush=True)


@dataclass(slots=True)
class Server:
    """A `serve` process, from outside."""

    process: asyncio.subprocess.Process

    async def connect(self, viewer: Watcher) -> float:
        """When the answer had come, by the loop's clock."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(viewer.offer).encode() + b"\n")
        sdp = json.loads(await self.process.stdout.readline())
        answered = asyncio.get_running_loop().time()
        await accepted(viewer, sdp)
        return answered

    async def cpu(self, seconds: float) -> float:
        """Share of one core."""
        before, began = self._used(), time.monotonic()
        await asyncio.sleep(seconds)
        return (self._used() - before) / (time.monotonic() - began)

    def _used(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@asynccontextmanager
async def server(role: str, clip: Path) -> AsyncIterator[Server]:
    command = [sys.executable, "-m", "tests.benchmarks.live", "--role", role, "--clip", str(clip)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        yield Server(process)
    finally:
        process.kill()
        await process.wait()


@dataclass(slots=True)
class Taken:
    """Packets that have arrived and are not looked at."""

    received_bytes: int = 0

    async def take(self, data: bytes, arrival_time_ms: int) -> None:
        self.received_bytes += len(data)


async def cpu_per_viewer(role: str, clip: Path, viewers: int, seconds: float) -> float:
    async with server(role, clip) as running, AsyncExitStack() as stack:
        idle, taken = await running.cpu(seconds), Taken()
        for _ in range(viewers):
            viewer = await stack.enter_async_context(watcher())
            transport = viewer.connection.getReceivers()[0].transport
            transport._handle_rtp_data = taken.take  # type: ignore[method-assign]
            await running.connect(viewer)
        await asyncio.sleep(SETTLE_SECONDS)
        before, busy = taken.received_bytes, await running.cpu(seconds)
        rate = (taken.received_bytes - before) * 8 / seconds / viewers / 1e6
    each = (busy - idle) / viewers
    print(f"{role:5} {idle:.1%} of a core alone, {busy:.1%} with {viewers}: ", end="")
    print(f"{each:.2%} a viewer of {rate:.1f} Mbit/s")
    return each


async def first_pictures(clip: Path, times: int) -> list[float]:
    waited = []
    async with server("ours", clip) as running:
        for _ in range(times):
            async with watcher() as viewer:
                answered = await running.connect(viewer)
                await viewer.seen(1)
                waited.append(viewer.times[0] - answered)
            await asyncio.sleep(0.7)
    return waited


def coded(kbits: int) -> Encoding:
    """Just as many bits, whatever is to be seen."""
    rate = f"bitrate={kbits}:vbv-maxrate={kbits}:vbv-bufsize={kbits}:nal-hrd=cbr"
    return replace(CLIP, params=rate)


async def compare(viewers: int, seconds: float, encoding: Encoding, times: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-live-") as name:
        clip = await asyncio.to_thread(frame_coded_clip, Path(name) / "clip.mp4", 300, encoding)
        rate = clip.stat().st_size * 8 / 10 / 1e6
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {rate:.1f} Mbit/s")
        minimum = await cpu_per_viewer("bare", clip, viewers, seconds)
        own = await cpu_per_viewer("ours", clip, viewers, seconds)
        waited = await first_pictures(clip, times)
    print(f"CPU a viewer: {own / minimum:.2f} x aiortc's minimum, goal {CPU_GOAL}")
    cuts = statistics.quantiles(waited, n=20, method="inclusive")
    print(
        f"first picture decoded {cuts[9]:.3f} s (p50), {cuts[18]:.3f} s (p95) after the answer, ",
        end="",
    )
    print(f"{max(waited):.3f} s at most of {times}; goal {FIRST_GOAL_S}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=15.0, help="measured, of each")
    parser.add_argument("--kbits", type=int, default=2000, help="a second, of the camera")
    parser.add_argument("--times", type=int, default=20, help="that a first picture is waited for")
    parser.add_argument("--role", choices=["ours", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        asyncio.run(serve(arguments.role, arguments.clip))
    else:
        encoding = coded(arguments.kbits)
        asyncio.run(compare(arguments.viewers, arguments.seconds, encoding, arguments.times))


if __name__ == "__main__":
    main()
