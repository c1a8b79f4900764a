"""A camera made of fixed answers, and what opening it comes to."""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from media.network import CheckedAddresses
from media.source_errors import SourceError
from tests.media.recorded import place


def fault_of(act: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        act()
    shown = "".join(traceback.format_exception(caught.value, limit=0))
    for secret in ("s3cret", "rtsp://", "127.0.0.1"):
        assert secret not in shown
    return caught.value


@contextmanager
def talking(answers: dict[bytes, str]) -> Iterator[CheckedAddresses]:
    """A camera made of fixed answers, by method; what it has none for stays unanswered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

        def converse(connection: socket.socket) -> None:
            with contextlib.suppress(ConnectionResetError):
                while request := connection.recv(4096):
                    lines = request.decode().split("\r\n")
                    number = next((line for line in lines if line.startswith("CSeq")), "")
                    answer = answers.get(request.split(b" ")[0])
                    if answer is not None:
                        connection.sendall(answer.replace("{cseq}", number).encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield place(f"rtsp://u:s3cret@127.0.0.1:{server.getsockname()[1]}/live")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            with contextlib.suppress(OSError):  # the other side has reset it
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


OK = "RTSP/1.0 200 OK\r\n{cseq}\r\n"


def described(media: str) -> dict[bytes, str]:
    sdp = f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n{media}"
    length = f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n"
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n"
    return {
        b"OPTIONS": OK + "Public: DESCRIBE, SETUP, PLAY\r\n\r\n",
        b"DESCRIBE": OK + length + sdp,
        b"SETUP": OK + transport,
        b"PLAY": OK + "Session: 1\r\n\r\n",
    }
