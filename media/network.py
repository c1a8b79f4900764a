"""Which addresses we connect to for tenants, so that nobody points the system at itself."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from media.redact import redact_text
from media.rtsp_url import RtspUrl
from media.types import MediaError

DEFAULT = "default"
"""As one of the listed networks: private and public addresses, no special ones."""
PUBLIC = "public"
"""As one of the listed networks: what is reached over the internet, and nothing else."""

_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Google, Azure, OpenStack, …
            "169.254.170.2",  # AWS container credentials
            "fd00:ec2::254",  # AWS over IPv6
            "fd20:ce::254",  # Google over IPv6
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "168.63.129.16",  # Azure's wire server
        ),
    )
)
_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # "this host": Linux connects 0.0.0.0 to itself
            "127.0.0.0/8",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_USUAL_V6 = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))
_NAT64 = IPv6Network("64:ff9b::/96")
_TEREDO = IPv6Network("2001::/32")


class AddressRefused(MediaError):
    """The host is, or resolves to, an address that is not allowed."""


class HostUnknown(MediaError):
    """The host has no address now; it may have one later."""


class NetworkListError(MediaError, ValueError):
    """The list of allowed networks names something that is no network."""


@dataclass(frozen=True, slots=True)
class CheckedAddresses:
    """Where a camera may be connected to. Invariant: not empty, and every address is allowed.

    `networks` are those that allowed them, None where nothing else is to be reached.
    """

    url: RtspUrl
    addresses: tuple[str, ...]
    networks: AllowedNetworks | None = field(default=None, compare=False)

    def allows(self, ip: str) -> bool:
        """Whether an address that the camera names may be sent to; False for a host's name."""
        return ip in self.addresses or (self.networks is not None and self.networks.allows(ip))


class AllowedNetworks:
    """Networks that may be connected to.

    An address inside an address is judged by the inner one: IPv4-mapped (`::ffff:a.b.c.d`),
    6to4 and NAT64 lead to the IPv4 host. Cloud metadata, multicast and unspecified
    addresses are refused whatever is listed.
    """

    whose = "cameras"
    """Who may be there, in the text of a refusal."""

    def __init__(self, cidrs: Sequence[str] = (DEFAULT,)) -> None:
        """`cidrs`: networks like `10.0.0.0/8`; the words `default` and `public` add those.

        Raises:
            NetworkListError: an entry is none of these.
        """
        names = [cidr.strip() for cidr in cidrs if cidr.strip()] or [DEFAULT]
        self._default, self._public = DEFAULT in names, PUBLIC in names
        self._listed = tuple(_network(name) for name in names if name not in {DEFAULT, PUBLIC})

    def allows(self, ip: str) -> bool:
        """Whether this address may be connected to; False for text that is no address."""
        try:
            address = _innermost(ip_address(ip))
        except ValueError:
            return False
        if address in _METADATA or address.is_multicast or address.is_unspecified:
            return False
        listed = any(
            address.version == network.version and address in network for network in self._listed
        )
        usual = (self._default or (self._public and address.is_global)) and _is_usual(address)
        return listed or usual

    def addresses(self, host: str, port: int, timeout_s: float = 5.0) -> tuple[str, ...]:
        """Resolves the host now; blocks up to `timeout_s`. Every address, best first; never none.

        Who connects must use the very addresses returned: a second look-up could answer
        differently. Spellings like `2130706433` or `0x7f.1` are what the system's resolver makes
        of them.

        Raises:
            AddressRefused: any of its addresses is not allowed.
            HostUnknown: it has none, or the resolver did not answer in time.
        """
        addresses = _resolve(host, port, timeout_s)
        refused = [address for address in addresses if not self.allows(address)]
        if refused:
            raise AddressRefused(
                f"the address {refused[0]} of {_shown(host)} is not in a network that "
                f"{self.whose} may be on"
            )
        return addresses


class CameraNetworks(AllowedNetworks):
    """The networks that cameras may be on."""

    def check(self, url: RtspUrl, timeout_s: float = 5.0) -> CheckedAddresses:
        """`addresses` of a camera's host, for `RtspUrl.at_address`. Raises the same."""
        return CheckedAddresses(url, self.addresses(url.host, url.port, timeout_s), self)


class WebhookNetworks(AllowedNetworks):
    """The networks that receivers of webhooks may be on."""

    whose = "webhooks"


def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(name, strict=False)
    except ValueError as fault:
        raise NetworkListError(f"{name!r} is not a network like 10.0.0.0/8") from fault


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def _is_usual(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address not in _TEREDO and any(address in network for network in _USUAL_V6)


def _resolve(host: str, port: int, timeout_s: float) -> tuple[str, ...]:
    """Every address of the host, best first, as `getaddrinfo` orders them.

    `getaddrinfo` takes no time-out (a dead name server holds it for half a minute or more), so it
    runs in a thread of its own, which is left behind when the time is over and ends by itself.
    """
    answers: queue.SimpleQueue[tuple[str, ...] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as fault:  # a label that is empty or too long is the latter
            answers.put(fault)

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise HostUnknown(f"no answer from the name server for {_shown(host)}") from None
    if isinstance(answer, tuple) and answer:
        return answer
    raise HostUnknown(f"the host name {_shown(host)} has no address")


def _shown(host: str) -> str:
    return redact_text(host[:80])
