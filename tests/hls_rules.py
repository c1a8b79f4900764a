"""The rules of HLS media playlists (RFC 8216, and `EXT-X-SERVER-CONTROL` of its second edition).

A reader of its own, which shares nothing with what makes playlists. Every rule that is broken is an
`AssertionError` that says which section and line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

_ATTRIBUTE = re.compile(
    r'([A-Z0-9-]+)=("[^"\r\n]*"|0[xX][0-9A-F]+|-?[0-9]+(?:\.[0-9]+)?|[^",\s]+)(?:,(?=.)|$)'
)
_WHOLE = re.compile(r"[0-9]{1,20}")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?),([^\r\n]*)")
_RANGE = re.compile(r"([0-9]{1,20})(?:@([0-9]{1,20}))?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
_FRAGMENTED = (".m4s", ".mp4")
_ONCE = {
    *("EXTM3U", "VERSION", "TARGETDURATION", "PLAYLIST-TYPE", "MEDIA-SEQUENCE"),
    *("DISCONTINUITY-SEQUENCE", "INDEPENDENT-SEGMENTS", "I-FRAMES-ONLY", "SERVER-CONTROL"),
    *("START", "ENDLIST"),
}
_OF_SEGMENTS = {"INF", "BYTERANGE", "DISCONTINUITY", "MAP", "PROGRAM-DATE-TIME"}


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes [start, start + length) of a resource."""

    length: int
    start: int


@dataclass(frozen=True, slots=True)
class Media:
    """A segment as a player understands it. `moment_us` is its PROGRAM-DATE-TIME."""

    uri: str
    seconds: Fraction
    init: str | None
    part: Range | None
    discontinuity: bool
    moment_us: int | None

    @property
    def told(self) -> tuple[object, ...]:
        """What may not change while players read again; a grant in an address may be renewed."""
        init = None if self.init is None else _bare(self.init)
        where = _bare(self.uri), init, self.part
        return *where, self.seconds, self.discontinuity, self.moment_us


@dataclass(slots=True)
class Served:
    """A playlist that keeps the rules."""

    version: int = 1
    target: int = 0
    kind: str | None = None
    sequence: int = 0
    discontinuity_sequence: int = 0
    i_frames_only: bool = False
    independent: bool = False
    ended: bool = False
    control: dict[str, str] = field(default_factory=dict)
    start: dict[str, str] = field(default_factory=dict)
    media: list[Media] = field(default_factory=list)


def checked(text: str) -> Served:
    """The playlist, if it keeps all rules that one text can break."""
    reader = _Reader()
    assert text.endswith("\n"), "4.1: the last line does not end"
    assert not text.startswith("\ufeff"), "4.1: a byte order mark"
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            reader.take(number, line.removesuffix("\r"))
        except AssertionError as broken:
            raise AssertionError(f"line {number}, {line!r}: {broken}") from None
    return reader.whole()


class _Reader:
    """Line after line; what stands before a segment's address is kept until that comes."""

    def __init__(self) -> None:
        self.found = Served()
        self._seen: set[str] = set()
        self._tags: set[str] = set()
        self._init: str | None = None
        self._seconds: Fraction | None = None
        self._part: Range | None = None
        self._moment_us: int | None = None
        self._is_exact = False
        self._read: dict[str, Callable[[str], None]] = {
            "VERSION": self._version,
            "TARGETDURATION": self._target,
            "PLAYLIST-TYPE": self._kind,
            "MEDIA-SEQUENCE": self._sequence,
            "DISCONTINUITY-SEQUENCE": self._discontinuities,
            "SERVER-CONTROL": self._control,
            "START": self._start,
            "INF": self._inf,
            "BYTERANGE": self._byterange,
            "MAP": self._map,
            "PROGRAM-DATE-TIME": self._date_time,
        }

    def take(self, number: int, line: str) -> None:
        assert (line == "#EXTM3U") == (number == 1), (
            "4.3.1.1: EXTM3U is the first line and no other"
        )
        assert line.isprintable(), "4.1: a control character"
        assert not self.found.ended, "4.3.3.4: something follows the end"
        if line.startswith("#EXT"):
            name, colon, value = line.removeprefix("#EXT").removeprefix("-X-").partition(":")
            self._tag(name if number > 1 else "EXTM3U", value if colon else None)
        elif line and not line.startswith("#"):
            self._address(line)
        else:
            assert not line.startswith("#VMS"), "a note that is for the disk alone"

    def _tag(self, name: str, value: str | None) -> None:
        assert name in _ONCE | _OF_SEGMENTS, "4.1: no tag of a media playlist"
        if name in _ONCE:
            assert name not in self._seen, "4.3.3: it stands there twice"
            self._seen.add(name)
            late = bool(self.found.media or self._tags) and name != "ENDLIST"
            assert not late, "4.3.3: it belongs before the first segment"
        else:
            assert name not in self._tags, "4.3.2: twice for one segment"
            self._tags.add(name)
        reads = self._read.get(name)
        assert (reads is None) == (value is None), "4.1: a value is missing, or too much"
        if reads is not None and value is not None:
            reads(value)
        self.found.i_frames_only |= name == "I-FRAMES-ONLY"
        self.found.independent |= name == "INDEPENDENT-SEGMENTS"
        self.found.ended |= name == "ENDLIST"

    def _version(self, value: str) -> None:
        self.found.version = _whole(value)

    def _target(self, value: str) -> None:
        self.found.target = _whole(value)

    def _kind(self, value: str) -> None:
        assert value in ("EVENT", "VOD"), "4.3.3.5: no such type"
        self.found.kind = value

    def _sequence(self, value: str) -> None:
        self.found.sequence = _whole(value)

    def _discontinuities(self, value: str) -> None:
        self.found.discontinuity_sequence = _whole(value)

    def _control(self, value: str) -> None:
        self.found.control = _attributes(value)
        assert self.found.control.get("CAN-BLOCK-RELOAD", "YES") == "YES", "bis 4.4.3.8"

    def _start(self, value: str) -> None:
        self.found.start = _attributes(value)
        assert float(self.found.start["TIME-OFFSET"]) is not None, "4.3.5.2"
        assert self.found.start.get("PRECISE", "NO") in ("YES", "NO"), "4.3.5.2"

    def _inf(self, value: str) -> None:
        form = _DURATION.fullmatch(value)
        assert form is not None, "4.3.2.1: no duration with its comma"
        self._seconds = Fraction(form[1])
        self._is_exact |= "." in form[1]

    def _byterange(self, value: str) -> None:
        form = _RANGE.fullmatch(value)
        assert form is not None, "4.3.2.2: no range"
        if form[2] is None:
            before = self.found.media[-1].part if self.found.media else None
            assert before is not None, "4.3.2.2: no range before it to continue"
            self._part = Range(int(form[1]), before.start + before.length)
        else:
            self._part = Range(int(form[1]), int(form[2]))

    def _map(self, value: str) -> None:
        given = _attributes(value)
        assert set(given) <= {"URI", "BYTERANGE"}, "4.3.2.5: no such attribute"
        assert re.fullmatch(r'"[^"\s]+"', given.get("URI", "")), "4.3.2.5: no quoted URI"
        self._init = given["URI"][1:-1]

    def _date_time(self, value: str) -> None:
        assert _MOMENT.fullmatch(value), "4.3.2.6: no date with time and zone"
        self._moment_us = round(datetime.fromisoformat(value).timestamp() * 1_000_000)

    def _address(self, uri: str) -> None:
        assert not re.search(r"\s", uri), "4.1: an address with a space"
        seconds = self._seconds
        assert seconds is not None, "4.3.2.1: a segment without EXTINF"
        if urlsplit(uri).path.endswith(_FRAGMENTED):
            assert self._init is not None, "3.3: fragmented MP4 without EXT-X-MAP before it"
        if "DISCONTINUITY" in self._tags:
            assert "MAP" in self._tags, "3.3: another run without naming its init segment"
            assert "PROGRAM-DATE-TIME" in self._tags, "4.3.2.6: another run without its time"
        marked = "DISCONTINUITY" in self._tags
        made = Media(uri, seconds, self._init, self._part, marked, self._moment_us)
        self.found.media.append(made)
        self._seconds = self._part = self._moment_us = None
        self._tags = set()

    def whole(self) -> Served:
        found = self.found
        assert not self._tags, "4.3.2: tags without a segment"
        assert "TARGETDURATION" in self._seen, "4.3.3.1: no target duration"
        for each in found.media:
            rounded = int(each.seconds + Fraction(1, 2))
            assert rounded <= found.target, f"4.3.3.1: {each.uri} is longer than the target"
        assert found.version >= self._needed(), f"7: these tags need version {self._needed()}"
        if found.kind == "VOD":
            assert found.ended, "4.3.3.5: a VOD playlist can't change, so it has an end"
        if found.i_frames_only:
            _check_i_frames(found)
        if "HOLD-BACK" in found.control:
            assert float(found.control["HOLD-BACK"]) >= 3 * found.target, "bis 4.4.3.8"
        if found.start:
            length = sum(each.seconds for each in found.media)
            assert abs(Fraction(found.start["TIME-OFFSET"])) <= length, "4.3.5.2"
        check_times(found.media, 1 if found.i_frames_only else 1001)
        return found

    def _needed(self) -> int:
        """7: of protocol versions."""
        inits = any(each.init for each in self.found.media)
        parts = any(each.part for each in self.found.media)
        with_inits = 5 if self.found.i_frames_only else 6
        return max(
            3 if self._is_exact else 1,
            4 if parts or self.found.i_frames_only else 1,
            with_inits if inits else 1,
        )


def _check_i_frames(found: Served) -> None:
    """4.3.3.6. Pictures of one file stand in its order and share no byte."""
    for each in found.media:
        assert each.part is not None, "4.3.3.6: a picture without its range"
        assert each.part.length > 0, "4.3.2.2: an empty range"
    for before, after in pairwise(found.media):
        if before.uri == after.uri and before.part and after.part:
            end = before.part.start + before.part.length
            assert end <= after.part.start, f"4.3.3.6: pictures of {after.uri} overlap"


def check_times(media: Sequence[Media], tolerance_us: int) -> None:
    """4.3.2.6: within a run moments only grow, and by what the segments last.

    Moments are cut to milliseconds, so a difference of two is true to one. It does not grow: it is
    measured from the run's first segment.
    """
    first_us: int | None = None
    passed = Fraction(0)
    for each in media:
        if each.discontinuity or first_us is None:
            first_us, passed = each.moment_us, Fraction(0)
        assert (each.moment_us is None) == (first_us is None), "4.3.2.6: some have a moment"
        if each.moment_us is not None and first_us is not None:
            apart = abs(each.moment_us - first_us - passed * 1_000_000)
            assert apart <= max(tolerance_us, 1001), f"4.3.2.6: {each.uri} is {apart} µs off"
        passed += each.seconds


def check_reload(before_text: str, after_text: str) -> tuple[Served, Served]:
    """What may change between two readings of one address (6.2.1, 6.2.2).

    Beyond the letter of 6.2.1 one thing may: with its end mark an EVENT playlist becomes VOD.
    """
    before, after = checked(before_text), checked(after_text)
    assert before.version == after.version, "6.2.1: the version changed"
    assert before.target == after.target, "6.2.1: the target duration changed"
    gone = after.sequence - before.sequence
    assert gone >= 0, "6.2.2: the media sequence fell"
    if before.kind == "EVENT":
        assert gone == 0, "4.3.3.5: an EVENT playlist lost segments"
        assert after.kind == ("VOD" if after.ended else "EVENT"), "4.3.3.5: the type changed"
    kept = before.media[gone:]
    assert [each.told for each in kept] == [each.told for each in after.media[: len(kept)]], (
        "6.2.1: a segment changed or vanished"
    )
    if gone:
        marks = sum(each.discontinuity for each in before.media[: gone + 1])
        assert after.discontinuity_sequence == before.discontinuity_sequence + marks, "6.2.2"
    if before.ended:
        assert after.ended, "4.3.3.4: the end was taken back"
        assert len(after.media) == len(kept), "4.3.3.4: something came behind the end"
    return before, after


def _bare(uri: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    parts = urlsplit(uri)
    query = [each for each in parse_qsl(parts.query) if each[0] != "grant"]
    return parts.path, tuple(query)


def _attributes(value: str) -> dict[str, str]:
    """4.2: names are upper case and stand once; commas separate, and nothing else does."""
    found: dict[str, str] = {}
    at = 0
    while at < len(value):
        each = _ATTRIBUTE.match(value, at)
        assert each is not None, f"4.2: no attribute at {value[at:]!r}"
        assert each[1] not in found, f"4.2: {each[1]} stands there twice"
        found[each[1]] = each[2]
        at = each.end()
    assert found, "4.2: an empty list"
    return found


def _whole(value: str) -> int:
    assert _WHOLE.fullmatch(value), "4.2: no decimal integer"
    assert int(value) < 2**64, "4.2: beyond 64 bits"
    return int(value)
