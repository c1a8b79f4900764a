"""Thousands of WebSocket clients in one process, which only read: they cost less than a server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

TEXT, PING, PONG, CLOSE = 1, 9, 10, 8
JOINING_AT_ONCE = 50

OnText = Callable[["Client", bytes], None]


@dataclass(frozen=True, slots=True)
class Door:
    """Where a client connects, and what it says then."""

    port: int
    path: str
    subprotocol: str | None = None
    says: Sequence[object] = ()

    def handshake(self) -> bytes:
        offers = f"Sec-WebSocket-Protocol: {self.subprotocol}\r\n" if self.subprotocol else ""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\n{offers}\r\n"
        ).encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    else:
        head = bytes([0x80 | opcode, 0xFE]) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


class Client(asyncio.Protocol):
    """Calls `on_text` for every message; `opened` is set by the handshake, `closed` at the end."""

    def __init__(self, door: Door, on_text: OnText) -> None:
        self._door, self.on_text = door, on_text
        self._held = b""
        self._is_open = False
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[bytes] = loop.create_future()
        self._last_words = b""
        self.count = 0
        self.digest = 0
        self.last_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport.write(self._door.handshake())

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        if not self._is_open:
            head, end, held = held.partition(b"\r\n\r\n")
            if not end:
                self._held = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_open = True
            self.opened.set_result(None)
            for each in self._door.says:
                self.transport.write(frame(TEXT, json.dumps(each).encode()))
        self._held = self._frames(held)

    def _frames(self, held: bytes) -> bytes:
        """Takes whole frames; what is left of the bytes."""
        at, size = 0, len(held)
        while size - at >= 2:
            length, start = held[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(held[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(held[at + 2 : at + 10], "big"), at + 10
            if size < start + length:
                break
            opcode, payload = held[at] & 15, held[start : start + length]
            at = start + length
            if opcode == TEXT:
                self.on_text(self, payload)
            elif opcode == PING:
                self.transport.write(frame(PONG, payload))
            elif opcode == CLOSE:
                self._last_words = payload
                self.transport.close()
        return held[at:]

    def connection_lost(self, fault: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(fault or ConnectionResetError("before the handshake"))
        self.closed.set_result(self._last_words)


async def join(door: Door, on_text: OnText) -> Client:
    """A client whose handshake is done."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(door, on_text), "127.0.0.1", door.port)
    await client.opened
    return client


async def gather(door: Door, on_text: OnText, count: int) -> list[Client]:
    """So many clients at one door."""
    some = asyncio.Semaphore(JOINING_AT_ONCE)

    async def one() -> Client:
        async with some:
            return await join(door, on_text)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def dismiss(clients: Sequence[Client]) -> None:
    for each in clients:
        each.transport.abort()
    await asyncio.gather(*(each.closed for each in clients))


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        await asyncio.sleep(0.01)
