"""A worker's internal port: answers what API processes ask of the store that it writes to."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.calls import ALIVE, EXPORT, FILE, FRAMES, KEY_PICTURES, Call, CallKey
from app.live_port import live_routes
from app.serving import serving
from compat_rest.errors import exception_handlers
from compat_rest.files import FileResponse
from compat_rest.hls import MEDIA_TYPES, PLAYLIST_TYPE
from compat_rest.limits import BodyLimit
from media.export.folder import open_export
from media.key_pictures import key_pictures_of
from media.live.sessions import LiveSessions
from media.playlist import PLAYLIST_NAME, dump
from media.store import CameraFolder, Hour, RecordingNotFound, RecordingStore
from resolvers.errors import NotAuthenticated, NotFound

log = logging.getLogger(__name__)

Answer = Callable[[Call, Request], Awaitable[Response]]

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


@dataclass(frozen=True, slots=True)
class PortOptions:
    """Where the port listens, and under which base URL API processes reach it.

    `address` None is made of the host, or of this machine's name where it listens on all.
    """

    host: str
    port: int
    address: str | None = None

    def base(self, port: int) -> str:
        """`port` is the one listened on."""
        if self.address is not None:
            return self.address.rstrip("/")
        host = socket.gethostname() if self.host in EVERY_ADDRESS else self.host
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(slots=True)
class WorkerPort:
    """Runs beside a worker; `tell` gets the base URL once it is open.

    `status` are routes for who watches over the worker: they are not signed.
    """

    store: RecordingStore
    key: CallKey
    options: PortOptions
    tell: Callable[[str], None]
    status: Sequence[BaseRoute] = ()
    live: LiveSessions | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop`. Raises ServingError when the port can't be listened on."""
        app = worker_app(self.store, self.key, self.status, self.live)
        async with serving(app, self.options.host, self.options.port) as server:
            base = self.options.base(server.port)
            log.info("footage is served to API processes at %s", base)
            self.tell(base)
            await stop.wait()


def worker_app(
    store: RecordingStore,
    key: CallKey,
    status: Sequence[BaseRoute] = (),
    live: LiveSessions | None = None,
) -> Starlette:
    """The ASGI app. Every other route is for signed calls alone, and is told what was signed."""
    footage = _Footage(store)

    def route(path: str, answer: Answer, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            return await answer(_signed(request, store, key), request)

        return Route(path, endpoint, methods=[method])

    exports = _Exports(store)
    shown = [route(*each) for each in live_routes(live)] if live is not None else []

    return Starlette(
        routes=[
            route(ALIVE, _alive),
            route(FILE, footage.answer),
            route(EXPORT, exports.answer),
            *shown,
            *status,
        ],
        middleware=[Middleware(BodyLimit)],
        exception_handlers=exception_handlers,
    )


def _signed(request: Request, store: RecordingStore, key: CallKey) -> Call:
    """Raises NotAuthenticated unless exactly this request was signed."""
    if request.url.query:
        raise NotAuthenticated("the call was signed for another address")
    path = request.scope["raw_path"].decode("latin-1")
    given = request.headers.get("authorization", "")
    return key.checked(given, store.store_id, request.method, path)


async def _alive(_: Call, __: Request) -> Response:
    return Response(status_code=204)


class _Footage:
    """Playlists as they are on disk, and files. The store judges every name."""

    def __init__(self, store: RecordingStore) -> None:
        self._store = store

    async def answer(self, call: Call, request: Request) -> Response:
        if call.camera is None:
            raise NotFound("the call names no camera")
        hour = Hour(request.path_params["date"], request.path_params["hour"])
        name = request.path_params["name"]
        try:
            if name == PLAYLIST_NAME:
                text = await asyncio.to_thread(self._playlist, call.camera, hour)
                return PlainTextResponse(text, media_type=PLAYLIST_TYPE)
            if name == KEY_PICTURES:
                told = await asyncio.to_thread(self._key_pictures, call.camera, hour)
                return Response(told, media_type="application/json")
            if run := FRAMES.fullmatch(name):
                run_id = UUID(run[1])
                told = await asyncio.to_thread(self._store.frames, call.camera, hour, run_id)
                return Response(told, media_type="application/octet-stream")
            file = await asyncio.to_thread(self._store.open_file, call.camera, hour, name)
        except RecordingNotFound as error:
            raise NotFound("there is no such recording") from error
        return FileResponse(file, MEDIA_TYPES[name[-4:]])

    def _key_pictures(self, camera: CameraFolder, hour: Hour) -> bytes:
        names = (each.name for each in self._store.playlist(camera, hour).segments)
        return msgspec.json.encode(key_pictures_of(self._store, camera, hour, names))

    def _playlist(self, camera: CameraFolder, hour: Hour) -> str:
        return dump(self._store.playlist(camera, hour))


class _Exports:
    """Files of exports. Who may have them is judged by who signed the call."""

    def __init__(self, store: RecordingStore) -> None:
        self._store = store

    async def answer(self, _: Call, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            claim = UUID(request.path_params["claim"])
            file = await asyncio.to_thread(open_export, self._store.root, claim, name)
        except (ValueError, RecordingNotFound) as error:
            raise NotFound("there is no such export") from error
        return FileResponse(file, "application/octet-stream")
