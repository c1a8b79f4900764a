"""Sound beside the picture: an offset shows the very frame all the same, with B-frames too."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from media.playlist import render
from media.simulator import SimulatorThread
from media.store import RecordingStore
from tests.clips import Encoding, frame_coded
from tests.media.recorded import CAMERA, Told, hours, running, world
from tests.scenarios.playing import ffmpeg_frame_number, has_ffmpeg

FPS = 25
BFRAMES = (0, 2, 3)
PLACES = (0, 1, 2, 3, 24, 25, 26, 40)


def playlist_from(store: RecordingStore, segment: int) -> str:
    """A file that plays what was recorded, from one of its segments on."""
    (hour,) = hours(store)
    path = store.hour_path(CAMERA, hour) / f"from-{segment}.m3u8"
    segments = store.playlist(CAMERA, hour).segments[segment:]
    path.write_text(render(segments, str, ended=True))
    return str(path)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, RecordingStore]:
    """Some seconds with sound, by number of B-frames."""
    worlds = {bframes: world(tmp_path_factory.mktemp("footage")) for bframes in BFRAMES}
    with SimulatorThread() as simulator, ExitStack() as stack:
        told = []
        for bframes, here in worlds.items():
            coded = Encoding(fps=FPS, gop=10, bframes=bframes, audio="aac")
            simulator.add(f"b{bframes}", frame_coded(500, coded))
            told.append(Told())
            stack.enter_context(running(here, simulator.url(f"b{bframes}"), told[-1]))
        for one in told:
            one.wait_for_segments(7)
    return {bframes: here.store for bframes, here in worlds.items()}


@pytest.mark.parametrize("segment", [0, 2])
@pytest.mark.parametrize("bframes", BFRAMES)
def test_with_sound_ffmpeg_shows_the_frame_of_each_offset(
    tmp_path: Path, stores: dict[int, RecordingStore], bframes: int, segment: int
) -> None:
    if not has_ffmpeg():
        pytest.skip("no ffmpeg on this machine")
    url = playlist_from(stores[bframes], segment)
    first, *shown = [ffmpeg_frame_number(url, place / FPS + 3e-6, tmp_path) for place in PLACES]

    assert [number - first for number in shown] == list(PLACES[1:])
    assert first % 10 == 0
