"""A viewer of live view for tests: aiortc as the client, over WHEP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from tests.clips import read_frame_number

SDP = {"Content-Type": "application/sdp"}


@dataclass(slots=True)
class Watcher:
    """What a viewer sees: `numbers` of the pictures in the order shown, when each came, by `loop`.

    `sounds` are the loudest samples (0..32,767) of each received piece.
    """

    connection: RTCPeerConnection
    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sounds: list[int] = field(default_factory=list)
    place: str = ""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def offer(self) -> str:
        return self.connection.localDescription.sdp

    def follow(self, track: MediaStreamTrack) -> None:
        reading = self._pictures if track.kind == "video" else self._sound
        self._tasks.append(asyncio.create_task(reading(track)))

    async def _pictures(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, VideoFrame)
                self.numbers.append(read_frame_number(frame))
                self.times.append(asyncio.get_running_loop().time())
        except MediaStreamError:
            return

    async def _sound(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self.sounds.append(int(np.abs(frame.to_ndarray().astype(np.int32)).max()))
        except MediaStreamError:
            return

    async def seen(self, count: int, seconds: float = 15) -> None:
        """Waits until so many pictures were shown."""
        async with asyncio.timeout(seconds):
            while len(self.numbers) < count:
                await asyncio.sleep(0.02)

    async def ended(self, seconds: float = 10) -> None:
        """Waits until the server has ended the connection."""
        async with asyncio.timeout(seconds):
            while self.connection.connectionState not in ("closed", "failed"):
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self.connection.close()
        for task in self._tasks:
            task.cancel()  # aiortc ends no track whose connection never came to be
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def watcher(*kinds: str) -> AsyncIterator[Watcher]:
    """A viewer who wants pictures, or what is named, and has not offered yet."""
    made = Watcher(RTCPeerConnection())
    for kind in kinds or ("video",):
        made.connection.addTransceiver(kind, direction="recvonly")
    made.connection.on("track", made.follow)
    try:
        await made.connection.setLocalDescription(await made.connection.createOffer())
        yield made
    finally:
        await made.close()


async def offered(client: httpx.AsyncClient, camera_id: str, viewer: Watcher) -> httpx.Response:
    """The answer to the viewer's offer, whatever it is; heard by the viewer when it is one."""
    place = f"/v2/live/{camera_id}/whep"
    answer = await client.post(place, content=viewer.offer, headers=SDP)
    if answer.status_code == 201:
        viewer.place = answer.headers["location"]
        await accepted(viewer, answer.text)
    return answer


async def accepted(viewer: Watcher, sdp: str) -> None:
    await viewer.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
