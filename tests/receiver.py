"""A receiver of webhooks, as its owner might write one: an HTTP server that checks what comes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

TOLERANCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def words(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def event_id(self) -> str:
        """Of the event that it tells of; the type where it tells of none."""
        return str(self.words["data"].get("event", {}).get("id", self.words["type"]))

    def verify(self, secret: str) -> None:
        """As the specification of Standard Webhooks says a receiver should, without our code."""
        assert secret[:6] == "whsec_"
        key = base64.b64decode(secret[6:], validate=True)
        assert 24 <= len(key) <= 64
        stamp = self.headers["webhook-timestamp"]
        assert abs(time.time() - int(stamp)) < TOLERANCE_SECONDS
        assert "." not in self.id
        signed = f"{self.id}.{stamp}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        versions = [each.split(",", 1) for each in self.headers["webhook-signature"].split(" ")]
        assert ["v1", wanted] in versions


Answer = tuple[int, dict[str, str]]
"""Status and headers."""


def ok(_: Received) -> Answer:
    return 200, {}


@dataclass(slots=True)
class Receiver:
    """`answer` may be changed at any time; `delay` is in seconds before each answer."""

    answer: Callable[[Received], Answer] = ok
    delay: float = 0.0
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/hook?key=1"

    async def start(self) -> None:
        """On the port it had before, if it had one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Like a process that is killed: nobody listens, and connections are gone."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await server.wait_closed()

    async def take(self, count: int, seconds: float = 30) -> Sequence[Received]:
        """Waits until there are so many, and gives all that came."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.received) >= count)
        return list(self.received)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (one := await _request(reader)) is not None:
                async with self._news:
                    self.received.append(one)
                    self._news.notify_all()
                status, headers = self.answer(one)
                await asyncio.sleep(self.delay)
                lines = [f"HTTP/1.1 {status} x", "Content-Length: 2"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", "ok"]).encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender has gone
        finally:
            self._open.discard(writer)
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
    method, path, _ = first.split(" ")
    assert method == "POST"
    body = await reader.readexactly(int(headers["content-length"]))
    return Received(path, headers, body)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(tls=tls)
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()
