"""The simulator: an RTSP server whose cameras are clips, on the caller's loop or its own thread."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from media.simulator.clip import SimulatorError, read_clip
from media.simulator.connection import Connection
from media.simulator.mount import Mount
from media.simulator.options import MountOptions, SimulatorOptions

__all__ = ["Simulator", "SimulatorOptions", "SimulatorThread"]


class Simulator:
    """Cameras on one RTSP port, between `async with` and its end.

    `add` and `url` may be called from any thread, as may a mount's fault methods. When the context
    ends every connection is cut and every player's thread joined.
    """

    def __init__(self, options: SimulatorOptions | None = None) -> None:
        self._options = options or SimulatorOptions()
        self._mounts: dict[str, Mount] = {}
        self._replaced: list[Mount] = []
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._server: asyncio.Server | None = None
        self._port: int | None = None

    def add(self, path: str, clip: Path, options: MountOptions | None = None) -> Mount:
        """A camera at `rtsp://host:port/{path}`; an earlier one there loses its clients.

        The clip (MP4, MOV, Matroska, …: what libav reads) holds H.264 or H.265, and may hold AAC,
        Opus or G.711. Its headers and packet times are read at once, its pictures are not decoded.

        Raises:
            SimulatorError: the clip can't be played.
        """
        mount = Mount(path.strip("/"), read_clip(clip), options or MountOptions())
        earlier = self._mounts.get(mount.path)
        self._mounts[mount.path] = mount
        if earlier is not None:
            self._replaced.append(earlier)
            earlier.kick()
        return mount

    @property
    def port(self) -> int:
        """The port listened on.

        Raises:
            SimulatorError: it is not running.
        """
        if self._port is None:
            raise SimulatorError("the simulator does not run")
        return self._port

    def url(self, path: str, *, with_credentials: bool = True) -> str:
        """A camera's address, with user and password where the simulator asks for them."""
        credentials = self._options.credentials
        sign_in = ""
        if credentials is not None and with_credentials:
            user, password = quote(credentials.user, safe=""), quote(credentials.password, safe="")
            sign_in = f"{user}:{password}@"
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"rtsp://{sign_in}{host}:{self.port}/{path.strip('/')}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, self._options.host, self._options.port
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections.values():
            connection.abort()
        await asyncio.gather(*self._connections)
        if self._server is not None:
            await self._server.wait_closed()
        for mount in [*self._mounts.values(), *self._replaced]:
            mount.close()
        self._server = self._port = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if writer.get_extra_info("peername") is None:  # gone before it was accepted
            writer.close()
            return
        connection = Connection(self._options, self._mounts, reader, writer)
        task = asyncio.get_running_loop().create_task(connection.serve())
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)


class SimulatorThread:
    """A simulator on a thread and loop of its own, for callers without one.

    The context is the `Simulator` itself, running; when it ends, the thread has ended.
    """

    def __init__(self, options: SimulatorOptions | None = None) -> None:
        self._simulator = Simulator(options)
        self._running: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> Simulator:
        self._thread.start()
        self._running.result()
        return self._simulator

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.result().call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            if self._running.done():
                raise
            self._running.set_exception(error)

    async def _serve(self) -> None:
        async with self._simulator:
            self._running.set_result(asyncio.get_running_loop())
            await self._stop.wait()
