"""Whatever sound a camera sends lies beside its pictures as AAC; none of it ends a recording."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from media.playlist import render
from media.simulator import Mount, Simulator, SimulatorThread
from media.store import RecordingStore
from media.types import RunEnded
from tests.clips import AudioCodec, Encoding, frame_coded, read_frame_number
from tests.media.recorded import CAMERA, Told, hours, running, world

FPS = 25
LEVEL = 8_000 / 32_768 / 2**0.5
"""Root of the mean square of the clips' tone."""
WINDOW_S = 0.02


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
    print("NONE", [n for n, l in enumerate(heard.levels) if l is None], len(heard.levels))
    assert None not in heard.levels[8:-8]
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

    assert None not in heard.levels[8:-8]
    assert heard.onsets()[0] > 1.5
    assert len(heard.onsets()) >= 1
    assert [one.reason for one in told.of(RunEnded)] == ["recording was stopped"]
