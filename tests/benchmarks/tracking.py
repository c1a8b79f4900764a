"""How well people are followed through the whole pipeline, on a labelled clip.

`python -m tests.benchmarks.tracking` shows the clip of 19 labelled walkers, at 10 and at 5 looks a
second: once as fast as every frame can be looked at, and once as an RTSP camera, through everything
that a camera goes through. It prints recall, precision, IDF1 and identity switches on those of the
80 labelled frames that were looked at, the same of plain ByteTrack on the same detections, and how
the events lie on the walkers. One who walks has no labels; a blue sign is there to be mistaken.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from media.analysis import Analysis, AnalysisConfig
from media.clock import SystemClock
from media.detect.catalogue import DEFAULT_MODEL
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.network import CameraNetworks
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.simulator import SimulatorThread
from media.store import CameraFolder, RecordingStore
from media.telling import SnapshotStore
from media.tracker import Sighting, Tracker, overlap, tracker_rules
from media.types import (
    TICKS_PER_SECOND,
    Box,
    ChangeKind,
    Detection,
    EventChange,
    MediaChange,
    RunClock,
    Snapshot,
)
from tests.benchmarks.bytetrack import ByteTrack
from tests.benchmarks.detection import CLOCK, SIGN, WALKERS, Pictures, load, walker_at, walkers
from tests.benchmarks.mot import Objects, measure
from tests.clips import Encoding, Picture, write_clip
from tests.data import shared_data
from tests.media.restamped import restamped

CLIP_FPS, PICTURES, LABELLED_EVERY = 10, 795, 10
LEAD_IN = 20
"""The first picture is shown so often before the clip: nothing is looked at before the run's clock
has settled."""
KEY = uuid.UUID(int=7)
FOLDER = "cam-0.00000007"


class _Noting(Tracker):
    """Keeps what it is shown and what it makes of it, by position."""

    def __init__(self, fps: float, sure_score: float) -> None:
        super().__init__(tracker_rules(fps, sure_score))
        self.shown: dict[int, Sequence[Detection]] = {}
        self.made: dict[int, Sighting] = {}

    def look(self, detections: Sequence[Detection], position: int) -> Sighting:
        sighting = super().look(detections, position)
        self.shown[position], self.made[position] = detections, sighting
        return sighting


class _Watched(Analysis):
    """An analysis whose tracker can be looked at."""

    def __init__(
        self,
        config: AnalysisConfig,
        pool: DetectorPool,
        deliver: Callable[[MediaChange], None],
        snapshots: SnapshotStore,
    ) -> None:
        super().__init__(config, pool, deliver, snapshots)
        self.noting = _Noting(config.fps, pool.models.detectors[0].description.thresholds.begin)
        self._tracker = self.noting


@dataclass(frozen=True)
class _Timeline:
    clock: RunClock = CLOCK
    recorded: bool = True


@dataclass(frozen=True)
class _Folder:
    store: RecordingStore

    def save(self, at_us: int, jpeg: bytes) -> Snapshot:
        return self.store.save_snapshot(CameraFolder("bench", FOLDER), at_us, jpeg)


@dataclass
class Played:
    """One showing: by picture of the clip from 0 on, and the events."""

    shown: dict[int, Sequence[Detection]]
    made: dict[int, Sighting]
    changes: list[EventChange]
    replaced: int


def play(pool: DetectorPool, clip: Path, fps: float) -> Played:
    """Shows the clip once over RTSP, in real time: frames are replaced where the machine is slow.

    Raises:
        RuntimeError: nothing was looked at.
    """
    told: list[MediaChange] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-tracking-") as name,
        SimulatorThread() as cameras,
    ):
        cameras.add("walkers", clip)
        store = RecordingStore(Path(name))
        analysis = _Watched(_config(fps), pool, told.append, _Folder(store))
        url = cameras.url("walkers")
        camera = CameraConfig(KEY, "bench", FOLDER, url, features=("person",), fps=fps)
        world = CameraWorld(store, CameraNetworks(["127.0.0.1/32"]), SystemClock())
        pipeline = CameraPipeline(camera, world, told.append, analysis)
        pipeline.start()
        _wait_for(analysis.noting, (LEAD_IN + PICTURES - 2) * TICKS_PER_SECOND // CLIP_FPS)
        pipeline.stop(10)
    if not analysis.noting.made:
        raise RuntimeError(f"nothing was looked at: {told}")
    return _played(analysis, told)


def show(pool: DetectorPool, clip: Path, fps: float) -> Played:
    """Shows the clip once at any pace and waits for each frame: none is replaced."""
    told: list[MediaChange] = []
    with tempfile.TemporaryDirectory(prefix="bench-tracking-") as name:
        folder = _Folder(RecordingStore(Path(name)))
        analysis = _Watched(_config(fps), pool, told.append, folder)
        last = 0
        with restamped(clip) as (stream, packets):
            analysis.begin_run(stream, _Timeline())
            for packet in packets:
                analysis.packet(packet)
                analysis.settle(10)
                last = max(last, packet.pts or 0)
        analysis.end_run(CLOCK.at_us(last))
        analysis.close()
    return _played(analysis, told)


def follow(pictures: Pictures, fps: float, sure_score: float) -> Played:
    """What our tracker makes of what was seen in pictures of the clip, by their number."""
    tracker = _Noting(fps, sure_score)
    for number, detections in pictures.items():
        people = [each for each in detections if each.feature == "person"]
        tracker.look(people, number * TICKS_PER_SECOND // CLIP_FPS)
    made = {round(at * CLIP_FPS / TICKS_PER_SECOND): each for at, each in tracker.made.items()}
    return Played(dict(pictures), made, [], 0)


def _config(fps: float) -> AnalysisConfig:
    return AnalysisConfig(KEY, fps, frozenset({"person"}))


def _played(analysis: _Watched, told: Sequence[MediaChange]) -> Played:
    noting = analysis.noting
    return Played(
        {_picture(position): each for position, each in noting.shown.items()},
        {_picture(position): each for position, each in noting.made.items()},
        [each for each in told if isinstance(each, EventChange)],
        analysis.counts.lane.dropped,
    )


def _wait_for(tracker: _Noting, position: int) -> None:
    deadline = time.monotonic() + 120
    while max(tracker.made, default=0) < position and time.monotonic() < deadline:
        time.sleep(0.1)


def _picture(position: int) -> int:
    """Its number in the clip; below 0 in the lead-in."""
    return round(position * CLIP_FPS / TICKS_PER_SECOND) - LEAD_IN


def walkers_clip(path: Path) -> Path:
    """The labelled clip as a camera would send it: H.264, a keyframe a second."""
    encoding = Encoding(fps=CLIP_FPS, size=WALKERS, gop=CLIP_FPS, crf=18)
    return write_clip(path, _pictures(), encoding)


def _pictures() -> Iterator[Picture]:
    with av.open(str(shared_data() / "videos" / "vtest.avi")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            yield from [picture] * (LEAD_IN + 1 if number == 0 else 1)


def ours(played: Played, *, moved: bool = False) -> list[tuple[Objects, Objects]]:
    """Labels and tracks seen three times, as an event asks for.

    `moved` leaves out what never moved. It is tracked on purpose: what is known to stand somewhere
    begins nothing there.
    """
    return _paired(
        {
            number: {
                track.key: track.detection.box
                for track in made.seen
                if track.hits >= 3 and (track.moved or not moved)
            }
            for number, made in played.made.items()
        }
    )


def plain(played: Played, fps: float) -> list[tuple[Objects, Objects]]:
    tracker = ByteTrack(fps)
    return _paired({number: tracker.look(played.shown[number]) for number in sorted(played.shown)})


def _paired(tracks: dict[int, dict[int, Box]]) -> list[tuple[Objects, Objects]]:
    """The labelled frames that were looked at, by pictures and the tracks in them."""
    truth = walkers(shared_data() / "videos" / "vtest-groundtruth.csv")
    looked_at = [n for n in range(0, PICTURES, LABELLED_EVERY) if n in tracks]
    return [(truth.get(number + 1, {}), tracks[number]) for number in looked_at]


@dataclass(frozen=True)
class Events:
    """Person events of one showing; `strangers` were never on a labelled walker."""

    persons: int
    covered: int
    strangers: int
    signs: int
    changes: int


def events(played: Played) -> Events:
    """Each event follows its track; the track is found by the frame that began the event."""
    truth = walkers(shared_data() / "videos" / "vtest-groundtruth.csv")
    under: dict[int, Counter[int]] = defaultdict(Counter)
    tracks: dict[Detection, int] = {}
    for number, made in played.made.items():
        for track in made.seen:
            tracks[track.detection] = track.key
            walker = walker_at(truth.get(number + 1, {}), track.detection.box)
            if walker is not None:
                under[track.key][walker] += 1
    began = [each for each in played.changes if each.kind is ChangeKind.BEGAN]
    keys = [tracks[each.detection] for each in began]
    return Events(
        persons=len(began),
        covered=len({walker for key in keys for walker in under[key]}),
        strangers=sum(not under[key] for key in keys),
        signs=sum(overlap(each.detection.box, SIGN) > 0.5 for each in began),
        changes=sum(each.kind is ChangeKind.CHANGED for each in played.changes),
    )


def report(what: str, played: Played, fps: float) -> None:
    looked = len(played.made)
    print(f"{what}, {fps:g} looks a second: {looked} looks, {played.replaced} frames replaced")
    for least in (0.4, 0.5):
        print(f"  IoU {least}: ours, all   {measure(ours(played), least)}")
        print(f"  IoU {least}: ours, moved {measure(ours(played, moved=True), least)}")
        print(f"  IoU {least}: ByteTrack   {measure(plain(played, fps), least)}")
    print(f"  person events on 19 labelled walkers and one more: {events(played)}")


def main() -> None:
    pool = DetectorPool(ModelSet.of(load(DEFAULT_MODEL)))
    with tempfile.TemporaryDirectory(prefix="bench-tracking-") as name:
        clip = walkers_clip(Path(name) / "walkers.mp4")
        for fps in (10.0, 5.0):
            report("as fast as it can be looked at", show(pool, clip, fps), fps)
            report("over RTSP in real time", play(pool, clip, fps), fps)
    pool.close()


if __name__ == "__main__":
    main()
