"""Messages to receivers: signed, sent where they may be, never further."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.webhook_sender import HttpSender
from media.clock import Clock, SystemClock
from media.network import WebhookNetworks
from resolvers.webhook_sending import Destination, Message, Outcome
from tests.certified import certified
from tests.receiver import Receiver, receiving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = Message("msg_1", b'{"type":"webhook.test"}')
LOOPBACK = WebhookNetworks(["127.0.0.1/32", "::1/128"])


@asynccontextmanager
async def sending(
    networks: WebhookNetworks = LOOPBACK,
    *,
    allow_http: bool = True,
    trust: ssl.SSLContext | None = None,
    seconds: float = 15,
    clock: Clock | None = None,
) -> AsyncIterator[HttpSender]:
    sender = HttpSender(networks, clock or SystemClock(), allow_http, trust, seconds)
    try:
        yield sender
    finally:
        await sender.close()


def to(url: str) -> Destination:
    return Destination(url, [SECRET])


async def test_a_message_is_posted_signed() -> None:
    async with receiving() as receiver, sending() as sender:
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert (attempt.outcome, attempt.text) == (Outcome.DELIVERED, "it answered 200")
    (one,) = receiver.received
    one.verify(SECRET)
    assert (one.path, one.id, one.body) == ("/hook?key=1", "msg_1", MESSAGE.body)
    assert one.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert one.headers["content-type"] == "application/json"


async def test_the_signature_is_that_of_the_specification() -> None:
    """The example of standard-webhooks' own libraries."""
    from app.webhook_sender import _signature

    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    assert _signature(SECRET, message, 1614265330) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_success_is_a_delivery(status: int) -> None:
    async with receiving() as receiver, sending() as sender:
        receiver.answer = lambda _: (status, {})
        assert (await sender.send(to(receiver.url), MESSAGE)).is_delivered


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 429, 500, 503])
async def test_anything_else_is_none(status: int) -> None:
    async with receiving() as receiver, sending() as sender:
        receiver.answer = lambda _: (status, {})
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert (attempt.outcome, attempt.text) == (Outcome.REFUSED, f"it answered {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with receiving() as receiver, receiving() as inside, sending() as sender:
        receiver.answer = lambda _: (status, {"Location": inside.url})
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert attempt.outcome is Outcome.REFUSED
    assert attempt.text == f"it answered {status}; redirects are not followed"
    assert (len(receiver.received), inside.received) == (1, [])


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://192.168.0.1:8443/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://192.0.2.1/",
        "https://198.18.0.1/",
    ],
)
async def test_only_public_addresses_are_allowed_by_default(url: str) -> None:
    async with sending(WebhookNetworks(["public"])) as sender:
        assert "VMS_WEBHOOK_NETWORKS" in (sender.fault(url) or "")
        assert (await sender.send(to(url), MESSAGE)).outcome is Outcome.FORBIDDEN


def test_public_addresses_are() -> None:
    networks = WebhookNetworks(["public"])
    assert all(map(networks.allows, ["8.8.8.8", "1.1.1.1", "2606:4700::1111"]))
    assert not any(map(networks.allows, ["10.1.2.3", "127.0.0.1", "2002:7f00:1::", "x"]))
    assert WebhookNetworks(["public", "10.0.0.0/8"]).allows("10.1.2.3")
    assert WebhookNetworks(["default"]).allows("192.168.1.1")


async def test_a_name_of_a_private_address_is_refused_as_it_is_connected_to() -> None:
    async with receiving() as receiver, sending(WebhookNetworks(["public"])) as sender:
        for host in ("localhost", "0x7f.1", "2130706433", "127.1"):
            url = f"http://{host}:{receiver.port}/"
            assert sender.fault(url) is None, "a name is looked up when it is needed"
            attempt = await sender.send(to(url), MESSAGE)
            assert attempt.outcome is Outcome.FORBIDDEN
            assert "127" not in attempt.text
    assert receiver.received == []


async def test_what_a_name_stands_for_is_asked_once_for_each_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that answers differently each time: first the receiver, then the inside."""
    answers = iter(["127.0.0.1", "127.0.0.2"])
    asked: list[str] = []

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        address = host if host[0].isdigit() else next(answers)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with receiving() as receiver, sending() as sender:
        url = f"http://rebinding.test:{receiver.port}/"
        assert (await sender.send(to(url), MESSAGE)).is_delivered
        assert (await sender.send(to(url), MESSAGE)).outcome is Outcome.FORBIDDEN
    assert asked.count("rebinding.test") == 2
    assert receiver.received[0].headers["host"] == f"rebinding.test:{receiver.port}"


async def test_a_host_without_a_name_is_unreachable() -> None:
    async with sending() as sender:
        attempt = await sender.send(to("http://nobody.invalid/"), MESSAGE)
    assert (attempt.outcome, attempt.text) == (
        Outcome.UNREACHABLE,
        "its host is not known now",
    )


async def test_a_closed_port_is_unreachable() -> None:
    async with receiving() as receiver, sending() as sender:
        await receiver.stop()
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert attempt.outcome is Outcome.UNREACHABLE


async def test_a_receiver_that_hangs_up_is_unreachable() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, sending() as sender:
        port = server.sockets[0].getsockname()[1]
        attempt = await sender.send(to(f"http://127.0.0.1:{port}/"), MESSAGE)
    assert attempt.outcome is Outcome.UNREACHABLE


async def test_a_receiver_that_does_not_answer_is_given_up() -> None:
    async with receiving() as receiver, sending(seconds=0.3) as sender:
        receiver.delay = 30
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert (attempt.outcome, attempt.text) == (Outcome.TIMED_OUT, "no answer within 0.3 s")


async def test_an_answer_in_drops_is_given_up() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        writer.close()
        over.set()

    over = asyncio.Event()
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with sending(seconds=0.5) as sender:
        port = server.sockets[0].getsockname()[1]
        attempt = await sender.send(to(f"http://127.0.0.1:{port}/"), MESSAGE)
    assert attempt.outcome is Outcome.TIMED_OUT
    server.close()
    await over.wait()


async def test_an_endless_body_is_not_read() -> None:
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while sent < 1 << 30:
                writer.write(bytes(1 << 16))
                await writer.drain()
                sent += 1 << 16
        except ConnectionError:
            writer.close()
        over.set()

    over = asyncio.Event()
    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with sending() as sender:
        port = server.sockets[0].getsockname()[1]
        assert (await sender.send(to(f"http://127.0.0.1:{port}/"), MESSAGE)).is_delivered
    server.close()
    await over.wait()
    assert sent < 1 << 28


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "ftp://a.example/", "file:///etc/passwd", "https://", "https:///x"),
        *("https://user:secret@a.example/", "https://a.example/#x", "https://.a.example/"),
        *("https://a b.example/", "https://a.example:99999/", "https://a\n.example/", "//a/"),
        "https://" + "a" * 300 + ".example/",
        "gopher://a.example/",
    ],
    ids=range(15),
)
async def test_addresses_that_are_none_are_refused(url: str) -> None:
    async with sending() as sender:
        assert sender.fault(url)
        assert (await sender.send(to(url), MESSAGE)).outcome is Outcome.FORBIDDEN


async def test_http_is_refused_unless_it_is_allowed() -> None:
    async with receiving() as receiver, sending(allow_http=False) as sender:
        assert "VMS_WEBHOOK_HTTP" in (sender.fault(receiver.url) or "")
        assert (await sender.send(to(receiver.url), MESSAGE)).outcome is Outcome.FORBIDDEN
        assert sender.fault("https://a.example/") is None
    assert receiver.received == []


@pytest.mark.parametrize(
    ("host", "names", "outcome"),
    [
        ("localhost", ["localhost"], Outcome.DELIVERED),
        ("127.0.0.1", ["127.0.0.1"], Outcome.DELIVERED),
        ("localhost", ["127.0.0.1"], Outcome.UNTRUSTED),
        ("localhost", ["other.example"], Outcome.UNTRUSTED),
        ("127.0.0.1", ["localhost"], Outcome.UNTRUSTED),
    ],
    ids=["name", "address", "only its address", "another's name", "only its name"],
)
async def test_the_certificate_must_be_the_hosts(
    tmp_path: Path, host: str, names: list[str], outcome: Outcome
) -> None:
    shown, trusted = certified(tmp_path, *names)
    async with receiving(shown) as receiver, sending(trust=trusted) as sender:
        url = f"https://{host}:{receiver.port}/"
        assert (await sender.send(to(url), MESSAGE)).outcome is outcome
    assert len(receiver.received) == (outcome is Outcome.DELIVERED)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    shown, _ = certified(tmp_path, "127.0.0.1")
    async with receiving(shown) as receiver, sending() as sender:
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert (attempt.outcome, attempt.text) == (
        Outcome.UNTRUSTED,
        "its certificate is not to be trusted",
    )
    assert receiver.received == []


async def test_what_speaks_no_tls_is_refused() -> None:
    async with receiving() as receiver, sending() as sender:
        url = f"https://127.0.0.1:{receiver.port}/"
        assert (await sender.send(to(url), MESSAGE)).outcome is Outcome.UNTRUSTED


async def test_neither_address_nor_secret_shows(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with receiving() as receiver, sending() as sender:
            await sender.send(to(receiver.url), MESSAGE)
            await receiver.stop()
            await sender.send(to(receiver.url), MESSAGE)
    ours = [each for each in caplog.records if each.name.startswith(("app", "resolvers", "media"))]
    assert SECRET[6:] not in caplog.text
    assert not any("key=1" in each.getMessage() for each in ours)
    assert "key=1" not in repr(to(receiver.url))
    assert SECRET not in repr(to("x"))


async def test_one_host_is_tried_at_each_of_its_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in (["127.0.0.1", "127.0.0.2"] if host == "two.test" else [host])
        ]

    networks = WebhookNetworks(["127.0.0.0/8"])
    receiver = Receiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.2", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with sending(networks) as sender:
        assert (await sender.send(to(f"http://two.test:{port}/"), MESSAGE)).is_delivered
    server.close()
