"""Bytes of an open file over HTTP: whole, a part, or not at all (RFC 9110, 13 and 14)."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from compat_rest.errors import RangeNotSatisfiable, problem, problem_response
from resolvers.errors import FootageAway
from resolvers.stores import FarFile

log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
MOST_KEEP_SECONDS = 3600
NO_HEADERS: Mapping[str, str] = {}

_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


IsOver = Callable[[], bool]
"""Whether who asked may have no more; asked before each chunk.

Then the connection is closed before its time, as the status is long sent: a player knows by that
that the file is not whole.
"""


def never_over() -> bool:
    return False


def kept(seconds: int) -> dict[str, str]:
    """How long browsers keep what never changes: for its reader alone, by credential."""
    return {
        "Cache-Control": f"private, max-age={seconds}, immutable",
        "Vary": "Authorization",
    }


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes [start, end) of a file."""

    start: int
    end: int


class FileResponse(Response):
    """Sends an open file that never changes, and closes it, come what may.

    One range is honoured; several are answered with the whole, which a server may. Browsers keep
    the bytes apart by credential: two tenants may use the same address on one machine.
    """

    def __init__(
        self,
        file: BinaryIO,
        media_type: str,
        keep_seconds: int = MOST_KEEP_SECONDS,
        is_over: IsOver = never_over,
        more: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        """`more` are headers beside those that tell of the bytes."""
        super().__init__(media_type=media_type)
        self._file, self._keep_seconds, self._is_over = file, keep_seconds, is_over
        self._more = more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            status = os.fstat(self._file.fileno())
            size, tag = status.st_size, f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            asked = Headers(scope=scope)
            if has_tag(asked.get("if-none-match"), tag):
                await Response(None, 304, self._kept(tag))(scope, receive, send)
                return
            try:
                part = _part(asked, size, tag) if scope["method"] == "GET" else None
            except RangeNotSatisfiable as error:
                shown = problem(error.status, error.code, error.detail)
                await problem_response(shown, error.headers)(scope, receive, send)
                return
            await self._send(part, size, tag, send, body=scope["method"] != "HEAD")

    def _kept(self, tag: str) -> dict[str, str]:
        return {"ETag": tag, **kept(self._keep_seconds)}

    async def _send(
        self, part: Part | None, size: int, tag: str, send: Send, *, body: bool
    ) -> None:
        sent = part or Part(0, size)
        headers = {
            **self._more,
            **self._kept(tag),
            "Content-Type": self.media_type or "",
            "Content-Length": str(sent.end - sent.start),
            "Accept-Ranges": "bytes",
            "X-Content-Type-Options": "nosniff",
        }
        if part is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        status = 200 if part is None else 206
        await send({"type": "http.response.start", "status": status, "headers": raw})
        left = sent.end - sent.start if body else 0
        self._file.seek(sent.start)
        while left > 0:
            chunk = await asyncio.to_thread(self._file.read, min(CHUNK_BYTES, left))
            if not chunk:
                raise OSError("a recording became shorter while it was read")
            if self._is_over():
                return
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        if not body or sent.end == sent.start:
            await send({"type": "http.response.body", "body": b""})


class RelayedResponse(Response):
    """Sends what another host sends of a file, as it comes, and closes it, come what may.

    That host has judged ranges and conditions. Where its bytes break off the connection is closed,
    as for who may have no more.
    """

    def __init__(
        self,
        file: FarFile,
        keep_seconds: int = MOST_KEEP_SECONDS,
        is_over: IsOver = never_over,
        more: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        """`more` are headers beside, or in place of, those that the other host sends."""
        super().__init__(status_code=file.status)
        self._far, self._keep_seconds, self._is_over = file, keep_seconds, is_over
        self._more = more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = {name.lower(): value for name, value in self._far.headers.items()}
            if "cache-control" in headers:  # that host does not know whose request it is
                said = kept(self._keep_seconds)
                headers |= {name.lower(): value for name, value in said.items()}
            if self._far.status in (200, 206):
                headers |= {name.lower(): value for name, value in self._more.items()}
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            status = self._far.status
            await send({"type": "http.response.start", "status": status, "headers": raw})
            async for chunk in self._far.chunks:
                if self._is_over():
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except FootageAway as error:
            log.warning("a file broke off while it was sent: %s", error)
        finally:
            await self._far.close()


def has_tag(given: str | None, tag: str) -> bool:
    """Whether a list of entity tags (compared weakly) has this one."""
    if given is None:
        return False
    names = [each.strip().removeprefix("W/") for each in given.split(",")]
    return tag in names or names == ["*"]


def _part(asked: Headers, size: int, tag: str) -> Part | None:
    """The one range that is asked for; None for the whole.

    Raises:
        RangeNotSatisfiable: it begins behind the end.
    """
    found = _RANGE.fullmatch(asked.get("range", ""))
    if found is None or asked.get("if-range", tag) != tag:
        return None
    first, last = found[1], found[2]
    if not first and not last:
        return None
    if first and last and int(first) > int(last):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        raise RangeNotSatisfiable(
            f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"}
        )
    return Part(start, end)
