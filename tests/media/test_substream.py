"""What is seen in a substream is told of the recorded frame of the same moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media.clock import SystemClock
from media.codecs import VideoSetup
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.sampler import Sampler
from media.simulator import (
    Credentials,
    Mount,
    MountOptions,
    Simulator,
    SimulatorOptions,
    SimulatorThread,
)
from media.substream import TwoStreams
from media.timeline import RunTimeline
from media.types import CameraState, RunBegan, RunEnded, SegmentClosed, StatusChanged
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.recorded import CAMERA, KEY, PATIENCE_S, Told, hours, play, until, world

FILM_S = 20
"""The clips of both streams begin anew at the same moments."""
MAIN = Encoding(size=(640, 360), gop=10)
SUB = Encoding(size=(320, 240), gop=10)
FPS = 25
PLAIN = MountOptions()


@dataclass(frozen=True)
class Wishes:
    record: bool = True
    knows_password: bool = True
    sub_path: str = "sub"
    fall_back_us: int = 60_000_000


WISHES = Wishes()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    options = SimulatorOptions(credentials=Credentials("admin", "p@ss word:7"))
    with SimulatorThread(options) as running:
        yield running


@dataclass
class Looker:
    """Decodes all it is shown and notes the number of each picture with its position."""

    fault: str | None = None
    seen: list[tuple[int, int]] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    ended_at_us: list[int] = field(default_factory=list)
    timelines: list[RunTimeline] = field(default_factory=list)
    fails: bool = False
    _sampler: Sampler | None = None

    def begin_run(self, stream: VideoStream, timeline: RunTimeline) -> None:
        self.calls.append("begin")
        self.widths.append(stream.width)
        self.timelines.append(timeline)
        assert timeline.clock is not None
        self._sampler = Sampler(VideoSetup.of(stream), 30)

    def packet(self, packet: Packet[Stream]) -> None:
        assert self._sampler is not None
        if self.fails:
            raise RuntimeError("a bug in detection")
        for frame in self._sampler.frames(packet):
            assert frame.pts is not None
            self.seen.append((frame.pts, read_frame_number(frame)))

    def end_run(self, ended_at_us: int) -> None:
        self.calls.append("end")
        self.ended_at_us.append(ended_at_us)

    def close(self) -> None:
        self.calls.append("close")


@dataclass(frozen=True)
class Film:
    """The streams of one camera, which films for some time already."""

    main: MountOptions = PLAIN
    sub: MountOptions = PLAIN
    main_clip: Encoding = MAIN
    sub_clip: Encoding = SUB

    def show(self, simulator: Simulator) -> tuple[Mount, Mount]:
        since_us = time.monotonic_ns() // 1000 - 3_000_000
        main, sub = (
            simulator.add(
                name,
                frame_coded(FILM_S * int(clip.fps), clip),
                replace(how, filming_since_us=since_us),
            )
            for name, clip, how in (
                ("main", self.main_clip, self.main),
                ("sub", self.sub_clip, self.sub),
            )
        )
        return main, sub


@contextmanager
def looked_at(
    simulator: Simulator, here: CameraWorld, told: Told, looker: Looker, wishes: Wishes = WISHES
) -> Iterator[CameraPipeline]:
    both = TwoStreams(looker, SystemClock(), wishes.fall_back_us)
    config = CameraConfig(
        KEY, CAMERA.tenant_id, CAMERA.name, simulator.url("main"), record=wishes.record
    )
    url = simulator.url(wishes.sub_path, with_credentials=wishes.knows_password)
    substream = CameraPipeline(config.of_substream(url), here, both.told, both.substream)
    pipeline = CameraPipeline(config, here, told, both.main)
    pipelines = (pipeline, substream)
    for each in pipelines:
        each.start()
    try:
        yield pipeline
    finally:
        for each in pipelines:
            each.request_stop()
        assert [each.join(PATIENCE_S) for each in pipelines] == [True, True]


def recorded(here: CameraWorld) -> dict[int, int]:
    """The number of each recorded picture, by its position."""
    shown: dict[int, int] = {}
    for hour in hours(here.store):
        found, pictures = play(here.store, hour)
        start = found.segments[0].position
        shown |= {start + one.ticks: one.number for one in pictures}
    return shown


def lags(here: CameraWorld, looker: Looker) -> set[int]:
    """By how many frames each picture looked at is later than what is recorded at its position."""
    shown = recorded(here)
    found = [
        round(within_film((number - shown[position]) / FPS) * FPS)
        for position, number in looker.seen
        if position in shown
    ]
    assert len(found) > len(looker.seen) // 2, "positions are those of recorded frames"
    return set(found)


def within_film(seconds: float) -> float:
    """The same difference where one of the two pictures was shown a turn of the film later."""
    return (seconds + FILM_S / 2) % FILM_S - FILM_S / 2


def watch(here: CameraWorld, simulator: Simulator, pictures: int = 60) -> Looker:
    """What is looked at until that many pictures were, of which the last are recorded."""
    told, looker = Told(), Looker()
    with looked_at(simulator, here, told, looker):
        until(lambda: len(looker.seen) >= pictures)
        told.wait_for_segments(len(told.of(SegmentClosed)) + 2)
    assert len(told.of(RunBegan)) == 1
    assert looker.calls == ["begin", "end", "close"]
    assert looker.widths == [SUB.size[0]]
    return looker


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("lag", ["main", "sub", "none"])
def test_reports_tell_the_very_frame(
    simulator: Simulator, tmp_path: Path, lag: str, bframes: int
) -> None:
    late = MountOptions(lag_seconds=0.4)
    film = Film(
        late if lag == "main" else PLAIN,
        late if lag == "sub" else PLAIN,
        replace(MAIN, bframes=bframes),
    )
    film.show(simulator)
    here = world(tmp_path)

    assert lags(here, watch(here, simulator)) == {0}


def test_a_substream_of_another_rate_is_half_a_frame_off_at_most(
    simulator: Simulator, tmp_path: Path
) -> None:
    slow = replace(SUB, fps=10)
    Film(sub_clip=slow).show(simulator)
    here = world(tmp_path)
    looker, shown = watch(here, simulator, 30), recorded(here)

    seconds = [within_film(n / 10 - shown[at] / FPS) for at, n in looker.seen if at in shown]

    assert len(seconds) > len(looker.seen) // 2
    assert max(abs(each) for each in seconds) <= 0.5 / FPS + 0.001


@pytest.mark.parametrize(
    "sub",
    [MountOptions(sends_reports=False), MountOptions(clock_offset_us=3_600_000_000)],
    ids=["none", "another clock"],
)
def test_without_reports_to_be_trusted_arrivals_tell(
    simulator: Simulator, tmp_path: Path, sub: MountOptions
) -> None:
    Film(sub=sub).show(simulator)
    here = world(tmp_path)

    assert max(abs(each) for each in lags(here, watch(here, simulator))) <= FPS // 4


def test_without_reports_what_one_stream_lags_shows(simulator: Simulator, tmp_path: Path) -> None:
    """As docs/time.md says: of arrivals alone nobody can tell."""
    silent = MountOptions(sends_reports=False)
    Film(silent, replace(silent, lag_seconds=0.4)).show(simulator)
    here = world(tmp_path)

    assert all(-16 <= each <= -4 for each in lags(here, watch(here, simulator)))


def test_a_new_run_of_the_main_stream_is_another_timeline(
    simulator: Simulator, tmp_path: Path
) -> None:
    main, _ = Film().show(simulator)
    here, told, looker = world(tmp_path), Told(), Looker()
    with looked_at(simulator, here, told, looker):
        until(lambda: len(looker.seen) >= 30)
        main.kick()
        told.wait_for_runs(2)
        seen = len(looker.seen)
        until(lambda: len(looker.seen) >= seen + 30)
        told.wait_for_segments(len(told.of(SegmentClosed)) + 2)

    assert looker.calls == ["begin", "end", "begin", "end", "close"]
    assert [each.run_id for each in looker.timelines] == [each.run_id for each in told.of(RunBegan)]
    assert looker.ended_at_us[0] <= told.of(RunEnded)[0].ended_at_us
    assert lags(here, looker) == {0}


def test_what_is_not_recorded_leads_to_no_footage(simulator: Simulator, tmp_path: Path) -> None:
    Film().show(simulator)
    looker = Looker()
    with looked_at(simulator, world(tmp_path), Told(), looker, Wishes(record=False)):
        until(lambda: len(looker.seen) >= 10)

    assert [each.recorded for each in looker.timelines] == [False]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("password", "the camera refuses the user name or password"),
        ("path", "the camera has no stream at this path"),
        ("silence", "no answer from the camera in time"),
    ],
)
def test_recording_goes_on_without_the_substream(
    simulator: Simulator, tmp_path: Path, fault: str, reason: str
) -> None:
    _, sub = Film().show(simulator)
    if fault == "silence":
        sub.blackhole()
    told, looker = Told(), Looker()
    wishes = Wishes(
        knows_password=fault != "password", sub_path="nowhere" if fault == "path" else "sub"
    )
    with looked_at(simulator, world(tmp_path), told, looker, wishes):
        told.wait(
            lambda all_: any(isinstance(each, StatusChanged) and each.reason for each in all_)
        )
        told.wait_for_segments(3)

    words = f"nothing is looked at, as the substream fails: {reason}"
    assert told.statuses[-1] == (CameraState.ONLINE, words)
    assert len(told.of(RunBegan)) == 1
    assert looker.calls == ["close"]


def test_the_main_stream_is_looked_at_until_the_substream_is_back(
    simulator: Simulator, tmp_path: Path
) -> None:
    _, sub = Film().show(simulator)
    sub.refuse()
    here, told, looker = world(tmp_path), Told(), Looker()
    with looked_at(simulator, here, told, looker, Wishes(fall_back_us=1_000_000)):
        told.wait(lambda all_: any("main stream" in str(_reason(each)) for each in all_))
        until(lambda: len(looker.seen) >= 10)
        sub.accept()
        until(lambda: len(looker.widths) == 2)
        seen = len(looker.seen)
        until(lambda: len(looker.seen) >= seen + 10)
        told.wait_for_segments(len(told.of(SegmentClosed)) + 2)

    assert looker.widths == [MAIN.size[0], SUB.size[0]]
    assert looker.calls == ["begin", "end", "begin", "end", "close"]
    assert lags(here, looker) == {0}
    assert len(told.of(RunBegan)) == 1
    refused = "the camera refuses to send the stream"
    assert told.statuses[-2:] == [
        (CameraState.ONLINE, f"the main stream is looked at, not the substream: {refused}"),
        (CameraState.ONLINE, None),
    ]


def _reason(change: object) -> str | None:
    return change.reason if isinstance(change, StatusChanged) else None


def test_a_substream_that_stalls_is_told_and_comes_back(
    simulator: Simulator, tmp_path: Path
) -> None:
    _, sub = Film().show(simulator)
    told, looker = Told(), Looker()
    with looked_at(simulator, world(tmp_path), told, looker):
        until(lambda: len(looker.seen) >= 10)
        sub.stall()
        told.wait(lambda all_: any(_reason(each) for each in all_))
        sub.resume()
        until(lambda: len(looker.widths) == 2)
        told.wait(lambda all_: told.statuses[-1] == (CameraState.ONLINE, None))

    assert looker.widths == [SUB.size[0]] * 2
    assert looker.calls == ["begin", "end", "begin", "end", "close"]
    assert len(told.of(RunBegan)) == 1


def test_a_bug_in_detection_does_not_harm_recording(simulator: Simulator, tmp_path: Path) -> None:
    Film().show(simulator)
    told, looker = Told(), Looker(fails=True)
    with looked_at(simulator, world(tmp_path), told, looker):
        told.wait(lambda all_: any(_reason(each) for each in all_))
        told.wait_for_segments(len(told.of(SegmentClosed)) + 2)

    assert "detection failed" in str(told.statuses[-1][1])
    assert len(told.of(RunBegan)) == 1
