"""A small web server on this machine that serves one file, with faults on command."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What `/file` answers, and what it was asked.

    Attributes:
        cuts: after how many bytes each of the next answers breaks off.
        ranges: the Range header of each request; None where it had none.
        with_ranges: whether Range is understood.
        silent_s: how long an answer is kept waiting.
    """

    content: bytes
    status: int = 200
    with_ranges: bool = True
    with_length: bool = True
    silent_s: float = 0.0
    cuts: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(served: Served) -> Iterator[str]:
    """The address of the file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, served)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file"
    finally:
        served.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, served: Served) -> None:
    asked = handler.headers.get("Range")
    served.ranges.append(asked)
    served.stop.wait(served.silent_s)
    if served.status != 200:
        handler.send_error(served.status)
        return
    start = 0
    if asked is not None and served.with_ranges:
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(served.content):
            handler.send_error(416)
            return
        handler.send_response(206)
    else:
        handler.send_response(200)
    body = served.content[start:]
    if served.with_length:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    cut = served.cuts.pop(0) if served.cuts else len(body)
    handler.wfile.write(body[:cut])
    handler.close_connection = True
