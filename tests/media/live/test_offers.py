from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.live.offers import announced, read_offer
from media.live.signals import MOST_CHARACTERS, LiveRefusal, LiveRefused

CREDENTIALS = ["a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdef012345", "a=setup:actpass"]
VIDEO = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96 102",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=recvonly",
    "a=rtcp-mux",
    "a=rtpmap:96 VP8/90000",
    "a=rtpmap:102 H264/90000",
    "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f",
    *CREDENTIALS,
]
AUDIO = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 8",
    "c=IN IP4 0.0.0.0",
    "a=mid:1",
    "a=recvonly",
    "a=rtpmap:111 opus/48000/2",
    "a=rtpmap:8 PCMA/8000",
    *CREDENTIALS,
]
HEAD = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
CANDIDATE = "a=candidate:1 1 udp 2130706431 {} 50000 typ host"


def sdp(*lines: str) -> str:
    return "\r\n".join([*HEAD, *lines]) + "\r\n"


def test_an_offer_for_a_picture_and_sound_names_the_sounds_it_takes() -> None:
    assert read_offer(sdp(*VIDEO)).sounds == frozenset()
    assert read_offer(sdp(*VIDEO, *AUDIO)).sounds == {"audio/opus", "audio/pcma"}


def test_only_candidates_that_are_addresses_are_kept_and_not_many() -> None:
    hosts = ["a0b1.local", "10.0.0.7", "224.0.0.1", "0.0.0.0", "example.com", "fd00::7"]
    read = read_offer(sdp(*VIDEO, *(CANDIDATE.format(each) for each in hosts)))
    kept = [line.split()[4] for line in read.sdp.splitlines() if line.startswith("a=candidate")]
    assert kept == ["10.0.0.7", "fd00::7"]
    many = read_offer(sdp(*VIDEO, *(CANDIDATE.format(f"10.0.0.{n}") for n in range(100))))
    assert many.sdp.count("a=candidate") == 10


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=0\r\n\x00",
        sdp(),
        sdp(*AUDIO),
        sdp(*VIDEO, *VIDEO),
        sdp(*VIDEO, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", *CREDENTIALS),
        sdp(*(line for line in VIDEO if "H264" not in line and "fmtp" not in line)),
        sdp(*(line.replace("mode=1", "mode=0") for line in VIDEO)),
        sdp(*(line.replace("recvonly", "sendonly") for line in VIDEO)),
        sdp(*(line for line in VIDEO if "ice-pwd" not in line)),
        sdp(*VIDEO, "a=fmtp:7 x=y"),
        sdp(*VIDEO, "a=rtpmap:x"),
        sdp(*VIDEO) + "x" * MOST_CHARACTERS,
        sdp(*VIDEO, *["a=x"] * 1000),
    ],
)
def test_what_cannot_be_answered_is_refused(text: str) -> None:
    with pytest.raises(LiveRefused) as refused:
        read_offer(text)
    assert refused.value.code is LiveRefusal.BAD_OFFER


@given(st.lists(st.sampled_from([*VIDEO, *AUDIO, "a=", "m=", "a=ssrc:1", "a=group:"]), max_size=40))
def test_no_text_gets_any_other_answer(lines: list[str]) -> None:
    with suppress(LiveRefused):
        assert "m=video" in read_offer(sdp(*lines)).sdp


ANSWER = sdp(
    *("m=video 9 UDP/TLS/RTP/SAVPF 102", "a=mid:0"),
    CANDIDATE.format("192.168.0.5"),
    CANDIDATE.format("10.0.0.7"),
    CANDIDATE.format("fd00::7"),
    "a=candidate:2 1 udp 1694498815 203.0.113.9 50000 typ srflx raddr 10.0.0.7 rport 50000",
    "a=end-of-candidates",
)


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        ((), ["192.168.0.5", "10.0.0.7", "fd00::7", "203.0.113.9"]),
        (("10.0.0.7",), ["10.0.0.7", "203.0.113.9"]),
        (("198.51.100.1", "fd00::7"), ["198.51.100.1", "fd00::7", "203.0.113.9"]),
    ],
)
def test_an_answer_names_the_addresses_that_the_settings_say(
    addresses: tuple[str, ...], told: list[str]
) -> None:
    lines = announced(ANSWER, addresses).splitlines()
    assert [line.split()[4] for line in lines if line.startswith("a=candidate")] == told
    assert lines[-1] == "a=end-of-candidates"
    others = [line for line in lines if not line.startswith("a=candidate")]
    assert others == [line for line in ANSWER.splitlines() if not line.startswith("a=candidate")]
