"""Gets hold of the TCP connection that FFmpeg opened, to cut it when nothing comes or all is over.

FFmpeg can be asked to give up by its interrupt callback, but PyAV's takes the GIL for every read
of a socket, 17,000 times a second with 8 cameras, a sixth of what recording costs; and it only
knows a time-out, not "stop now". A connection that is shut down ends a read at once, too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Self

_DESCRIPTORS = Path("/proc/self/fd")
_LONGEST_WAIT_S = 5.0
_LOOK_S = 0.25
_turns: dict[tuple[str, int], threading.Lock] = {}
_turns_lock = threading.Lock()


class Grip:
    """A second descriptor of FFmpeg's connection, which so can't become another file meanwhile."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def cut(self) -> None:
        """From any thread: whoever reads sees the connection's end."""
        with self._lock, contextlib.suppress(OSError):  # it may have ended by itself
            if self._connection.fileno() >= 0:
                self._connection.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Lets go; the connection closes when FFmpeg has closed it as well."""
        with self._lock:
            self._connection.close()


class Approach:
    """One attempt to connect to a place, while in its context; tells which connection came of it.

    Attempts to the same place (the channels of one recorder) come one after the other, so that
    they can be told apart. Who has waited too long goes on beside the others.
    """

    def __init__(self, ip: str, port: int) -> None:
        self._place = (ip_address(ip), port)
        with _turns_lock:
            self._turn = _turns.setdefault((ip, port), threading.Lock())
        self._has_turn = False
        self._before: frozenset[int] = frozenset()

    def __enter__(self) -> Self:
        self._has_turn = self._turn.acquire(timeout=_LONGEST_WAIT_S)
        self._before = frozenset(_sockets())
        return self

    def __exit__(self, *_: object) -> None:
        if self._has_turn:
            self._turn.release()

    def grip(self) -> Grip | None:
        """The connection that has come since; None where it can't be told: no /proc, or several."""
        found = [
            connection
            for inode, number in _sockets().items()
            if inode not in self._before and (connection := self._connected(number)) is not None
        ]
        if len(found) == 1:
            return Grip(found[0])
        for connection in found:
            connection.close()
        return None

    def _connected(self, number: int) -> socket.socket | None:
        """A duplicate of the descriptor, when it leads to the place."""
        with contextlib.suppress(OSError, ValueError):
            connection = socket.socket(fileno=os.dup(number))
            with contextlib.suppress(OSError, ValueError):
                peer = connection.getpeername()
                if isinstance(peer, tuple) and (ip_address(peer[0]), peer[1]) == self._place:
                    return connection
            connection.close()
        return None


def _sockets() -> dict[int, int]:
    """Descriptor, by inode, of every socket of this process."""
    found: dict[int, int] = {}
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(_DESCRIPTORS)
    for name in names:
        with contextlib.suppress(OSError):  # closed meanwhile
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found[status.st_ino] = int(name)
    return found


class Watch:
    """One reader's life signs. `reading` and `count` are its own, the rest the watchdog's."""

    def __init__(self, held: Grip | None, limit_s: float) -> None:
        self.reading = False
        self.count = 0
        self.barked = False
        self._grip = held
        self._limit_s = limit_s
        self._seen = -1
        self._since = 0.0

    def look(self, now: float) -> None:
        """Cuts the connection when one read has lasted longer than the limit."""
        if self.count != self._seen or not self.reading:
            self._seen, self._since = self.count, now
        elif now - self._since >= self._limit_s and not self.barked:
            self.barked = True
            if self._grip is not None:
                self._grip.cut()


class Watchdog:
    """One thread for all readers of the process; it runs while there are any."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self._lock:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()

    def remove(self, watch: Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            with self._lock:
                watches = tuple(self._watches)
                if not watches:
                    self._thread = None
                    return
            now = time.monotonic()
            for watch in watches:
                watch.look(now)


WATCHDOG = Watchdog()
