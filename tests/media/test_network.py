"""Which addresses a camera may be on."""

import socket
import threading

import pytest

from media.network import (
    AddressRefused,
    CameraNetworks,
    CheckedAddresses,
    HostUnknown,
    NetworkListError,
)
from media.rtsp_url import parse_rtsp_url

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "::ffff:169.254.169.254",
    "::ffff:100.100.100.200",
    "2002:a9fe:a9fe::1",
    "64:ff9b::a9fe:a9fe",
]


@pytest.mark.parametrize(
    "ip", ["10.0.0.7", "192.168.1.9", "172.16.0.1", "100.64.0.1", "8.8.8.8", "2001:db8::1"]
)
def test_private_and_public_addresses_are_allowed_by_default(ip: str) -> None:
    assert CameraNetworks().allows(ip)


@pytest.mark.parametrize(
    "ip",
    [
        *METADATA,
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.1.1",
        "192.0.0.8",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "100::1",
    ],
)
def test_special_addresses_are_refused_by_default(ip: str) -> None:
    assert not CameraNetworks().allows(ip)


@pytest.mark.parametrize("ip", ["::ffff:10.0.0.7", "2002:a00:7::1", "64:ff9b::a00:7"])
def test_an_address_inside_an_address_is_judged_by_the_inner_one(ip: str) -> None:
    assert CameraNetworks().allows(ip)
    assert CameraNetworks(["10.0.0.0/8"]).allows(ip)
    assert not CameraNetworks(["11.0.0.0/8", "::/0"]).allows(ip)


@pytest.mark.parametrize("ip", [*METADATA, "0.0.0.0", "::", "224.0.0.1", "ff02::1"])
def test_metadata_multicast_and_unspecified_are_refused_whatever_is_listed(ip: str) -> None:
    assert not CameraNetworks(["0.0.0.0/0", "::/0", "default", ip]).allows(ip)


def test_a_list_replaces_the_default_networks() -> None:
    networks = CameraNetworks(["127.0.0.0/8", "fd00::/8"])

    assert networks.allows("127.0.0.1")
    assert networks.allows("fd12::1")
    assert not networks.allows("10.0.0.7")
    assert not networks.allows("::1")


def test_the_word_default_adds_the_default_networks() -> None:
    networks = CameraNetworks(["default", "127.0.0.1/32"])

    assert networks.allows("127.0.0.1")
    assert networks.allows("10.0.0.7")
    assert not networks.allows("127.0.0.2")


@pytest.mark.parametrize("cidrs", [[], [""], ["  "]])
def test_an_empty_list_means_the_default(cidrs: list[str]) -> None:
    assert CameraNetworks(cidrs).allows("10.0.0.7")
    assert not CameraNetworks(cidrs).allows("127.0.0.1")


def test_a_network_may_be_written_by_any_of_its_addresses() -> None:
    assert CameraNetworks([" 10.1.2.3/8 "]).allows("10.200.0.1")


@pytest.mark.parametrize("cidr", ["10.0.0.0/33", "cameras", "10.0.0", "::/129", "Default"])
def test_what_is_no_network_is_named(cidr: str) -> None:
    with pytest.raises(NetworkListError, match=cidr):
        CameraNetworks(["default", cidr])


@pytest.mark.parametrize("text", ["", "cam", "10.0.0", "2130706433", "0x7f.1", "10.0.0.7/8"])
def test_text_that_is_no_address_is_not_allowed(text: str) -> None:
    assert not CameraNetworks(["0.0.0.0/0", "::/0"]).allows(text)


@pytest.mark.parametrize("host", ["10.0.0.7", "[2001:db8::7]"])
def test_a_checked_address_can_be_connected_to(host: str) -> None:
    url = parse_rtsp_url(f"rtsp://u:p@{host}/live")

    assert CameraNetworks().check(url) == CheckedAddresses(url, (host.strip("[]"),))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.1", "127.1", "0", "[::1]", "localhost"]
)
def test_no_spelling_leads_to_this_machine(host: str) -> None:
    with pytest.raises(AddressRefused, match="not in a network that cameras may be on"):
        CameraNetworks().check(parse_rtsp_url(f"rtsp://admin:hunter2@{host}/live"))


def test_a_refusal_holds_no_credentials() -> None:
    with pytest.raises(AddressRefused) as refusal:
        CameraNetworks().check(parse_rtsp_url("rtsp://admin:hunter2@127.0.0.1/p?password=x1y2"))

    assert str(refusal.value) == (
        "the address 127.0.0.1 of 127.0.0.1 is not in a network that cameras may be on"
    )


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", ".", "cam.invalid."])
def test_a_name_that_can_have_no_address_is_unknown(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    answer = socket.getaddrinfo

    def offline(name: str, *arguments: object, **options: object) -> object:
        if name == "cam.invalid.":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answer(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", offline)

    with pytest.raises(HostUnknown, match="has no address"):
        CameraNetworks().check(parse_rtsp_url(f"rtsp://{host}/live"))


def test_one_refused_address_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 554))
        for ip in ("10.0.0.7", "169.254.169.254", "10.0.0.7")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)

    with pytest.raises(AddressRefused, match=r"169\.254\.169\.254 of rebind\.example"):
        CameraNetworks().check(parse_rtsp_url("rtsp://rebind.example/live"))


def test_every_address_is_told_once_in_the_resolver_s_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::7", 554, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 554)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::7", 554, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)

    found = CameraNetworks().check(parse_rtsp_url("rtsp://cam.example/live"))

    assert found.addresses == ("2001:db8::7", "10.0.0.7")


def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def dead(*_: object, **__: object) -> list[object]:
        answered.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", dead)
    try:
        with pytest.raises(HostUnknown, match=r"no answer from the name server for cam\.example"):
            CameraNetworks().check(parse_rtsp_url("rtsp://cam.example/live"), timeout_s=0.02)
    finally:
        answered.set()
