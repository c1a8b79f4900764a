"""A network between a client and a PostgreSQL server that can be parted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class Network:
    """While it is parted nothing passes and nobody is told: what was sent arrives afterwards."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._whole = asyncio.Event()
        self._whole.set()
        self._pumps: set[asyncio.Task[None]] = set()

    def part(self) -> None:
        self._whole.clear()

    def heal(self) -> None:
        self._whole.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pump = asyncio.current_task()
        assert pump is not None
        self._pumps.add(pump)
        ends = [writer]
        try:
            await self._whole.wait()
            there, back = await asyncio.open_unix_connection(str(self._server / SOCKET))
            ends.append(back)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, back))
                both.create_task(self._pump(there, writer))
        except* OSError:
            pass  # one side hung up: so does the other
        finally:
            self._pumps.discard(pump)
            for end in ends:
                end.close()
            for end in ends:
                with suppress(OSError):
                    await end.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            await self._whole.wait()
            writer.write(part)
            await writer.drain()
        await self._whole.wait()
        writer.close()

    async def close(self) -> None:
        pumps = list(self._pumps)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


@asynccontextmanager
async def network(server: Path, folder: Path) -> AsyncIterator[Network]:
    """Between the server whose socket is in one folder and whoever connects in the other."""
    between = Network(server)
    listening = await asyncio.start_unix_server(between.accept, str(folder / SOCKET))
    try:
        yield between
    finally:
        listening.close()
        await between.close()
