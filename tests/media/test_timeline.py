"""Packets get their positions, and a run ends where time or picture break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias, cast

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from media.timeline import RunBroken, RunTimeline
from media.types import RunClock
from tests.clips import Encoding, frame_coded
from tests.media.test_anchor import WALL_US, HandClock

FRAME = 3600
START = 900_000
RTP_OFFSET = 123_456
Packets: TypeAlias = "list[Packet[Stream]]"


@dataclass
class Camera:
    """A clip's packets with the times that FFmpeg gives them over RTSP."""

    video: Stream
    packets: Packets
    sounds: Packets = field(default_factory=list)
    clock: HandClock = field(default_factory=HandClock)

    def timeline(self, start: int = START) -> RunTimeline:
        return RunTimeline(self.video, start, self.clock)

    def play(self, timeline: RunTimeline, packets: Sequence[Packet[Stream]]) -> Packets:
        """Every packet arrives a frame after the one before."""
        stamped: Packets = []
        for packet in packets:
            self.clock.go(40_000)
            stamped += timeline.stamp(packet)
        return stamped


@contextmanager
def camera(
    bframes: int = 0, *, hidden: bool = True, audio: bool = False, frames: int = 100
) -> Iterator[Camera]:
    """`hidden`: the first packets lack times as they do when a connection begins."""
    encoding = Encoding(gop=25, bframes=bframes, audio="aac" if audio else None)
    with av.open(str(frame_coded(frames, encoding))) as container:
        video = container.streams.video[0]
        everything = container.demux()
        packets: Packets = []
        sounds: Packets = []
        for packet in everything:
            if packet.pts is None or packet.dts is None:
                continue
            if packet.stream_index == video.index:
                ticks = packet.time_base * 90_000
                packet.pts = round(packet.pts * ticks) + RTP_OFFSET
                packet.dts = round(packet.dts * ticks) + RTP_OFFSET
                packet.duration = FRAME
                packet.time_base = Fraction(1, 90_000)
                packets.append(packet)
            else:
                packet.pts += RTP_OFFSET * 48_000 // 90_000
                packet.dts = packet.pts
                sounds.append(packet)
        stream = _Video(video)
        if hidden:
            delay = {0: 0, 1: 1, 2: 1, 3: 2}[bframes]
            packets[0].pts = None
            for packet in packets[: delay + 1]:
                packet.dts = None
        yield Camera(cast(Stream, stream), packets, sounds)


class _Video:
    """The clip's stream as RTSP has it: ticks of 1/90,000 s."""

    def __init__(self, stream: Stream) -> None:
        self.index = stream.index
        self.time_base = Fraction(1, 90_000)
        self.codec_context = stream.codec_context


def began(timeline: RunTimeline) -> bool:
    return timeline.began


def settled_clock(timeline: RunTimeline) -> RunClock | None:
    return timeline.clock


def positions(stamped: Packets) -> list[int]:
    return sorted(packet.pts for packet in stamped if packet.pts is not None)


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize("bframes", [0, 1, 2, 3])
def test_frames_follow_from_the_start_position(bframes: int, hidden: bool) -> None:
    with camera(bframes, hidden=hidden) as gate:
        stamped = gate.play(gate.timeline(), gate.packets)

    assert positions(stamped) == [START + number * FRAME for number in range(100)]
    assert stamped[0].pts == START
    decode_times = [packet.dts for packet in stamped]
    assert decode_times == sorted(set(cast("list[int]", decode_times)))
    for packet in stamped:
        assert packet.pts is not None
        assert packet.dts is not None
        assert packet.dts <= packet.pts


def test_nothing_comes_before_the_first_keyframe() -> None:
    with camera() as gate:
        timeline = gate.timeline()

        assert gate.play(timeline, gate.packets[3:25]) == []
        assert not began(timeline)
        first, *_ = gate.play(timeline, gate.packets[25:33])

    assert began(timeline)
    assert (first.is_keyframe, first.pts) == (True, START)


def test_a_run_begins_after_a_second_where_pictures_are_few() -> None:
    with camera() as gate:
        timeline = gate.timeline()
        assert gate.play(timeline, gate.packets[:2]) == []
        gate.clock.go(920_000)
        stamped = gate.play(timeline, gate.packets[2:3])

    assert positions(stamped) == [START, START + FRAME, START + 2 * FRAME]


def test_leading_pictures_of_the_first_keyframe_are_dropped() -> None:
    with camera(hidden=False) as gate:
        keyframe, leading, *others = gate.packets[:10]
        assert keyframe.pts is not None
        keyframe.dts = keyframe.pts - 2 * FRAME
        leading.pts, leading.dts = keyframe.pts - FRAME, keyframe.pts - FRAME
        stamped = gate.play(gate.timeline(), [keyframe, leading, *others])

    assert len(stamped) == 9
    assert positions(stamped)[0] == START


def test_the_clock_settles_after_a_second_and_stays() -> None:
    with camera() as gate:
        timeline = gate.timeline()
        gate.play(timeline, gate.packets[:20])
        assert settled_clock(timeline) is None
        assert timeline.guessed_clock().start_position == START

        gate.play(timeline, gate.packets[20:40])
        settled = settled_clock(timeline)
        gate.play(timeline, gate.packets[40:])

    assert settled is not None
    assert settled_clock(timeline) is settled
    assert (settled.run_id, settled.start_position) == (timeline.run_id, START)
    assert settled.anchor_us == WALL_US


def test_a_short_run_settles_with_what_it_knows() -> None:
    with camera() as gate:
        timeline = gate.timeline()
        timeline.settle()
        assert settled_clock(timeline) is None

        gate.play(timeline, gate.packets[:8])
        timeline.settle()
        settled = settled_clock(timeline)

    assert settled is not None
    assert settled.anchor_us == WALL_US


def test_the_end_is_where_the_last_shown_frame_ends() -> None:
    with camera(2) as gate:
        timeline = gate.timeline(start=0)
        assert timeline.end_position == 0
        gate.play(timeline, gate.packets[:51])

    assert timeline.end_position == 51 * FRAME
    assert timeline.end_position % 9 == 0


@pytest.mark.parametrize("bframes", [0, 2])
def test_frames_are_counted(bframes: int) -> None:
    with camera(bframes) as gate:
        timeline = gate.timeline()
        told = []
        for packet in gate.packets:
            gate.play(timeline, [packet])
            told.append(timeline.fps)

    assert set(told[:49]) == {None}
    assert set(told[52:]) == {25.0}
    assert set(told) == {None, 25.0}


def move(packets: Sequence[Packet[Stream]], ticks: int) -> None:
    for packet in packets:
        if packet.pts is not None and packet.dts is not None:
            packet.pts += ticks
            packet.dts += ticks


def test_a_repeated_time_is_moved_on_a_little() -> None:
    with camera() as gate:
        repeated = gate.packets[10]
        repeated.pts = repeated.dts = gate.packets[9].dts
        stamped = gate.play(gate.timeline(), gate.packets)

    assert len(stamped) == 100
    assert stamped[10].pts == stamped[10].dts == START + 9 * FRAME + 1
    assert stamped[11].pts == START + 11 * FRAME


def test_a_gap_of_some_seconds_stays_a_gap() -> None:
    with camera() as gate:
        timeline = gate.timeline()
        stamped = gate.play(timeline, gate.packets[:50])
        move(gate.packets[50:], 9 * 90_000)
        gate.clock.go(9_000_000)
        stamped += gate.play(timeline, gate.packets[50:])

    assert positions(stamped)[50] == START + 50 * FRAME + 9 * 90_000


def test_decode_times_do_not_lag_behind_a_gap() -> None:
    """They are rebuilt from the last presentation times, which are those before the gap."""
    gap = 5 * 90_000
    with camera(2) as gate:
        timeline = gate.timeline()
        before = gate.play(timeline, gate.packets[:50])
        move(gate.packets[50:], gap)
        gate.clock.go(5_000_000)
        after = gate.play(timeline, gate.packets[50:])

    assert positions(after) == [START + gap + number * FRAME for number in range(50, 100)]
    delays = [one.pts - one.dts for one in after if one.pts is not None and one.dts is not None]
    assert max(delays) <= 4 * FRAME
    assert min(delays) >= 0
    decode_times = [cast(int, packet.dts) for packet in [*before, *after]]
    assert decode_times == sorted(set(decode_times))


@pytest.mark.parametrize("tremble", [-900, 1700])
def test_every_keyframe_is_decoded_as_long_before_it_is_shown_as_the_first(tremble: int) -> None:
    with camera(2) as gate:
        keyframe = gate.packets[25]
        assert keyframe.pts is not None
        keyframe.pts += tremble
        stamped = gate.play(gate.timeline(), gate.packets)

    delays = {one.pts - one.dts for one in stamped if one.is_keyframe and one.pts and one.dts}
    assert len(delays) == 1
    assert stamped[25].pts == START + 25 * FRAME + tremble


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize(
    ("ticks", "words"),
    [
        (11 * 90_000, "the camera's time jumped 11.0 s forward"),
        (-90_000, "the camera's time jumped 1.0 s back"),
        ((1 << 32) - 100 * 90_000, "the camera's time jumped 100.0 s back"),
    ],
)
def test_a_jump_ends_the_run(bframes: int, ticks: int, words: str) -> None:
    with camera(bframes) as gate:
        timeline = gate.timeline()
        gate.play(timeline, gate.packets[:50])
        if bframes:
            lag = gate.packets[50].dts
            move(gate.packets[50:], ticks)
            if ticks > 0:  # the decode time lags behind at first
                gate.packets[50].dts = lag
        else:
            move(gate.packets[50:], ticks)
        times = gate.packets[50].pts, gate.packets[50].dts
        end = timeline.end_position

        with pytest.raises(RunBroken) as broken:
            gate.play(timeline, gate.packets[50:])

    assert (gate.packets[50].pts, gate.packets[50].dts) == times
    assert timeline.end_position == end
    assert broken.value.reopen
    if not bframes or ticks > 0:
        assert str(broken.value) == words


def test_drift_ends_the_run_at_a_keyframe_which_begins_the_next() -> None:
    with camera(frames=200) as gate:
        timeline = gate.timeline()
        gate.play(timeline, gate.packets[:60])
        gate.play(timeline, gate.packets[60:76])
        gate.clock.wall_us -= 3_000_000
        gate.play(timeline, gate.packets[76:100])
        keyframe = gate.packets[100]

        with pytest.raises(RunBroken, match=r"drifted -3\.0 s apart") as broken:
            timeline.stamp(keyframe)
        again, *_ = gate.play(gate.timeline(0), gate.packets[100:108])

    assert not broken.value.reopen
    assert again.pts == 0


def test_a_minute_without_a_keyframe_ends_the_run() -> None:
    with camera() as gate:
        timeline = gate.timeline()
        gate.play(timeline, gate.packets[:2])
        inter = [packet for packet in gate.packets[2:] if not packet.is_keyframe]
        for number, packet in enumerate(inter):
            packet.pts = packet.dts = RTP_OFFSET + 2 * FRAME + number * 90_000

        with pytest.raises(RunBroken, match="no keyframes"):
            gate.play(timeline, inter)


@pytest.mark.parametrize("at", [3, 40])
def test_a_frame_without_any_time_is_not_lost(at: int) -> None:
    with camera(hidden=at < 10) as gate:
        for packet in gate.packets[: at if at < 10 else 0]:
            packet.dts = None
        gate.packets[at].pts = gate.packets[at].dts = None
        stamped = gate.play(gate.timeline(), gate.packets)

    assert positions(stamped) == [START + number * FRAME for number in range(100)]
    assert [one.pts for one in stamped] == [one.dts for one in stamped]


def test_packets_without_times_end_the_run_in_the_end() -> None:
    with camera(hidden=False) as gate:
        for packet in gate.packets:
            packet.pts = packet.dts = None
        timeline = gate.timeline()

        with pytest.raises(RunBroken, match="no times"):
            gate.play(timeline, gate.packets * 2)


def test_sound_keeps_its_distance_to_the_picture() -> None:
    with camera(audio=True) as gate:
        timeline = gate.timeline()
        video = gate.play(timeline, gate.packets[:50])
        first_sound = gate.sounds[0].pts
        assert first_sound is not None
        wanted = START + (first_sound * 90_000 + 24_000) // 48_000 - RTP_OFFSET
        (sound,) = timeline.stamp(gate.sounds[0]) or (None,)

    assert len(video) == 50
    if wanted >= START:
        assert sound is not None
        assert sound.pts == sound.dts == wanted
        assert sound.duration == 1024 * 90_000 // 48_000
        assert sound.time_base == Fraction(1, 90_000)


def test_sound_that_does_not_fit_is_left_out_and_ends_nothing() -> None:
    with camera(audio=True) as gate:
        timeline = gate.timeline()
        assert timeline.stamp(gate.sounds[5]) == ()
        gate.play(timeline, gate.packets[:50])
        fitting, again, early, late = gate.sounds[5:9]
        again.pts = again.dts = fitting.pts
        early.pts = early.dts = 0
        late.pts = late.dts = 48_000 * 3600

        taken = [len(timeline.stamp(sound)) for sound in (fitting, again, early, late)]

    assert taken == [1, 0, 0, 0]
