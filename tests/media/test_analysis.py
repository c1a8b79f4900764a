"""One camera's packets to events, with a model whose answers are known."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import av
import pytest

from media.analysis import Analysis, AnalysisConfig
from media.clock import Clock, SystemClock
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.event_ids import dated_id
from media.eventing import EventIds
from media.shapes import Point
from media.types import (
    TICKS_PER_SECOND,
    Box,
    ChangeKind,
    Detection,
    EventChange,
    EventZone,
    MediaChange,
    ModelShapeError,
    RunClock,
    Snapshot,
)
from media.zones import Zone, ZonePurpose
from tests.clips import Encoding, frame_coded, read_frame_number, still
from tests.media.detect.scripted import ScriptedModel, See
from tests.media.restamped import restamped

CAMERA = uuid.UUID(int=42)
ANCHOR_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
FRAME = TICKS_PER_SECOND // 25
CLIP = Encoding(fps=25, gop=25)


@dataclass
class Timeline:
    clock: RunClock | None
    recorded: bool = True


@dataclass
class Folder:
    """Keeps snapshots in memory, by the wall time of their frame."""

    saved: dict[int, bytes] = field(default_factory=dict)
    broken: bool = False

    def save(self, at_us: int, jpeg: bytes) -> Snapshot:
        if self.broken:
            raise OSError("no space left")
        self.saved[at_us] = jpeg
        return Snapshot("2026-01-01", "00", f"snap-{at_us}.jpg")


@dataclass
class Rig:
    """An analysis with what it needs, and what it told."""

    analysis: Analysis
    told: list[EventChange]
    folder: Folder

    def show(self, clip: Path, timeline: Timeline, start: int = 0) -> None:
        """One run; waits for each frame's detections, so that none is dropped."""
        with restamped(clip, start) as (stream, packets):
            self.analysis.begin_run(stream, timeline)
            for packet in packets:
                self.analysis.packet(packet)
                assert self.analysis.settle(10)


def run_clock(start: int = 0) -> RunClock:
    return RunClock(uuid.UUID(int=1), ANCHOR_US, start)


@contextmanager
def rig(
    see: See,
    fps: float = 5.0,
    features: Sequence[str] = ("person",),
    clock: Clock | None = None,
) -> Iterator[Rig]:
    told: list[EventChange] = []
    numbers = iter(range(1, 100))

    def deliver(change: MediaChange) -> None:
        assert isinstance(change, EventChange)
        told.append(change)

    def new_ids() -> EventIds:
        number = next(numbers)
        return EventIds(f"evt-{number}", uuid.UUID(int=number))

    folder = Folder()
    pool = DetectorPool(ModelSet.of(ScriptedModel(see)))
    config = AnalysisConfig(CAMERA, fps, frozenset(features), clock or SystemClock())
    analysis = Analysis(config, pool, deliver, folder, new_ids)
    try:
        yield Rig(analysis, told, folder)
    finally:
        analysis.close()
        pool.close()


def walker(frame: av.VideoFrame) -> list[Detection]:
    """A person who crosses the picture within 100 frames, one box for each frame's own number."""
    number = read_frame_number(frame)
    return [person(0.008 * number, 0.5 + number / 1000)]


def person(x: float, score: float = 0.8, feature: str = "person") -> Detection:
    return Detection(feature, feature, score, Box(x, 0.4, x + 0.1, 0.7))


def test_everything_in_an_event_is_of_one_frame() -> None:
    start = 7_000_000
    with rig(walker) as camera:
        camera.show(frame_coded(100, CLIP), Timeline(run_clock(start)), start)
        camera.analysis.end_run(ANCHOR_US + 4_000_000)
        began, ended = camera.told
        jpeg = camera.folder.saved[began.at_us]

    assert began.kind is ChangeKind.BEGAN
    assert began.position is not None
    with av.open(BytesIO(jpeg), "r") as picture:
        number = read_frame_number(next(picture.decode(video=0)))
    assert began.position == start + number * FRAME
    assert began.at_us == run_clock(start).at_us(began.position)
    assert began.detection == person(0.008 * number, 0.5 + number / 1000)
    assert began.snapshot == Snapshot("2026-01-01", "00", f"snap-{began.at_us}.jpg")
    assert (ended.at_us, ended.position, ended.detection, ended.snapshot) == (
        began.at_us,
        began.position,
        began.detection,
        began.snapshot,
    )


def test_an_event_names_the_camera_the_model_and_its_ids() -> None:
    with rig(walker) as camera:
        camera.show(frame_coded(100, CLIP), Timeline(run_clock()))
        (event,) = camera.told

    assert event.camera_key == CAMERA
    assert event.model_version == "tiny@2024-01-02"
    assert (event.event_id, event.trace_id) == (dated_id("evt-1", event.at_us), uuid.UUID(int=1))


def test_an_event_ends_when_its_object_was_seen_last() -> None:
    def leaves(frame: av.VideoFrame) -> list[Detection]:
        return walker(frame) if read_frame_number(frame) < 40 else []

    with rig(leaves) as camera:
        camera.show(frame_coded(150, CLIP), Timeline(run_clock()))
        told = list(camera.told)

    assert [change.kind for change in told] == [ChangeKind.BEGAN, ChangeKind.ENDED]
    assert told[1].ended_at_us == ANCHOR_US + 35 * 40_000


@pytest.mark.parametrize("end", ["end_run", "begin_run", "close"])
def test_open_events_end_with_the_run_however_it_ends(end: str) -> None:
    with rig(walker) as camera:
        clip = frame_coded(100, CLIP)
        camera.show(clip, Timeline(run_clock()))
        if end == "end_run":
            camera.analysis.end_run(ANCHOR_US + 3_900_000)
        elif end == "begin_run":
            with restamped(clip) as (stream, _):
                camera.analysis.begin_run(stream, Timeline(None))
        else:
            camera.analysis.close()
        kinds = [change.kind for change in camera.told]
        ended_at_us = camera.told[-1].ended_at_us

    assert kinds == [ChangeKind.BEGAN, ChangeKind.ENDED]
    assert ended_at_us == ANCHOR_US + 95 * 40_000


def test_an_event_does_not_end_after_its_run() -> None:
    with rig(walker) as camera:
        camera.show(frame_coded(100, CLIP), Timeline(run_clock()))
        camera.analysis.end_run(ANCHOR_US + 3_000_000)

        assert camera.told[-1].ended_at_us == ANCHOR_US + 3_000_000


def test_an_object_in_two_runs_is_two_events_with_growing_track_ids() -> None:
    with rig(walker) as camera:
        for start in (0, 100 * FRAME):
            camera.show(frame_coded(100, CLIP), Timeline(run_clock(start)), start)
            camera.analysis.end_run(ANCHOR_US + 4_000_000)
        began = [change for change in camera.told if change.kind is ChangeKind.BEGAN]

    assert len(began) == 2
    assert began[0].track_id < began[1].track_id < 2**31


def test_nothing_is_looked_at_before_the_clock_has_settled() -> None:
    with rig(walker) as camera:
        timeline = Timeline(None)
        with restamped(frame_coded(100, CLIP)) as (stream, packets):
            camera.analysis.begin_run(stream, timeline)
            for number, packet in enumerate(packets):
                if number == 50:
                    assert camera.analysis.counts.lane.offered == 0
                    timeline.clock = run_clock()
                camera.analysis.packet(packet)
                assert camera.analysis.settle(10)
        (event,) = camera.told

    assert event.position is not None
    assert event.position >= 50 * FRAME


def test_an_event_that_is_not_recorded_has_no_position() -> None:
    with rig(walker) as camera:
        camera.show(frame_coded(100, CLIP), Timeline(run_clock(), recorded=False))
        (event,) = camera.told

    assert event.position is None
    assert event.at_us > ANCHOR_US


def test_features_that_are_not_asked_for_begin_nothing() -> None:
    def both(frame: av.VideoFrame) -> list[Detection]:
        x = 0.008 * read_frame_number(frame)
        return [person(x), person(0.9 - x, feature="vehicle")]

    found = Counter[str]()
    for features in (("person",), ("vehicle",), ("person", "vehicle"), ("violence",), ()):
        with rig(both, features=features) as camera:
            camera.show(frame_coded(100, CLIP), Timeline(run_clock()))
            found[",".join(features)] = len(camera.told)

    assert found == {"person": 1, "vehicle": 1, "person,vehicle": 2, "violence": 0, "": 0}


def test_a_snapshot_that_cannot_be_kept_does_not_lose_the_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with rig(walker) as camera:
        camera.folder.broken = True
        camera.show(frame_coded(100, CLIP), Timeline(run_clock()))
        (event,) = camera.told

    assert event.snapshot is None
    assert "no space left" in caplog.text


def test_a_still_scene_is_looked_at_once_a_second() -> None:
    with rig(lambda frame: []) as camera:
        camera.show(still(250, CLIP), Timeline(run_clock()))
        counts = camera.analysis.counts

    assert counts.lane.looked == 10
    assert counts.still == 40


def test_someone_who_stands_in_a_still_scene_is_one_event_that_does_not_end() -> None:
    with rig(lambda frame: [person(0.4, 0.9)]) as camera:
        camera.show(still(500, CLIP), Timeline(run_clock()))

        assert [change.kind for change in camera.told] == [ChangeKind.BEGAN]


def test_a_known_object_that_is_missed_is_searched_for_even_in_a_still_scene() -> None:
    def flickers(frame: av.VideoFrame) -> list[Detection]:
        assert frame.pts is not None
        return [] if frame.pts // TICKS_PER_SECOND % 3 == 2 else [person(0.4, 0.9)]

    with rig(flickers) as camera:
        camera.show(still(500, CLIP), Timeline(run_clock()))
        counts, kinds = camera.analysis.counts, [change.kind for change in camera.told]

    assert kinds == [ChangeKind.BEGAN]
    assert counts.lane.looked > 30


def test_a_model_that_fails_on_some_frames_costs_those_frames() -> None:
    def fails(frame: av.VideoFrame) -> list[Detection]:
        if read_frame_number(frame) % 20 == 0:
            raise ModelShapeError("model tiny: odd")
        return walker(frame)

    with rig(fails) as camera:
        camera.show(frame_coded(100, CLIP), Timeline(run_clock()))
        counts = camera.analysis.counts

        assert len(camera.told) == 1
    assert counts.lane.failed == 5


def test_an_event_says_when_its_frame_was_sampled_inferred_and_tracked() -> None:
    began_us = SystemClock().now_us()
    with rig(walker) as r:
        r.show(frame_coded(100, CLIP), Timeline(run_clock()))
        ended_us = SystemClock().now_us()
    began, ended = r.told
    stages = began.stages
    assert stages is not None
    assert began_us <= stages.sampled_us <= stages.inferred_us <= stages.tracked_us <= ended_us
    assert ended.stages == stages


def nearer(frame: av.VideoFrame) -> list[Detection]:
    """A person who comes nearer: from 0.1 of the picture's height to half of it."""
    half = 0.05 + read_frame_number(frame) / 100 * 0.2
    return [Detection("person", "person", 0.8, Box(0.6 - half / 2, 0.5 - half, 0.6, 0.5 + half))]


def test_a_better_view_is_told_and_the_beginning_stays_as_it_was() -> None:
    with rig(nearer) as camera:
        camera.show(frame_coded(100, CLIP), Timeline(run_clock()))
        camera.analysis.end_run(ANCHOR_US + 4_000_000)
        began, *changed, ended = camera.told
        saved = dict(camera.folder.saved)

    assert {change.kind for change in changed} == {ChangeKind.CHANGED}
    assert began.best is None
    assert ended.best == changed[-1].best
    for change in changed:
        best = change.best
        assert best is not None
        assert best.position is not None
        with av.open(BytesIO(saved[best.at_us]), "r") as picture:
            number = read_frame_number(next(picture.decode(video=0)))
        assert best.position == number * FRAME
        assert best.at_us == run_clock().at_us(best.position)
        assert best.detection.box.x1 - best.detection.box.x0 == pytest.approx(
            (0.05 + number / 100 * 0.2) / 2
        )
        assert (change.at_us, change.position, change.detection, change.snapshot) == (
            began.at_us,
            began.position,
            began.detection,
            began.snapshot,
        )


RIGHT_HALF = Zone(
    "r",
    "Right",
    ZonePurpose.INSIDE,
    (Point(0.5, 0.0), Point(1.0, 0.0), Point(1.0, 1.0), Point(0.5, 1.0)),
)


def test_an_event_carries_the_zone_and_begins_where_its_rule_is_met() -> None:
    with rig(walker) as camera:
        camera.analysis.change_zones([RIGHT_HALF])
        camera.show(frame_coded(100, CLIP), Timeline(run_clock()))
        began = camera.told[0]

    assert began.zones == (EventZone("r", "Right"),)
    middle = (began.detection.box.x0 + began.detection.box.x1) / 2
    assert 0.5 <= middle < 0.55


def test_zones_change_while_a_camera_runs_and_its_objects_go_on() -> None:
    """Without a zone the walker is an event at once, and another as they enter the new one."""
    with rig(walker) as camera, restamped(frame_coded(100, CLIP)) as (stream, packets):
        camera.analysis.begin_run(stream, Timeline(run_clock()))
        for number, packet in enumerate(packets):
            if number == 30:
                camera.analysis.change_zones([RIGHT_HALF])
            camera.analysis.packet(packet)
            assert camera.analysis.settle(10)
        first, second = (each for each in camera.told if each.kind is ChangeKind.BEGAN)

    assert (first.zones, second.zones) == ((), (EventZone("r", "Right"),))
    assert first.track_id == second.track_id
    assert first.event_id != second.event_id


def test_what_a_mask_hides_begins_nothing() -> None:
    with rig(walker) as camera:
        whole = (Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 1))
        camera.analysis.change_zones([Zone("m", "All", ZonePurpose.MASK, whole)])
        camera.show(frame_coded(100, CLIP), Timeline(run_clock()))

        assert camera.told == []
