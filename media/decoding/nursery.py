"""The process that decoders are forked from: `python -m media.decoding.nursery`.

It has loaded what they need and does nothing else, so a new one is there in some milliseconds and
shares its memory; and it has one thread, so that a fork of it is safe, unlike one of the worker.
It ends with the process that started it, and its children end with it. When there has been no
decoder for a while it ends by itself: a worker that only records can do without its memory.

Its standard input is a socket of packets (SOCK_SEQPACKET). A packet that brings a descriptor asks
for a decoder on it and is answered with its pid; one that brings a pid ends that decoder, if it
still runs, and is answered with how it ended (wait(2)). None is waited for otherwise, so a pid that
was told is nobody else's.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn

from media.decoding.child import serve

NUMBER = struct.Struct(">q")
OUT_OF_MEMORY = 3
"""Exit status of a decoder that could not have what it asked for."""

MEMORY_BYTES = 1 << 30
"""What a decoder may take beyond what it began with. 4K with 16 reference frames needs 250 MB."""

IDLE_S = 10.0
"""To start it again takes 0.3 s of CPU."""

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


def main() -> None:
    """Until the other side hangs up, or wants nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the worker: it ends us when it is done
    _name("vms-nursery")
    control = socket.socket(fileno=os.dup(0))
    gc.collect()
    gc.freeze()
    children = 0
    with contextlib.suppress(TimeoutError):
        while True:
            control.settimeout(None if children else IDLE_S)
            asked, descriptors, _, _ = socket.recv_fds(control, NUMBER.size, 1)
            if not asked:
                return
            (number,) = NUMBER.unpack(asked)
            answer = _fork(control, descriptors[0]) if descriptors else _end(number)
            children += (answer > 0) if descriptors else -1
            control.send(NUMBER.pack(answer))


def _fork(control: socket.socket, descriptor: int) -> int:
    """The child's pid, or a negative errno."""
    nursery = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        child = -(error.errno or errno.EAGAIN)
    if child == 0:
        control.close()
        _live(nursery, descriptor)
    os.close(descriptor)
    return child


def _live(nursery: int, descriptor: int) -> NoReturn:
    """In the child: never returns into the nursery's loop."""
    status = 1
    connection = socket.socket(fileno=descriptor)  # open until the end: then it is told how
    try:
        _confine(nursery)
        serve(connection)
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except BaseException:  # noqa: BLE001 - said, and the process ends
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _end(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _confine(nursery: int) -> None:
    """Bounds what this process takes, and its life."""
    _control_process(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != nursery:
        os._exit(1)
    _name("vms-decoder")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # some containers don't allow it
        Path("/proc/self/oom_score_adj").write_text("1000")


def _name(name: str) -> None:
    _control_process(_PR_SET_NAME, ctypes.create_string_buffer(name.encode()))


def _control_process(option: int, value: int | ctypes.Array[ctypes.c_char]) -> None:
    """prctl(2)."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    main()
