"""How well and how fast the catalogue's models see, and how many events real clips give.

`python -m tests.benchmarks.detection` prints, for each of the two default models:
average precision on 65 images of COCO val2017, milliseconds a frame, events of the labelled clip of
19 walkers, and events of other clips.
"""

from __future__ import annotations

import csv
import platform
import subprocess
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import openvino as ov
from av.video.reformatter import VideoReformatter
from msgspec.structs import replace

from media.analysis import Analysis, AnalysisConfig
from media.detect.accuracy import LEAST_SCORE, measure
from media.detect.catalogue import DEFAULT_MODEL, FALLBACK_MODEL, catalogue
from media.detect.dataset import read_dataset
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.detect.runtime import Detector
from media.eventing import Began, Eventing, event_rules
from media.tracker import Tracker, overlap, tracker_rules
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
from tests.data import shared_data
from tests.media.restamped import restamped

FEATURES = ("person", "vehicle")
PLAIN_DECODER = {
    DEFAULT_MODEL: {"person": 0.58, "vehicle": 0.78},
    FALLBACK_MODEL: {"person": 0.32, "vehicle": 0.32},
}
"""Average precision of another, plain decoder of the same files on the same images."""

CLOCK = RunClock(uuid.UUID(int=1), 1_767_225_600_000_000, 0)
WALKERS = (768, 576)
SIGN = Box(0.04, 0.19, 0.063, 0.248)
"""Where a blue sign stands in the clip of walkers, which a bare detector takes for a person."""


def load(name: str, track_score: float = 0.1) -> Detector:
    """A model of the catalogue from the test data, on the CPU."""
    model = catalogue()[name]
    model = replace(model, thresholds=replace(model.thresholds, track=track_score))
    return Detector(model, shared_data() / "models" / model.files[0].name, "CPU")


def average_precision(name: str) -> dict[str, float | None]:
    """AP50 of each feature on 65 labelled images, through the product's own code."""
    detector = load(name, track_score=LEAST_SCORE)
    pictures = read_dataset(shared_data() / "images" / "coco-val2017-128")
    measured = measure(detector.session().detect, detector.description, pictures)
    return {each.feature: each.ap50 for each in measured.accuracies}


@dataclass(frozen=True)
class _Timeline:
    clock: RunClock = CLOCK
    recorded: bool = True


class NoSnapshots:
    def save(self, at_us: int, jpeg: bytes) -> Snapshot:
        return Snapshot("2026-01-01", "00", f"snap-{at_us // 1000}.jpg")


@contextmanager
def pool_of(detector: Detector) -> Iterator[DetectorPool]:
    pool = DetectorPool(ModelSet.of(detector))
    try:
        yield pool
    finally:
        pool.close()


def events_of(clip: Path, pool: DetectorPool, fps: float = 5.0) -> list[EventChange]:
    """Every change of every event, the clip shown once and no frame dropped."""
    told: list[EventChange] = []

    def deliver(change: MediaChange) -> None:
        if isinstance(change, EventChange):
            told.append(change)

    config = AnalysisConfig(uuid.UUID(int=2), fps, frozenset(FEATURES))
    analysis = Analysis(config, pool, deliver, NoSnapshots())
    last = 0
    with restamped(clip) as (stream, packets):
        analysis.begin_run(stream, _Timeline())
        for packet in packets:
            analysis.packet(packet)
            analysis.settle(10)
            last = max(last, packet.pts or 0)
    analysis.end_run(CLOCK.at_us(last))
    analysis.close()
    return told


@dataclass(frozen=True)
class WalkerEvents:
    """Events of the labelled clip, each followed over its whole life.

    Attributes:
        persons: how many person events there were.
        covered: how many of the 19 walkers some event was on.
        followed: how many of them some event was mostly on.
        purity: share of the labels under events that are of the walker an event is mostly on.
        strangers: events that were never on a labelled walker; one person has no labels.
        signs: events on the sign.
        vehicles: vehicle events; two vehicles are parked.
    """

    persons: int
    covered: int
    followed: int
    purity: float
    strangers: int
    signs: int
    vehicles: int


Pictures = dict[int, list[Detection]]
"""What a clip's pictures show, by their number from 0."""


def look_at_all(detector: Detector, clip: Path, every: int = 1) -> Pictures:
    session, scaler = detector.session(), VideoReformatter()
    with av.open(str(clip)) as container:
        return {
            number: session.detect(frame, scaler)
            for number, frame in enumerate(container.decode(video=0))
            if number % every == 0
        }


def walker_events(pictures: Pictures, fps: float, begin_score: float) -> WalkerEvents:
    """What the clip of walkers, 10 pictures a second, gives at `fps` looks a second."""
    truth = walkers(shared_data() / "videos" / "vtest-groundtruth.csv")
    tracker = Tracker(tracker_rules(fps, begin_score))
    eventing = Eventing(event_rules(fps, begin_score))
    began: dict[int, Detection] = {}
    under: dict[int, Counter[int]] = defaultdict(Counter)
    due = 0.0
    for number, detections in pictures.items():
        if number + 0.01 < due:
            continue
        due += 10 / fps
        position = number * TICKS_PER_SECOND // 10
        sighting = tracker.look(detections, position)
        for step in eventing.look(sighting, position, CLOCK.at_us(position)):
            if isinstance(step, Began):
                began[step.track.key] = step.track.detection
        for track in sighting.seen:
            walker = walker_at(truth.get(number + 1, {}), track.detection.box)
            if walker is not None and track.detection.feature == "person":
                under[track.key][walker] += 1
    return _summary(began, under)


def _summary(began: dict[int, Detection], under: dict[int, Counter[int]]) -> WalkerEvents:
    persons = {key: d for key, d in began.items() if d.feature == "person"}
    on = {key: under[key] for key in persons if under[key]}
    main = {key: walkers.most_common(1)[0] for key, walkers in on.items()}
    labels = sum(walkers.total() for walkers in on.values())
    return WalkerEvents(
        persons=len(persons),
        covered=len({walker for walkers in on.values() for walker in walkers}),
        followed=len({walker for walker, _ in main.values()}),
        purity=sum(count for _, count in main.values()) / labels,
        strangers=len(persons) - len(on),
        signs=sum(overlap(detection.box, SIGN) > 0.5 for detection in persons.values()),
        vehicles=len(began) - len(persons),
    )


def walkers(path: Path) -> dict[int, dict[int, Box]]:
    """The box of each walker, by frame from 1, every tenth frame."""
    truth: dict[int, dict[int, Box]] = defaultdict(dict)
    width, height = WALKERS
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            left, top = float(row["left"]) / width, float(row["top"]) / height
            right, bottom = left + float(row["width"]) / width, top + float(row["height"]) / height
            truth[int(row["frame"])][int(row["id"])] = Box(left, top, right, bottom)
    return truth


def walker_at(labels: dict[int, Box], box: Box) -> int | None:
    """The labelled walker under a box."""
    best = max(labels, key=lambda number: overlap(labels[number], box), default=None)
    return best if best is not None and overlap(labels[best], box) > 0.3 else None


def milliseconds_a_frame(detector: Detector, clip: Path, frames: int = 100) -> float:
    """One after the other on one thread, scaling and decoding of the output included."""
    session, scaler = detector.session(), VideoReformatter()
    with av.open(str(clip)) as container:
        shown = [frame for _, frame in zip(range(frames), container.decode(video=0), strict=False)]
    session.detect(shown[0], scaler)
    began = time.perf_counter()
    for frame in shown:
        session.detect(frame, scaler)
    return (time.perf_counter() - began) / len(shown) * 1000


def _report(name: str) -> None:
    videos = shared_data() / "videos"
    for feature, value in average_precision(name).items():
        plain = PLAIN_DECODER[name][feature]
        ratio = (value or 0.0) / plain
        print(f"{name}: AP50 {feature} {value:.3f}, plain decoder {plain:.2f}, ratio {ratio:.2f}")
    detector = load(name)
    print(f"{name}: {milliseconds_a_frame(detector, videos / 'vtest.avi'):.1f} ms a frame")
    pictures = look_at_all(detector, videos / "vtest.avi")
    for fps in (10.0, 5.0, 2.5, 1.0):
        found = walker_events(pictures, fps, detector.description.thresholds.begin)
        print(f"{name}: {fps:g} looks a second at 19 labelled walkers and one more: {found}")
    with pool_of(detector) as pool:
        for clip in ("vtest.avi", "car-detection.mp4", "carphone_pristine.mp4"):
            began = [e for e in events_of(videos / clip, pool) if e.kind is ChangeKind.BEGAN]
            counts = Counter(event.detection.feature for event in began)
            print(f"{name}: {clip}, whole pipeline at 5 looks a second: {dict(counts)}")


def main() -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    print(f"{platform.machine()} {platform.python_version()}, commit {commit or 'unknown'}")
    print(f"openvino {ov.__version__}, av {av.__version__}, numpy {np.__version__}")
    for name in PLAIN_DECODER:
        _report(name)


if __name__ == "__main__":
    main()
