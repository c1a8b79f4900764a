"""RTSP requests and responses (RFC 2326) as text on a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

_MAX_BODY_BYTES = 64 * 1024
_MAX_SKIPPED_LINE_ENDS = 16
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version not supported",
    551: "Option not supported",
}


class Status(IntEnum):
    OK = 200
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    NOT_FOUND = 404
    SESSION_NOT_FOUND = 454
    METHOD_NOT_VALID = 455
    AGGREGATE_NOT_ALLOWED = 459
    UNSUPPORTED_TRANSPORT = 461
    NOT_IMPLEMENTED = 501
    UNAVAILABLE = 503
    VERSION_NOT_SUPPORTED = 505
    OPTION_NOT_SUPPORTED = 551


class MalformedRequest(Exception):
    """What came is not an RTSP request; the connection can't go on."""


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case; the body has been read and dropped."""

    method: str
    uri: str
    version: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Header:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Response:
    status: Status
    headers: tuple[Header, ...] = ()
    body: str = ""

    def encoded(self, sequence: str) -> bytes:
        """The message, with the request's CSeq."""
        lines = [f"RTSP/1.0 {self.status:d} {_REASONS[self.status]}", f"CSeq: {sequence}"]
        lines += [f"{header.name}: {header.value}" for header in self.headers]
        body = self.body.encode()
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None for an interleaved frame (a receiver report), which is skipped.

    Raises:
        MalformedRequest: the bytes are something else, or too long.
        asyncio.IncompleteReadError: the client has gone.
    """
    first = await _first_byte(reader)
    if first == b"$":
        channel_and_length = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(channel_and_length[1:], "big"))
        return None
    try:
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise MalformedRequest("the header is too long") from error
    request = _parsed(head)
    await reader.readexactly(_body_bytes(request))
    return request


async def _first_byte(reader: asyncio.StreamReader) -> bytes:
    """Empty lines before a request are allowed: RFC 2326, 4 refers to RFC 2068, 4.1."""
    for _ in range(_MAX_SKIPPED_LINE_ENDS):
        first = await reader.readexactly(1)
        if first not in b"\r\n":
            return first
    raise MalformedRequest("nothing but empty lines")


def _parsed(head: bytes) -> Request:
    try:
        start_line, *header_lines = head.decode().rstrip().split("\r\n")
    except UnicodeDecodeError as error:
        raise MalformedRequest("the header is not UTF-8") from error
    parts = start_line.split(" ")
    if len(parts) != 3:
        raise MalformedRequest("no request line")
    headers: dict[str, str] = {}
    for line in header_lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise MalformedRequest("a header line without a colon")
        headers[name.strip().lower()] = value.strip()
    return Request(parts[0], parts[1], parts[2], headers)


def _body_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
        raise MalformedRequest("an impossible Content-Length")
    return int(length)
