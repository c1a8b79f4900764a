"""Session descriptions: what a viewer's offer asks for, and which addresses our answer names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import MediaDescription, SessionDescription

from media.live.signals import MOST_CHARACTERS, LiveRefusal, LiveRefused

MOST_LINES = 1_000
"""A browser's offer has 200 lines; reading one takes time that grows with their square."""
_MOST_CANDIDATES = 10
PARSE_FAULTS = (AssertionError, AttributeError, LookupError, TypeError, ValueError, StopIteration)
"""What aiortc's parser raises for texts that are no SDP."""


@dataclass(frozen=True, slots=True)
class ReadOffer:
    """An offer that can be answered. `sounds` are audio formats that the viewer takes."""

    sdp: str
    sounds: frozenset[str]


def read_offer(text: str) -> ReadOffer:
    """Judges an offer, and leaves out candidates that are of no use.

    Raises:
        LiveRefused: no SDP, or it does not ask for one picture in H.264 and at most one sound.
    """
    lines = text.splitlines()
    if len(text) > MOST_CHARACTERS or len(lines) > MOST_LINES:
        raise _bad("the offer is too long")
    sdp = "\r\n".join(_useful(lines)) + "\r\n"
    try:
        parsed = SessionDescription.parse(sdp)
    except PARSE_FAULTS:
        raise _bad("the offer is no SDP") from None
    kinds = sorted(each.kind for each in parsed.media)
    if kinds not in (["video"], ["audio", "video"]):
        raise _bad("want one video section in the offer and at most one audio section")
    if not all(
        each.ice and each.ice.usernameFragment and each.ice.password for each in parsed.media
    ):
        raise _bad("the offer names no ICE credentials")
    pictures = next(each for each in parsed.media if each.kind == "video")
    if not any(_is_playable(each) for each in pictures.rtp.codecs) or not _receives(pictures):
        raise _bad("the offer does not ask for H.264 (packetization-mode=1)")
    sounds = (each for each in parsed.media if each.kind == "audio" and _receives(each))
    return ReadOffer(sdp, frozenset(c.mimeType.lower() for each in sounds for c in each.rtp.codecs))


def _bad(text: str) -> LiveRefused:
    return LiveRefused(LiveRefusal.BAD_OFFER, text)


def _receives(section: MediaDescription) -> bool:
    return (section.direction or "sendrecv") in ("recvonly", "sendrecv")


def _is_playable(codec: RTCRtpCodecParameters) -> bool:
    mode = str(codec.parameters.get("packetization-mode", "0"))
    return codec.mimeType.lower() == "video/h264" and mode == "1"


def _useful(lines: Sequence[str]) -> Iterator[str]:
    """Without candidates that are names: browsers hide addresses behind `.local`.

    To look such a name up takes a second and often fails, and is not needed: the browser's own
    checks tell its address.
    """
    left = _MOST_CANDIDATES
    for line in lines:
        if line.startswith("a=candidate:"):
            if left == 0 or not _has_address(line):
                continue
            left -= 1
        yield line


def _has_address(line: str) -> bool:
    words = line.split()
    if len(words) < 8 or words[2].lower() != "udp":
        return False
    try:
        address = ipaddress.ip_address(words[4])
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified)


def announced(sdp: str, addresses: Sequence[str]) -> str:
    """An answer in which our host candidates are at these addresses, and at no others.

    One that is no address of this host stands before it (NAT with the same ports): it takes the
    place of the first host candidate of its kind in each section. Without any, nothing is changed.
    """
    if not addresses:
        return sdp
    sections = sdp.split("\r\nm=")
    return "\r\nm=".join(_moved(each, addresses) for each in sections)


def _moved(section: str, addresses: Sequence[str]) -> str:
    lines = section.split("\r\n")
    hosts = [each for each in lines if each.startswith("a=candidate:") and " typ host" in each]
    own = {each.split()[4]: each for each in reversed(hosts)}
    said = [
        line for each in addresses if (line := own.get(each) or _placed(each, hosts)) is not None
    ]
    kept: list[str] = []
    for line in lines:
        if line not in hosts:
            kept.append(line)
        elif line == hosts[0]:
            kept += said
    return "\r\n".join(kept)


def _placed(address: str, hosts: Sequence[str]) -> str | None:
    version = ipaddress.ip_address(address).version
    for line in hosts:
        words = line.split()
        if ipaddress.ip_address(words[4]).version == version:
            words[4] = address
            return " ".join(words)
    return None
