"""What FFmpeg's libraries may do and say in this process.

No redirects, no piece of memory that is larger than a picture, nothing in our logs.
"""

from __future__ import annotations

import ctypes
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av.logging

_LARGEST_BYTES = 128 << 20
"""A picture of 8K in RGB takes 100 MB; nothing else that a camera sends is nearly as large."""
_REDIRECT = re.compile(r"Status \d+: Redirecting to ")
_TRANSPORT = re.compile(r"line='Transport:(?P<what>[^']*)(?P<end>')?", re.IGNORECASE)
_SOURCE = re.compile(r"source(?:=([^;,\s]*))?", re.IGNORECASE)
_lock = threading.Lock()
_openings: dict[int, Opening] = {}

Allows = Callable[[str], bool]


class Opening:
    """One attempt to open a source, in the thread that makes it.

    `allows` says of an address whether packets may come from it over UDP; None over TCP.
    """

    def __init__(self, timeout_s: float, allows: Allows | None = None) -> None:
        self.ends_at = time.monotonic() + timeout_s
        self.allows = allows
        self.redirected = False

    @property
    def is_over(self) -> bool:
        """Whether the open time-out has come, but for a little."""
        return time.monotonic() >= self.ends_at - 0.05

    def leads_away(self, message: str) -> bool:
        """Whether FFmpeg says that it will send to another address."""
        if _REDIRECT.match(message):
            return True
        transport = _TRANSPORT.match(message)
        if self.allows is None or transport is None:
            return False
        named = _SOURCE.findall(transport["what"])
        # Of a line that is too long for the log the rest is not seen.
        return transport["end"] is None or not all(map(self.allows, named))


@contextmanager
def opening(timeout_s: float, allows: Allows | None = None) -> Iterator[Opening]:
    """Watches an `av.open` of this thread, whose open time-out is `timeout_s`, for redirects.

    FFmpeg's RTSP client follows a 3xx answer to any address, has no option against it, and PyAV
    does not show the new one; so a camera could lead us into networks that cameras may not be
    on. It logs the redirect before it connects, in the same thread. So the log is listened to
    while anything is being opened, and the listener sleeps through the rest of the open time-out:
    FFmpeg then gives up before a byte is sent. Over UDP it also sends reports to whatever
    `source` an answer names: the answers themselves are in its most detailed log.

    Outside of openings FFmpeg's log stays off, as PyAV leaves it: formatting messages under the
    GIL can deadlock with decoders of several threads. What is heard goes nowhere else: it
    contains addresses with credentials.
    """
    own = Opening(timeout_s, allows)
    with _lock:
        _openings[threading.get_ident()] = own
        _set_level()
    try:
        yield own
    finally:
        with _lock:
            del _openings[threading.get_ident()]
            _set_level()


def _set_level() -> None:
    if any(each.allows is not None for each in _openings.values()):
        av.logging.set_level(av.logging.TRACE)
    else:
        av.logging.set_level(av.logging.INFO if _openings else None)


class _RedirectListener(logging.Handler):
    def createLock(self) -> None:
        """No lock: one camera's sleep must not hold up the others."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        own = _openings.get(threading.get_ident())
        if own is not None and own.leads_away(record.getMessage()):
            own.redirected = True
            time.sleep(max(0.0, own.ends_at - time.monotonic()) + 0.05)


def _listen() -> None:
    root = logging.getLogger("libav")
    root.propagate = False
    root.addHandler(logging.NullHandler())
    rtsp = logging.getLogger("libav.rtsp")
    rtsp.propagate = False
    rtsp.setLevel(1)  # TRACE has a level below DEBUG
    rtsp.addHandler(_RedirectListener())
    av.logging.set_skip_repeated(False)  # a second redirect to the same place is news


def _bound_memory() -> None:
    """FFmpeg takes as much as a camera says: a description of 2 GB, or a picture without end.

    Its limit for one piece of memory has no name in PyAV; without `/proc` there is none.
    """
    with suppress(OSError, AttributeError):
        mapped = Path("/proc/self/maps").read_text().splitlines()
        for path in {line.split(None, 5)[5] for line in mapped if "/libavutil" in line}:
            ctypes.CDLL(path).av_max_alloc(ctypes.c_size_t(_LARGEST_BYTES))


_listen()
_bound_memory()
