"""A connection that somebody else opened can be told from others, and cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from media.watchdog import WATCHDOG, Approach, Grip, Watch


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connect(server: socket.socket, stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Our end and theirs."""
    ours = stack.enter_context(socket.create_connection(server.getsockname()))
    theirs, _ = server.accept()
    stack.enter_context(theirs)
    return ours, theirs


def test_the_connection_that_came_is_found_and_can_be_cut(server: socket.socket) -> None:
    with ExitStack() as stack:
        elsewhere = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        earlier, _ = connect(server, stack)
        with Approach(*server.getsockname()) as approach:
            connect(elsewhere, stack)
            ours, theirs = connect(server, stack)
            held = approach.grip()
        assert held is not None

        held.cut()

        assert ours.recv(1) == b""
        assert theirs.recv(1) == b""
        earlier.setblocking(False)
        with pytest.raises(BlockingIOError):
            earlier.recv(1)
        held.release()


def test_nothing_came(server: socket.socket) -> None:
    with ExitStack() as stack:
        connect(server, stack)
        with Approach(*server.getsockname()) as approach:
            assert approach.grip() is None


def test_several_that_came_cannot_be_told_apart(server: socket.socket) -> None:
    with ExitStack() as stack, Approach(*server.getsockname()) as approach:
        connect(server, stack)
        connect(server, stack)

        assert approach.grip() is None


def test_a_grip_outlives_the_connection(server: socket.socket) -> None:
    with ExitStack() as stack:
        with Approach(*server.getsockname()) as approach:
            ours, _ = connect(server, stack)
            held = approach.grip()
        assert held is not None
        ours.close()

        held.cut()
        held.release()
        held.cut()
        held.release()


def test_attempts_to_one_place_come_one_after_the_other(server: socket.socket) -> None:
    place = server.getsockname()
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with Approach(*place):
            begun.set()
            go_on.wait(10)
            order.append("first")

    def second() -> None:
        begun.wait(10)
        with Approach(*place):
            order.append("second")

    threads = [threading.Thread(target=one) for one in (first, second)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    with Approach("127.0.0.1", 1):
        order.append("elsewhere")
    go_on.set()
    for thread in threads:
        thread.join()

    assert order == ["elsewhere", "first", "second"]


@pytest.fixture
def held(server: socket.socket) -> Iterator[tuple[Grip, socket.socket]]:
    with ExitStack() as stack:
        with Approach(*server.getsockname()) as approach:
            ours, _ = connect(server, stack)
            grip = approach.grip()
        assert grip is not None
        stack.callback(grip.release)
        yield grip, ours


def test_one_read_that_lasts_too_long_is_cut(held: tuple[Grip, socket.socket]) -> None:
    grip, ours = held
    watch = Watch(grip, limit_s=5)
    watch.reading = True

    watch.look(100)
    watch.look(104)
    watch.count += 1
    watch.look(108)
    watch.look(112)
    assert not has_barked(watch)
    watch.look(113)

    assert has_barked(watch)
    assert ours.recv(1) == b""


def has_barked(watch: Watch) -> bool:
    return watch.barked


def test_what_is_done_with_a_packet_may_last(held: tuple[Grip, socket.socket]) -> None:
    grip, _ = held
    watch = Watch(grip, limit_s=5)

    for now in range(100):
        watch.look(now)
    watch.reading = True
    watch.look(100)

    assert not watch.barked


def test_the_watchdog_looks_after_its_readers(held: tuple[Grip, socket.socket]) -> None:
    grip, ours = held
    watch = Watch(grip, limit_s=0)
    watch.reading = True
    WATCHDOG.add(watch)
    try:
        assert ours.recv(1) == b""
    finally:
        WATCHDOG.remove(watch)

    assert watch.barked
