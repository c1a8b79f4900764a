"""The worker's side of the nursery: has decoders' processes made, and ended."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import media
from media.decoding.nursery import NUMBER, OUT_OF_MEMORY
from media.types import MediaError

log = logging.getLogger(__name__)

NURSERY = "media.decoding.nursery"
ANSWER_S = 5.0
"""The nursery answers at once; one that does not is replaced."""

_TIME = struct.Struct("@ll")
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class NoDecoder(MediaError):
    """No process could be made."""


class _NurseryGone(NoDecoder):
    """It does not answer any more."""


class Nursery:
    """One nursery; made anew for the next decoder when it is gone, with all that it had."""

    def __init__(self, module: str = NURSERY) -> None:
        """`module` is what is run."""
        self._module = module
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._closed = False

    def start(self) -> None:
        """Has it ready for the first decoder; at that one's asking otherwise. Raises NoDecoder."""
        with self._lock:
            self._started()

    def make(self, tick_s: float) -> Made:
        """A new decoder; reads of and writes to its socket give up after `tick_s`.

        Raises NoDecoder.
        """
        own, other = socket.socketpair()
        seconds = _TIME.pack(int(tick_s), int(tick_s % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            own.setsockopt(socket.SOL_SOCKET, option, seconds)
        try:
            with other, self._lock:
                running, pid = self._forked(other)
            return Made(running, pid, own)
        except BaseException:
            own.close()
            raise

    def end(self, made: Made) -> str:
        """Ends it, if it has not ended by itself; how it ended, in plain words. Once."""
        with self._lock:
            status = made.running.ask(NUMBER.pack(made.pid))
            if status is None and made.running is self._running:
                self._forget()
        return "was killed with all others" if status is None else described(status)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._forget()

    @property
    def pid(self) -> int | None:
        running = self._running
        return None if running is None else running.process.pid

    def _forked(self, connection: socket.socket) -> tuple[_Running, int]:
        running = self._started()
        try:
            return running, running.fork(connection)
        except _NurseryGone:
            if running.process.wait() != 0:
                raise
        running = self._started()  # it left just when it was asked
        return running, running.fork(connection)

    def _started(self) -> _Running:
        running = self._running
        if running is not None and (status := running.process.poll()) is not None:
            if status:
                log.error("the nursery of decoders is gone and is started again")
            self._forget()
            running = None
        if running is None:
            if self._closed:
                raise NoDecoder("decoding is over")
            running = self._running = _start(self._module)
        return running

    def _forget(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.close()


@dataclass(frozen=True, slots=True)
class Made:
    """A decoder's process, and our end of the socket to it."""

    running: _Running
    pid: int
    connection: socket.socket

    def cpu_s(self) -> float:
        """CPU time that it has taken so far; until it is ended its pid is its own."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    control: socket.socket

    def ask(self, words: bytes, *descriptors: int) -> int | None:
        """None when it does not answer: then it is to be given up."""
        with contextlib.suppress(OSError):
            socket.send_fds(self.control, [words], descriptors)
            answer = self.control.recv(NUMBER.size)
            if len(answer) == NUMBER.size:
                return int(NUMBER.unpack(answer)[0])
        self.process.kill()
        return None

    def fork(self, connection: socket.socket) -> int:
        """The pid. Raises NoDecoder."""
        answer = self.ask(NUMBER.pack(0), connection.fileno())
        if answer is None:
            raise _NurseryGone("no decoder could be started: the nursery is gone")
        if answer < 0:
            raise NoDecoder(f"no decoder could be started: {os.strerror(-answer).lower()}")
        return answer

    def close(self) -> None:
        """Its decoders are killed by the kernel."""
        self.control.close()
        self.process.kill()
        self.process.wait()


def _start(module: str) -> _Running:
    """It gets neither our environment, which holds secrets, nor our signals.

    A fork of a process with threads is only safe when it goes on to another program at once.
    """
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own.settimeout(ANSWER_S)
    place = str(Path(media.__file__).parent.parent)
    with other:
        try:
            process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-P", "-m", module],
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                env={"PYTHONPATH": place},
                start_new_session=True,
            )
        except OSError as error:
            own.close()
            raise NoDecoder(f"no nursery of decoders: {error.strerror}") from error
    # It may leave by itself, long before anybody asks for the next decoder.
    threading.Thread(target=process.wait, name="nursery-end", daemon=True).start()
    return _Running(process, own)


def described(status: int) -> str:
    """How a process ended, by its wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL:
            return "was killed"
        return f"crashed ({signal.Signals(number).name})"
    return "ran out of memory" if os.WEXITSTATUS(status) == OUT_OF_MEMORY else "failed"
