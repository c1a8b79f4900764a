"""What an RTSP address is made of, read exactly as FFmpeg reads it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from media.redact import redact
from media.types import MediaError

MAX_CHARACTERS = 2048
_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
_FORM = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<tail>.*)")
_HOST_AND_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?")
_V6 = re.compile(r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?")


class RtspUrlError(MediaError, ValueError):
    """No address that a camera could be at; the message names the fault, never the text."""


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """Invariant: putting the parts together again gives an address of the same meaning.

    `userinfo` is `user:password` as written (percent-encoding kept), `host` has no brackets,
    `tail` is path, query and fragment as written.
    """

    scheme: str
    userinfo: str | None = field(repr=False)
    host: str
    port: int
    tail: str = field(repr=False)

    @property
    def has_credentials(self) -> bool:
        return self.userinfo is not None

    def at_address(self, ip: str) -> str:
        """The whole address, credentials included, with `ip` in place of the host. Never log it."""
        host = f"[{ip}]" if ":" in ip else ip
        credentials = "" if self.userinfo is None else f"{self.userinfo}@"
        return f"{self.scheme}://{credentials}{host}:{self.port}{self.tail}"

    def __str__(self) -> str:
        """The address as it may be shown: without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        credentials = "" if self.userinfo is None else "***@"
        return redact(f"{self.scheme}://{credentials}{host}{port}{self.tail}")


def parse_rtsp_url(text: str) -> RtspUrl:
    """Splits an address where FFmpeg does: the host follows the last `@` before the path.

    Raises:
        RtspUrlError: not `rtsp`/`rtsps`, no host, a bad port, too long, or with characters that
            no address has (control characters, white space, a backslash before the path).
    """
    if len(text) > MAX_CHARACTERS:
        raise RtspUrlError(f"must have at most {MAX_CHARACTERS} characters, has {len(text)}")
    if any(unicodedata.category(character)[0] in "CZ" for character in text):
        raise RtspUrlError("must not contain control characters or spaces")
    form = _FORM.fullmatch(text)
    scheme = form["scheme"].lower() if form else ""
    if form is None or scheme not in _DEFAULT_PORTS:
        raise RtspUrlError("must begin with rtsp:// or rtsps://")
    userinfo, at, place = form["authority"].rpartition("@")
    if "\\" in form["authority"]:
        raise RtspUrlError("must not contain a backslash before the path")
    host, port = _split_place(place, _DEFAULT_PORTS[scheme])
    return RtspUrl(scheme, userinfo if at else None, host, port, form["tail"])


def _split_place(place: str, default_port: int) -> tuple[str, int]:
    parts = _HOST_AND_PORT.fullmatch(place)
    if parts is None or (parts["v6"] is not None and not _V6.fullmatch(parts["v6"])):
        raise RtspUrlError("has a malformed host; an IPv6 address stands in [brackets]")
    host = parts["v6"] or parts["name"]
    if not host:
        raise RtspUrlError("has no host")
    port = parts["port"]
    if port is None:
        return host, default_port
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise RtspUrlError("has a port that is not a number from 1 to 65535")
    return host, int(port)
