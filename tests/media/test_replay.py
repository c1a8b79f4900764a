"""The same footage gives the same events, again and live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from media.analysis import Analysis, AnalysisConfig
from media.detect.description import ModelDescription
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.recorded_packets import between, clip, of_folder, runs
from media.replay import replay
from media.simulator import SimulatorThread
from media.types import ChangeKind, DetectionFrame, EventChange, Snapshot
from tests.clips import frame_coded
from tests.media.detect.scripted import ScriptedModel
from tests.media.recorded import CAMERA, KEY, Told, Wishes, hours, running, world
from tests.media.test_analysis import CLIP, nearer, walker

CONFIG = AnalysisConfig(KEY, 5.0, frozenset({"person"}))
LOOK_US = 200_000


class Demanding(ScriptedModel):
    """Lets events begin at this score."""

    begin = 0.55

    @property
    def description(self) -> ModelDescription:
        told = super().description
        return structs.replace(told, thresholds=structs.replace(told.thresholds, begin=self.begin))


class NoPictures:
    def save(self, at_us: int, jpeg: bytes) -> Snapshot | None:
        return None


def replayed(
    path: Path, model: ScriptedModel, config: AnalysisConfig = CONFIG
) -> list[EventChange]:
    told: list[EventChange] = []
    replay(clip(path), config, ModelSet.of(model), told.append)
    return told


def test_a_clip_gives_the_same_changes_each_time() -> None:
    path = frame_coded(100, CLIP)

    first, second = (replayed(path, ScriptedModel(nearer)) for _ in range(2))

    assert first == second
    assert {each.kind for each in first} == set(ChangeKind)


def test_another_threshold_or_rate_gives_others() -> None:
    path = frame_coded(100, CLIP)
    usual = replayed(path, ScriptedModel(walker))

    demanding = replayed(path, Demanding(walker))
    slower = replayed(path, ScriptedModel(walker), replace(CONFIG, fps=1.0))

    assert usual[0].at_us < demanding[0].at_us
    assert usual[0].detection.score < 0.55 <= demanding[0].detection.score
    assert slower[0].at_us != usual[0].at_us


def test_every_frame_that_is_due_is_looked_at_and_shown_with_its_objects() -> None:
    frames: list[DetectionFrame] = []
    told: list[EventChange] = []
    config = replace(CONFIG, watch=frames.append)

    counts = replay(
        clip(frame_coded(100, CLIP)), config, ModelSet.of(ScriptedModel(walker)), told.append
    )

    assert counts.lane.looked == len(frames) == 20
    assert [each.position for each in frames] == [number * 18_000 for number in range(20)]
    began = frames[[each.at_us for each in frames].index(told[0].at_us)]
    assert [each.track_id for each in frames[0].objects] == [None]
    assert [each.track_id for each in began.objects] == [told[0].track_id]
    assert began.objects[0].detection == told[0].detection
    assert (began.width_px, began.height_px) == (320, 240)


def test_a_replay_of_what_was_recorded_finds_what_was_found_live(tmp_path: Path) -> None:
    """The very frames, but for the first event of a run: there the clock is known by arrivals.

    Where the machine was too slow for a frame, live looked at another.
    """
    told, model = Told(), ScriptedModel(walker)
    camera_world, pool = world(tmp_path), DetectorPool(ModelSet.of(model))
    analysis = Analysis(CONFIG, pool, told, NoPictures())
    with SimulatorThread() as simulator:
        simulator.add("a", frame_coded(100, CLIP))
        with running(camera_world, simulator.url("a"), told, Wishes(consumer=analysis)):
            told.wait(lambda all_: sum(isinstance(one, EventChange) for one in all_) >= 4)
    pool.close()
    live = [each for each in told.of(EventChange) if each.kind is ChangeKind.BEGAN]
    store = camera_world.store
    again: list[EventChange] = []

    replay(
        runs(of_folder(store.hour_path(CAMERA, hours(store)[0]))),
        CONFIG,
        ModelSet.of(model),
        again.append,
    )

    found = [each for each in again if each.kind is ChangeKind.BEGAN]
    missed_us = LOOK_US * analysis.counts.lane.dropped
    assert len(live) == len(found) >= 2
    assert abs(live[0].at_us - found[0].at_us) <= 1_000_000
    for was, each in zip(live[1:], found[1:], strict=True):
        assert abs(was.at_us - each.at_us) <= missed_us
        assert missed_us or (was.position, was.detection) == (each.position, each.detection)


def test_a_replay_from_within_a_run_finds_the_later_events(tmp_path: Path) -> None:
    told = Told()
    camera_world = world(tmp_path)
    with SimulatorThread() as simulator:
        simulator.add("a", frame_coded(100, CLIP))
        with running(camera_world, simulator.url("a"), told):
            told.wait_for_segments(8)
    store, model = camera_world.store, ScriptedModel(walker)
    segments = of_folder(store.hour_path(CAMERA, hours(store)[0]))
    from_us, to_us = segments[4].segment.start_us, segments[-1].segment.end_us
    whole: list[EventChange] = []
    part: list[EventChange] = []

    replay(runs(segments), CONFIG, ModelSet.of(model), whole.append)
    replay(runs(between(store, CAMERA, from_us, to_us)), CONFIG, ModelSet.of(model), part.append)

    later = [each for each in whole if each.at_us >= from_us + 1_000_000]
    assert [(each.kind, each.at_us, each.detection) for each in later] == [
        (each.kind, each.at_us, each.detection)
        for each in part
        if each.at_us >= from_us + 1_000_000
    ]
