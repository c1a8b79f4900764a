"""Clients for the simulator's tests: PyAV as a player, and a bare socket that speaks RTSP."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import av
from av.container import InputContainer
from av.packet import Packet

QUICK_PROBE = {"probesize": "32768", "analyzeduration": "0"}


@contextmanager
def playing(url: str, transport: str = "tcp", read_timeout: float = 5) -> Iterator[InputContainer]:
    options = {"rtsp_transport": transport, **QUICK_PROBE}
    with av.open(url, "r", options=options, timeout=(5, read_timeout)) as container:
        yield container


def video_packets(container: InputContainer, count: int) -> list[Packet[Any]]:
    """The next packets that have both times."""
    found: list[Packet[Any]] = []
    for packet in container.demux(video=0):
        if packet.pts is not None and packet.dts is not None:
            found.append(packet)
        if len(found) == count:
            break
    return found


def video_frames(container: InputContainer, count: int) -> list[av.VideoFrame]:
    frames: list[av.VideoFrame] = []
    for frame in container.decode(video=0):
        frames.append(frame)
        if len(frames) == count:
            break
    return frames


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Frame:
    channel: int
    packet: bytes

    @property
    def sequence(self) -> int:
        return int.from_bytes(self.packet[2:4], "big")

    @property
    def timestamp(self) -> int:
        return int.from_bytes(self.packet[4:8], "big")


class RtspSocket:
    """One RTSP connection. Interleaved frames that come between replies are kept in order."""

    def __init__(self, url: str, receive_buffer_bytes: int | None = None) -> None:
        match = re.fullmatch(r"rtsp://(?:[^@/]*@)?([^:/]+):(\d+)/.*", url)
        assert match
        self.url = url
        self._socket = socket.socket()
        if receive_buffer_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._socket.settimeout(5)
        self._socket.connect((match[1], int(match[2])))
        self._received = bytearray()
        self._sequence = 0
        self._frames: list[Frame] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self, method: str, uri: str | None = None, **headers: str) -> Reply:
        """Send a request and wait for its reply; `_` in a header's name stands for `-`."""
        self._sequence += 1
        lines = [f"{method} {uri or self.url} RTSP/1.0", f"CSeq: {self._sequence}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())
        return self.reply()

    def set_up(self, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1", track: int = 0) -> str:
        """Set one track up; the session's id."""
        reply = self.ask("SETUP", f"{self.url}/trackID={track}", Transport=transport)
        assert reply.status == 200
        return reply.headers["session"].partition(";")[0]

    def play(self) -> str:
        """Set the first track up over TCP and play it; the session's id."""
        session = self.set_up()
        assert self.ask("PLAY", Session=session).status == 200
        return session

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def reply(self) -> Reply:
        while (first := self._read(1)) == b"$":
            self._frames.append(self._frame())
        head = first + self._read_until_empty_line()
        start, *lines = head.decode().rstrip().split("\r\n")
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines):
            known = headers.get(name.lower())
            headers[name.lower()] = f"{known}, {value.strip()}" if known else value.strip()
        body = self._read(int(headers.get("content-length", "0")))
        return Reply(int(start.split(" ")[1]), headers, body.decode())

    def frame(self) -> Frame:
        """The next interleaved frame."""
        if self._frames:
            return self._frames.pop(0)
        assert self._read(1) == b"$"
        return self._frame()

    def frame_within(self, seconds: float) -> Frame:
        """The next interleaved frame, or TimeoutError; the connection can be used afterwards."""
        if not self._frames and self.is_silent(seconds):
            raise TimeoutError
        return self.frame()

    def rtp_frames(self, count: int, channel: int = 0) -> list[Frame]:
        found: list[Frame] = []
        while len(found) < count:
            frame = self.frame()
            if frame.channel == channel:
                found.append(frame)
        return found

    @property
    def has_waiting_frames(self) -> bool:
        """Whether frames came before the last reply."""
        return bool(self._frames)

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing at all comes for so long; what comes is kept."""
        return not self._received and not select.select([self._socket], [], [], seconds)[0]

    def has_ended(self) -> bool:
        """Whether the server closes; what comes before is dropped."""
        try:
            while self._socket.recv(65_536):
                pass
        except ConnectionError:
            return True
        return True

    def _frame(self) -> Frame:
        head = self._read(3)
        return Frame(head[0], self._read(int.from_bytes(head[1:], "big")))

    def _read(self, size: int) -> bytes:
        while len(self._received) < size:
            more = self._socket.recv(65_536)
            if not more:
                raise EOFError
            self._received += more
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _read_until_empty_line(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._read(1)
        return head
