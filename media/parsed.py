"""Playlists that were read lately: to parse a full hour's takes 2 ms."""

from __future__ import annotations

import os
import threading
import time
from typing import BinaryIO

from media.playlist import Playlist, parse

MOST = 16
"""A full hour's takes 0.3 MB."""
SETTLED_NS = 2_000_000_000
"""A file that was written within this time may be written again and look the same: file systems
count time in steps (as git's "racy" entries have it)."""


class ParsedPlaylists:
    """Of any thread. A file is known by what changes whenever its content does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[int, ...], Playlist] = {}

    def read(self, file: BinaryIO) -> Playlist:
        """What an open disk playlist says."""
        found = os.fstat(file.fileno())
        key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        with self._lock:
            known = self._known.pop(key, None)
            if known is not None:
                self._known[key] = known  # the last to go
                return known
        read = parse(file.read().decode("utf-8", "replace"))
        if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) >= SETTLED_NS:
            with self._lock:
                self._known[key] = read
                while len(self._known) > MOST:
                    del self._known[next(iter(self._known))]
        return read
