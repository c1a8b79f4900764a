"""The reader of rules refuses what breaks them: else it would prove nothing."""

from __future__ import annotations

import pytest

from tests.hls_rules import check_reload, checked

HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:10\n"
EVENT = HEAD + "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQUENCE:0\n"
MAP = '#EXT-X-MAP:URI="init.mp4"\n'
T0, T4, T8 = (f"#EXT-X-PROGRAM-DATE-TIME:2026-05-29T12:00:0{second}.000Z\n" for second in (0, 4, 8))
A, B = f"{T0}#EXTINF:4.000000,\na.m4s\n", f"{T4}#EXTINF:4.000000,\nb.m4s\n"
END = "#EXT-X-ENDLIST\n"
I_FRAMES = HEAD + "#EXT-X-I-FRAMES-ONLY\n" + MAP


def test_what_keeps_the_rules_is_read() -> None:
    found = checked(EVENT + MAP + A + B)
    assert [each.uri for each in found.media] == ["a.m4s", "b.m4s"]
    assert (found.kind, found.ended, found.target, found.version) == ("EVENT", False, 10, 7)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("\n" + EVENT + MAP + A, "4.3.1.1"),
        (EVENT + "#EXTM3U\n" + MAP + A, "4.3.1.1"),
        ("\ufeff" + EVENT + MAP + A, "4.1"),
        ((EVENT + MAP + A)[:-1], "4.1"),
        (EVENT + MAP + A.replace("a.m4s", "a\x07.m4s"), "4.1"),
        (EVENT + "#EXT-X-NOTHING\n" + MAP + A, "4.1"),
        (EVENT + "#EXT-X-VERSION:7\n" + MAP + A, "4.3.3"),
        (EVENT + MAP + A + "#EXT-X-MEDIA-SEQUENCE:1\n" + B, "4.3.3"),
        (EVENT.replace("TARGETDURATION:10", "TARGETDURATION:3") + MAP + A, "4.3.3.1"),
        (EVENT.replace("#EXT-X-TARGETDURATION:10\n", "") + MAP + A, "4.3.3.1"),
        (EVENT.replace("EVENT", "LIVE") + MAP + A, "4.3.3.5"),
        (EVENT.replace("EVENT", "VOD") + MAP + A, "4.3.3.5"),
        (EVENT.replace("VERSION:7", "VERSION:5") + MAP + A, "7:"),
        (EVENT + A, "3.3"),
        (EVENT + MAP + A + "#EXT-X-DISCONTINUITY\n" + B, "3.3"),
        (EVENT + '#EXT-X-MAP:URI=init.mp4\n' + A, "4.3.2.5"),
        (EVENT + '#EXT-X-MAP:URI="init.mp4", BYTERANGE="1@0"\n' + A, "4.2"),
        (EVENT + '#EXT-X-MAP:URI="init.mp4",URI="b.mp4"\n' + A, "4.2"),
        (EVENT + MAP + A.replace("#EXTINF:4.000000,\n", ""), "4.3.2.1"),
        (EVENT + MAP + A.replace("4.000000,", "4.000000"), "4.3.2.1"),
        (EVENT + MAP + A.replace("12:00:00.000Z", "12:00:00.000"), "4.3.2.6"),
        (EVENT + MAP + A + B.replace(":04.000", ":04.002"), "4.3.2.6"),
        (EVENT + MAP + A + B.replace(T4, ""), "4.3.2.6"),
        (EVENT + MAP + A + "#EXT-X-DISCONTINUITY\n", "4.3.2"),
        (EVENT + MAP + A + END + B, "4.3.3.4"),
        (EVENT + "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=29\n" + MAP + A, "bis"),
        (EVENT + "#EXT-X-START:TIME-OFFSET=5\n" + MAP + A, "4.3.5.2"),
        (I_FRAMES + A, "4.3.3.6"),
        (I_FRAMES + A.replace("a.m4s", "#EXT-X-BYTERANGE:10\na.m4s"), "4.3.2.2"),
        (I_FRAMES.replace("N:7", "N:3") + A.replace("a.m4s", "#EXT-X-BYTERANGE:9@0\na.m4s"), "7:"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_told_which(text: str, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        checked(text)


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (EVENT + MAP + A + B, EVENT + MAP + A, "6.2.1"),
        (EVENT + MAP + A, EVENT + MAP + A.replace("a.m4s", "c.m4s"), "6.2.1"),
        (EVENT + MAP + A, EVENT.replace("N:10", "N:9") + MAP + A, "6.2.1"),
        (EVENT + MAP + A, EVENT.replace("VERSION:7", "VERSION:6") + MAP + A, "6.2.1"),
        (EVENT + MAP + A + B, EVENT.replace("CE:0", "CE:1") + MAP + B, "4.3.3.5"),
        (EVENT.replace("CE:0", "CE:1") + MAP + A, EVENT + MAP + A, "6.2.2"),
        (EVENT + MAP + A + END, EVENT.replace("EVENT", "VOD") + MAP + A + B + END, "4.3.3"),
        (EVENT + MAP + A, EVENT + MAP + A + B + END, "4.3.3.5"),
    ],
)
def test_what_may_not_change_is_told(before: str, after: str, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_reload(before, after)


def test_a_growing_playlist_may_grow_and_end() -> None:
    check_reload(EVENT + MAP + A, EVENT + MAP + A + B)
    check_reload(EVENT + MAP + A, EVENT.replace("EVENT", "VOD") + MAP + A + B + END)
    renewed = A.replace("a.m4s", "a.m4s?grant=2")
    check_reload(EVENT + MAP + A.replace("a.m4s", "a.m4s?grant=1"), EVENT + MAP + renewed)
