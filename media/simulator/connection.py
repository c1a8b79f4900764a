"""One client's connection: bytes in and out, and the end of a session nobody listens to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from media.simulator.conversation import Conversation, HangUp
from media.simulator.messages import MalformedRequest, Response, Status, read_request
from media.simulator.mount import Mount
from media.simulator.options import SimulatorOptions
from media.simulator.session import Link

log = logging.getLogger(__name__)


class Connection:
    """Serves one client until either side closes. Loop only."""

    def __init__(
        self,
        options: SimulatorOptions,
        mounts: Mapping[str, Mount],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._timeout_seconds = options.session_timeout_seconds
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._expiry: asyncio.TimerHandle | None = None
        link = Link(
            connection=writer.transport,
            local=writer.get_extra_info("sockname")[0],
            peer=writer.get_extra_info("peername")[0],
            heard=self._hear,
            max_buffer_bytes=options.max_buffer_bytes,
        )
        self._conversation = Conversation(options, mounts, link)

    async def serve(self) -> None:
        self._await_sign_of_life()
        try:
            while True:
                await self._serve_request()
        except MalformedRequest as error:
            log.info("a client sent what is not RTSP: %s", error)
            self._write(Response(Status.BAD_REQUEST).encoded("0"))
        except (asyncio.IncompleteReadError, ConnectionError, HangUp):
            log.debug("a connection ends")
        finally:
            if self._expiry is not None:
                self._expiry.cancel()
            self._conversation.end_session()
            self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()

    async def _serve_request(self) -> None:
        request = await read_request(self._reader)
        self._hear()
        if request is None:
            return
        response = self._conversation.answer(request)
        if response is not None:
            self._write(response.encoded(request.headers.get("cseq", "0")))

    def _write(self, encoded: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(encoded)

    def _hear(self) -> None:
        self._heard_at = self._loop.time()

    def _await_sign_of_life(self) -> None:
        """One timer, set anew when it fires: hearing the client costs no timer operation."""
        remaining = self._heard_at + self._timeout_seconds - self._loop.time()
        if remaining <= 0 and self._conversation.needs_signs_of_life:
            log.info("a client gave no sign of life: its session ends")
            self._conversation.end_session()
        if remaining <= 0:
            remaining = self._timeout_seconds
        self._expiry = self._loop.call_later(remaining, self._await_sign_of_life)
