"""A client that asks one question again and again over kept connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a server on this machine; every answer must be a 200."""

    port: int
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        method = "GET" if self.body is None else "POST"
        head = {"host": "127.0.0.1", **self.headers}
        if self.body is not None:
            head |= {"content-type": "application/json", "content-length": str(len(self.body))}
        lines = [f"{method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items()), "", ""]
        return "\r\n".join(lines).encode() + (self.body or b"")


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is whole; answers carry a content-length."""

    def __init__(self, request: bytes, until: float) -> None:
        self._request, self._until = request, until
        self._held = bytearray()
        self.answers = 0
        self.last = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        held = self._held
        held += data
        end = held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(held[:end]).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(held) < end + 4 + length:
            return
        if not head.startswith(b"http/1.1 200"):
            self.done.set_exception(RuntimeError(f"not answered: {bytes(held[:400])!r}"))
            self._transport.close()
            return
        self.last = bytes(held[end + 4 : end + 4 + length])
        self.answers += 1
        held.clear()
        if time.perf_counter() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, fault: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None) if fault is None else self.done.set_exception(fault)


async def requests_per_second(call: Call, seconds: float) -> tuple[float, bytes]:
    """How many answers a second came over all connections, and the body of one of them."""
    loop, request = asyncio.get_running_loop(), call.encoded()
    start = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: _Connection(request, start + seconds), "127.0.0.1", call.port
        )
        for _ in range(CONNECTIONS)
    ]
    protocols = [protocol for _, protocol in made]
    await asyncio.gather(*(each.done for each in protocols))
    passed = time.perf_counter() - start
    return sum(each.answers for each in protocols) / passed, protocols[0].last
