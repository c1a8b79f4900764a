"""Streams of every kind are recorded: each picture stands where the camera showed it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from media.simulator import MountOptions, SimulatorThread
from media.store import RecordingStore
from media.types import RunEnded
from tests.clips import Encoding, frame_coded
from tests.media.recorded import CAMERA, Told, hours, play, running, world

TICKS = 90_000


PLAIN = MountOptions()
WRAPPING = MountOptions(first_timestamp=(1 << 32) - 2 * TICKS)
LAST = 8
"""So many pictures may be incomplete at the end: those that they refer to came, they did not."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A camera. `segments` are waited for; `frames`: until the clip begins anew."""

    encoding: Encoding
    segments: int = 4
    frames: int = 250
    options: MountOptions = PLAIN


KINDS = {
    "hevc-10-bit": Kind(Encoding(gop=10, codec="hevc", pixels="yuv420p10le", bframes=2)),
    "h264-10-bit": Kind(Encoding(gop=10, pixels="yuv420p10le")),
    "full-range": Kind(Encoding(gop=10, pixels="yuvj420p")),
    "interlaced": Kind(Encoding(gop=10, params="interlaced=1:tff=1")),
    "interlaced-b": Kind(Encoding(gop=10, params="interlaced=1:bff=1", bframes=2)),
    "vfr": Kind(Encoding(gop=10, fps=50, beat=(1, 2, 5, 1, 3))),
    "vfr-b": Kind(Encoding(gop=10, fps=50, beat=(2, 3, 2, 3), bframes=2)),
    "intra": Kind(Encoding(gop=1)),
    "slices": Kind(Encoding(gop=10, params="slices=4")),
    "wrap": Kind(Encoding(gop=10), 7, options=WRAPPING),
    "wrap-b": Kind(Encoding(gop=10, bframes=3), 7, options=WRAPPING),
    "no-sets": Kind(Encoding(gop=10), options=MountOptions(repeat_parameter_sets=False)),
    "mid-gop": Kind(Encoding(gop=10, bframes=2), options=MountOptions(start_at_keyframe=False)),
    "slow": Kind(Encoding(gop=2, fps=2), segments=2),
    "long-gop": Kind(Encoding(gop=100), segments=1),
}


@dataclass(frozen=True, slots=True)
class Recorded:
    store: RecordingStore
    reasons: list[str]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    """All kinds, recorded at the same time."""
    worlds = {name: world(tmp_path_factory.mktemp("footage")) for name in KINDS}
    told = {name: Told() for name in KINDS}
    with SimulatorThread() as simulator, ExitStack() as stack:
        for name, kind in KINDS.items():
            simulator.add(name, frame_coded(kind.frames, kind.encoding), kind.options)
        pipelines = {
            name: stack.enter_context(running(here, simulator.url(name), told[name]))
            for name, here in worlds.items()
        }
        for name, kind in KINDS.items():
            told[name].wait_for_segments(kind.segments)
            pipelines[name].request_stop()
    return {
        name: Recorded(here.store, [one.reason for one in told[name].of(RunEnded)])
        for name, here in worlds.items()
    }


def times(encoding: Encoding) -> Iterator[int]:
    """When each picture of the clip is shown, in ticks."""
    beats = itertools.accumulate(itertools.cycle(encoding.beat), initial=0)
    return (beat * TICKS // int(encoding.fps) for beat in beats)


@pytest.mark.parametrize("name", KINDS)
def test_every_picture_stands_where_the_camera_showed_it(
    recordings: dict[str, Recorded], name: str
) -> None:
    kind, found = KINDS[name], recordings[name]
    assert found.reasons == ["recording was stopped"]
    for hour in hours(found.store):
        listed, shown = play(found.store, hour)
        shown = shown[: -LAST if kind.encoding.bframes else None]
        numbers = [one.number for one in shown]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        clip = list(itertools.islice(times(kind.encoding), kind.frames))
        wanted = [clip[number] - clip[numbers[1]] for number in numbers[1:]]
        known = shown[1:]  # the very first time of a connection is unknown: a frame before
        assert [one.ticks - known[0].ticks for one in known] == pytest.approx(wanted, abs=2)
        assert 0 < known[0].ticks <= clip[1]
        assert numbers[0] % kind.encoding.gop == 0
        for before, after in itertools.pairwise(listed.segments):
            assert (before.end_position, after.discontinuity) == (after.position, False)


@pytest.mark.parametrize(
    ("name", "pixels", "profile"),
    [
        ("hevc-10-bit", "yuv420p10le", "Main 10"),
        ("h264-10-bit", "yuv420p10le", "High 10"),
        ("full-range", "yuvj420p", "High"),
    ],
)
def test_the_init_segment_tells_what_the_pictures_are(
    recordings: dict[str, Recorded], name: str, pixels: str, profile: str
) -> None:
    store = recordings[name].store
    (hour,) = hours(store)
    folder, segment = store.hour_path(CAMERA, hour), store.playlist(CAMERA, hour).segments[0]
    path: Path = folder / "one.mp4"
    path.write_bytes((folder / segment.init).read_bytes() + (folder / segment.name).read_bytes())

    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        assert (context.pix_fmt, context.profile) == (pixels, profile)
