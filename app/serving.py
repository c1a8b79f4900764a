"""Runs an ASGI app until the process is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

GRACE_SECONDS = 2


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return int(self.servers[0].sockets[0].getsockname()[1])


class ServingError(Exception):
    """The address cannot be listened on."""


@asynccontextmanager
async def serving(
    app: ASGIApp, host: str, port: int, stopping: asyncio.Event | None = None
) -> AsyncIterator[Server]:
    """Serves while the context is open; open requests get GRACE_SECONDS to end.

    `stopping` is set then, for those that would last. uvicorn's own access log is off: it would
    write addresses with tokens in them.

    Raises:
        ServingError: the port is taken, or the address is not this machine's.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=1024 * 1024,
        ws_per_message_deflate=False,  # a window of 64 kB and more for each socket
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config)
    task = asyncio.create_task(_serve(server), name="http")
    listening = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            raise ServingError(f"cannot listen on {host}:{port}: is the port taken?")
        yield server
    finally:
        listening.cancel()
        if stopping is not None:
            stopping.set()
        server.should_exit = True
        await task


async def _serve(server: Server) -> None:
    with suppress(SystemExit):  # uvicorn's way to say that it could not bind
        await server.serve()


@asynccontextmanager
async def told_to_stop() -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set while the context is open."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    kinds = (signal.SIGINT, signal.SIGTERM)
    for kind in kinds:
        loop.add_signal_handler(kind, stop.set)
    try:
        yield stop
    finally:
        for kind in kinds:
            loop.remove_signal_handler(kind)
