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
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")
_LOOK_S = 0.25
_lock = threading.Lock()
_held_inodes: set[int] = set()


class Grip:
    """A second descriptor of somebody else's connection: it can't become another file meanwhile."""

    def __init__(self, connection: socket.socket, inode: int) -> None:
        self._connection = connection
        self._inode = inode

    def cut(self) -> None:
        """From any thread: whoever reads sees the connection's end."""
        with _lock:
            if self._connection.fileno() >= 0:
                try:
                    self._connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # it has ended by itself

    def release(self) -> None:
        """Lets go; the connection closes when FFmpeg has closed it as well."""
        with _lock:
            _held_inodes.discard(self._inode)
            self._connection.close()


def grip(ip: str, port: int) -> Grip | None:
    """The one connection of this process to that place which nobody holds.

    None where it can't be told: no /proc, or several are being opened at this moment.
    """
    wanted = ip_address(ip)
    with _lock:
        found = [
            (connection, inode)
            for connection, inode in _connections(_held_inodes)
            if _leads_to(connection, wanted, port)
        ]
        if len(found) == 1:
            _held_inodes.add(found[0][1])
            return Grip(*found[0])
        for connection, _ in found:
            connection.close()
        return None


def _connections(but: set[int]) -> list[tuple[socket.socket, int]]:
    """Duplicates of this process's sockets, with their inodes; the caller owns them."""
    try:
        numbers = [int(name) for name in os.listdir(_DESCRIPTORS)]
    except OSError:
        return []
    sockets = []
    for number in numbers:
        try:
            status = os.fstat(number)
            if stat.S_ISSOCK(status.st_mode) and status.st_ino not in but:
                sockets.append((socket.socket(fileno=os.dup(number)), status.st_ino))
        except OSError:
            continue  # closed meanwhile
    return sockets


def _leads_to(connection: socket.socket, ip: IPv4Address | IPv6Address, port: int) -> bool:
    """Whether it is connected there; if not, the duplicate is closed."""
    leads = False
    with contextlib.suppress(OSError, ValueError):
        peer = connection.getpeername()
        leads = isinstance(peer, tuple) and (ip_address(peer[0]), peer[1]) == (ip, port)
    if not leads:
        connection.close()
    return leads


class Watch:
    """One reader's life signs. `reading` and `count` are its own, the rest the watchdog's."""

    def __init__(self, held: Grip, limit_s: float) -> None:
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
