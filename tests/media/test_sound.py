"""Whatever sound a camera sends lies beside its pictures as AAC; none of it ends a recording."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from media.boxes import FragmentSplitter, boxes, read_fragment
from media.export.layout import read_layout
from media.muxing import Muxing
from media.playlist import render
from media.simulator import Mount, Simulator, SimulatorThread
from media.source import Source
from media.store import Hour, RecordingStore
from media.types import RunEnded
from tests.clips import AudioCodec, Encoding, frame_coded, read_frame_number
from tests.media.from_clip import ClipSource, Ends, in_order
from tests.media.recorded import CAMERA, Told, hours, play, running, world

FPS = 25
LEVEL = 8_000 / 32_768 / 2**0.5
"""Root of the mean square of the clips' tone."""
WINDOW_S = 0.02
RATES: dict[AudioCodec | None, int] = {"pcm_alaw": 8_000, None: 16_000}
UNROUND = 444_006
"""A position that is no whole number of samples, at 48 kHz a little more than one."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running_simulator:
        yield running_simulator


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as it is heard: levels of windows of 20 ms, None where no sound is.

    Times are seconds from the first picture, whose number is `number`.
    """

    number: int
    seconds: float
    levels: list[float | None]

    def onsets(self) -> list[float]:
        """Where it gets loud."""
        known = [level or 0.0 for level in self.levels]
        pairs = itertools.pairwise(known)
        return [
            (n + 1) * WINDOW_S
            for n, (before, after) in enumerate(pairs)
            if before < LEVEL / 3 <= after
        ]

    def longest_hole_s(self) -> float:
        """Of all but the first and last 0.2 s."""
        groups = itertools.groupby(self.levels[10:-10], key=lambda level: level is None)
        return max((len(list(group)) for empty, group in groups if empty), default=0) * WINDOW_S


def hear(path: str) -> Heard:
    with av.open(path) as container:
        pictures = [(frame.time or 0.0, frame) for frame in container.decode(video=0)]
    start, first = pictures[0]
    end = pictures[-1][0] - start + 1 / FPS
    levels: list[list[float]] = [[] for _ in range(int(end / WINDOW_S))]
    with av.open(path) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        for frame in container.decode(audio=0):
            rate, begin = frame.sample_rate, (frame.time or 0.0) - start
            for n, sample in enumerate(frame.to_ndarray()[0]):
                window = int((begin + n / rate) / WINDOW_S)
                if 0 <= window < len(levels):
                    levels[window].append(float(sample) ** 2)
    means = [float(np.mean(window)) ** 0.5 if window else None for window in levels]
    return Heard(read_frame_number(first), end, means)


def playlist(store: RecordingStore) -> str:
    (hour,) = hours(store)
    path = store.hour_path(CAMERA, hour) / "all.m3u8"
    path.write_text(render(store.playlist(CAMERA, hour).segments, str, ended=True))
    return str(path)


def check_beats(heard: Heard) -> None:
    """The tone begins with each picture whose number is a multiple of 25, at the clip's level."""
    beats = [n / FPS for n in range(-heard.number % FPS, int(heard.seconds * FPS), FPS)]
    onsets = heard.onsets()
    inner = [beat for beat in beats if 0.2 < beat < heard.seconds - 0.3]
    assert len(inner) >= 2
    for beat in inner:
        assert min(abs(onset - beat) for onset in onsets) < 0.045, (beats, onsets)
        loud = heard.levels[int((beat + 0.2) / WINDOW_S)]
        assert loud == pytest.approx(LEVEL, rel=0.15)


@pytest.mark.parametrize("audio", ["aac", "opus", "pcm_alaw", "pcm_mulaw"])
def test_sound_is_heard_with_its_pictures(
    simulator: Simulator, tmp_path: Path, audio: AudioCodec
) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10, audio=audio)))
    here, told = world(tmp_path), Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(7)

    heard = hear(playlist(here.store))

    check_beats(heard)
    assert heard.longest_hole_s() <= 0.1
    assert [one.reason for one in told.of(RunEnded)] == ["recording was stopped"]


@pytest.mark.parametrize("audio", ["aac", "pcm_alaw"])
def test_where_no_sound_comes_there_is_silence(
    simulator: Simulator, tmp_path: Path, audio: AudioCodec
) -> None:
    mount: Mount = simulator.add("gate", frame_coded(300, Encoding(gop=10, audio=audio)))
    here, told = world(tmp_path), Told()
    mount.mute()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(5)
        mount.unmute()
        told.wait_for_segments(10)

    heard = hear(playlist(here.store))

    assert heard.longest_hole_s() <= 0.1
    assert heard.onsets()[0] > 1.5
    assert [one.reason for one in told.of(RunEnded)] == ["recording was stopped"]


@pytest.mark.parametrize("audio", ["aac", "pcm_alaw"])
def test_sound_that_is_switched_on_or_off_in_the_camera_costs_ffmpeg_no_picture(
    simulator: Simulator, tmp_path: Path, audio: AudioCodec
) -> None:
    """It reads the first init segment alone, and takes sound for pictures that it did not tell."""
    here, told = world(tmp_path), Told()
    simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    with running(here, simulator.url("gate"), told):
        for run, sound in enumerate((None, audio, None), start=1):
            if run > 1:
                simulator.add("gate", frame_coded(300, Encoding(gop=10, audio=sound)))
            told.wait_for_runs(run)
            told.wait_for_segments(4 * run)

    (hour,) = hours(here.store)
    found, shown = play(here.store, hour)

    ticks = found.segments[-1].end_position - found.segments[0].position
    assert len(shown) == pytest.approx(ticks / 3_600, abs=2)
    assert sum(one.discontinuity for one in found.segments) >= 2
    assert {init_tracks(here.store, hour, one.init) for one in found.segments} == {2}


def init_tracks(store: RecordingStore, hour: Hour, name: str) -> int:
    with store.open_file(CAMERA, hour, name) as file:
        return len(read_layout(file.read()).tracks)


def packets_of(container: InputContainer) -> list[Packet[Stream]]:
    """Stamped, from position 0."""
    demuxed: Iterator[Packet[Stream]] = container.demux()
    return stamped([one for one in demuxed if one.pts is not None and one.size])


def stamped(packets: list[Packet[Stream]], start: int = 0) -> list[Packet[Stream]]:
    """With the times of the clip as positions, from `start` on."""
    for packet in packets:
        ticks = packet.time_base * 90_000
        packet.pts = start + round((packet.pts or 0) * ticks)
        packet.dts = packet.pts if packet.dts is None else start + round(packet.dts * ticks)
        packet.duration = round((packet.duration or 0) * ticks)
        packet.time_base = Fraction(1, 90_000)
    return packets


def film_of(source: ClipSource, packets: list[Packet[Stream]], path: Path) -> str:
    splitter = FragmentSplitter()
    muxing = Muxing(cast(Source, source), packets[0], splitter)
    for packet in packets:
        muxing.add(packet)
    assert muxing.close()
    assert not muxing.close()
    fragments = [b"".join([muxing.settled(head), *body]) for head, *body in splitter.take()]
    path.write_bytes(splitter.init + b"".join(fragments))
    return str(path)


@pytest.mark.parametrize("audio", ["aac", "opus", "pcm_alaw"])
def test_broken_sound_is_no_reason_to_lose_pictures(tmp_path: Path, audio: AudioCodec) -> None:
    noise = random.Random(7)
    with av.open(str(frame_coded(100, Encoding(gop=25, audio=audio)))) as container:
        source = ClipSource(container)
        packets = packets_of(container)
        packets.sort(key=lambda one: (one.dts or 0, one.stream_index))
        for n, packet in enumerate(packets):
            if packet.stream_index != source.video.index and n % 3:
                broken: Packet[Stream] = Packet(noise.randbytes(noise.randint(1, 400)))
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                broken.stream = packet.stream
                packets[n] = broken
        path = film_of(source, packets, tmp_path / "film.mp4")

    with av.open(path) as film:
        numbers = [read_frame_number(frame) for frame in film.decode(video=0)]
    assert numbers == list(range(100))


def test_aac_with_a_header_on_each_packet_is_copied_without(tmp_path: Path) -> None:
    """As within MPEG-TS."""
    stream = tmp_path / "stream.ts"
    with av.open(str(frame_coded(100, Encoding(gop=25, audio="aac")))) as clip:
        original = [bytes(packet) for packet in clip.demux(audio=0) if packet.size]
    path = str(frame_coded(100, Encoding(gop=25, audio="aac")))
    with av.open(path) as clip, av.open(str(stream), "w") as out:
        copies = {one.index: out.add_stream_from_template(one) for one in clip.streams}
        for packet in clip.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                out.mux_one(packet)
    with av.open(str(stream)) as container:
        source = ClipSource(container)
        packets = packets_of(container)
        sounds = [bytes(one) for one in packets if one.stream_index != source.video.index]
        path = film_of(source, packets, tmp_path / "film.mp4")

    assert {sound[0] for sound in sounds} == {0xFF}
    with av.open(path) as film:
        copied = [bytes(packet) for packet in film.demux(audio=0) if packet.size]
    assert len(copied) > 150
    assert set(copied) <= set(original)
    check_beats(hear(path))


def sounds_of(path: str) -> list[float]:
    """When each packet of sound begins, and the last one ends, in seconds."""
    with av.open(path) as film:
        sounds = [one for one in film.demux(film.streams.audio[0]) if one.size]
    ends = ((one.pts or 0) + (one.duration or 0) for one in sounds)
    return [
        float(time * sounds[0].time_base) for time in (*(one.pts or 0 for one in sounds), max(ends))
    ]


def pictures_of(path: str) -> tuple[float, float]:
    """When the first picture is shown, and until when the last, in seconds."""
    content = Path(path).read_bytes()
    heads = (
        content[start:end]
        for kind, start, end in boxes(content, 0, len(content))
        if kind == b"moof"
    )
    fragments = [one for head in heads if (one := read_fragment(head)) is not None]
    return fragments[0].position / 90_000, fragments[-1].end_position / 90_000


@pytest.mark.parametrize(
    "ends",
    [Ends(3.6, 0.0, 3.3), Ends(3.6, 0.09, 4.0), Ends(3.6, 0.7, 2.2), Ends(3.6, 9.0, 9.0)],
    ids=["ends-early", "ends-late", "in-the-middle", "is-missing"],
)
@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("audio", ["aac", "opus", "pcm_alaw", None])
def test_sound_lasts_from_the_first_picture_to_the_end_of_the_last(
    tmp_path: Path, audio: AudioCodec | None, bframes: int, ends: Ends
) -> None:
    coded = Encoding(gop=25, bframes=bframes, audio=audio)
    with av.open(str(frame_coded(100, coded))) as container:
        source = ClipSource(container)
        chosen = [
            packet
            for packet, seconds in in_order(container)
            if ends.has(seconds, is_sound=packet.stream_index != source.video.index)
        ]
        path = film_of(source, stamped(chosen, UNROUND), tmp_path / "film.mp4")

    begin, end = pictures_of(path)
    *sounds, until = sounds_of(path)
    frame, delay = 1024 / RATES.get(audio, 48_000), bframes / FPS
    assert begin + delay <= sounds[0] < begin + delay + 0.022
    assert end + delay - 1e-3 < until < end + delay + frame
    assert sounds[-1] < end + delay
    assert max(after - before for before, after in itertools.pairwise(sounds)) < 2 * frame
