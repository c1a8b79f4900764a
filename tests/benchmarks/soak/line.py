"""A TCP line between a worker and a camera that can be slowed down to a byte a second."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SECONDS_A_BYTE = 1.0


class Line:
    """While it is slow, of what the camera sends one byte a second arrives; the rest waits."""

    def __init__(self, camera_port: int) -> None:
        self.port = 0
        self.is_slow = False
        self._camera_port = camera_port
        self._pumps: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pump = asyncio.current_task()
        assert pump is not None
        self._pumps.add(pump)
        try:
            from_camera, to_camera = await asyncio.open_connection("127.0.0.1", self._camera_port)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, to_camera))
                both.create_task(self._pump(from_camera, writer, delayed=True))
        except* OSError:
            writer.close()
        finally:
            self._pumps.discard(pump)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, delayed: bool = False
    ) -> None:
        try:
            while part := await reader.read(65_536):
                while delayed and self.is_slow and part:
                    writer.write(part[:1])
                    part = part[1:]
                    await asyncio.sleep(SECONDS_A_BYTE)
                    if writer.is_closing():
                        raise ConnectionResetError("the worker has gone")
                writer.write(part)
                await writer.drain()
        finally:
            writer.close()

    async def close(self) -> None:
        pumps = list(self._pumps)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


@asynccontextmanager
async def line_to(camera_port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Line]:
    """Listens on a port of its own, so that each camera has an address of its own."""
    line = Line(camera_port)
    listening = await asyncio.start_server(line.accept, "127.0.0.1", 0, ssl=tls)
    line.port = listening.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        listening.close()
        await line.close()
