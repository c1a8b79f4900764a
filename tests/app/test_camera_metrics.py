"""Metrics of cameras are their pipelines' counts, and never fall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import metrics
from app.camera_metrics import CameraMeter
from media.analysis import Analysis, AnalysisConfig
from media.decoders import Owner
from media.decoding.decoder import Why
from media.decoding.isolated import Loss
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.simulator import Simulator, SimulatorThread
from media.types import RunBegan, RunEnded, Snapshot
from tests.clips import Encoding, frame_coded
from tests.media.detect.scripted import ScriptedModel
from tests.media.recorded import KEY, MovableClock, Told, until, world

GATE = {"tenant": "acme", "camera": "gate"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        running.add("gate", frame_coded(300, Encoding(gop=10)))
        yield running


@pytest.fixture
def pool() -> Iterator[DetectorPool]:
    opened = DetectorPool(ModelSet.of(ScriptedModel(lambda _: [])))
    yield opened
    opened.close()


class NoSnapshots:
    def save(self, at_us: int, jpeg: bytes) -> Snapshot:
        raise AssertionError("nothing is seen here")


def looking(pool: DetectorPool) -> Analysis:
    config = AnalysisConfig(KEY, 10, frozenset({"person"}))
    return Analysis(config, pool, Told(), NoSnapshots())


def pipeline(
    camera_world: CameraWorld, url: str, analysis: Analysis | None = None, tenant: str = "acme"
) -> CameraPipeline:
    config = CameraConfig(KEY, tenant, "gate.0123abcd", url)
    return CameraPipeline(config, camera_world, Told(), analysis)


def shown(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0


def frames(stage: str) -> float:
    return shown("vms_camera_frames_total", **GATE, stage=stage)


def test_each_camera_has_series_of_its_own_where_that_is_wanted(
    simulator: Simulator, pool: DetectorPool, tmp_path: Path
) -> None:
    meter, analysis = CameraMeter(by_camera=True), looking(pool)
    before = {stage: frames(stage) for stage in ("received", "decoded", "inferred")}
    bytes_before = shown("vms_camera_recorded_bytes_total", **GATE)
    gate = pipeline(world(tmp_path / "a"), simulator.url("gate"), analysis)
    lost = pipeline(world(tmp_path / "b"), simulator.url("nothing"), tenant="other")
    for each, looks in ((gate, analysis), (lost, None)):
        each.start()
        meter.watch(each, looks)
    until(lambda: gate.counts.segments >= 2 and analysis.counts.lane.looked >= 3)
    until(lambda: "notfound" in lost.counts.lost)
    meter.read()
    assert shown("vms_camera_up", **GATE) == 1
    assert shown("vms_camera_up", tenant="other", camera="gate") == 0
    assert (shown("vms_cameras", state="online"), shown("vms_cameras", state="error")) == (1, 1)
    for each in (gate, lost):
        assert each.stop(10)
    assert analysis.settle(10)
    meter.read()
    counts, looked = gate.counts, analysis.counts
    assert frames("received") - before["received"] == counts.frames
    assert frames("decoded") - before["decoded"] == looked.decoded >= looked.lane.looked
    assert frames("inferred") - before["inferred"] == looked.lane.looked
    gained = shown("vms_camera_recorded_bytes_total", **GATE) - bytes_before
    assert gained == counts.recorded_bytes > 0
    reconnects = {"tenant": "other", "camera": "gate", "why": "notfound"}
    assert shown("vms_camera_reconnects_total", **reconnects) == lost.counts.lost["notfound"]
    assert metrics.registry.get_sample_value("vms_camera_up", GATE) is None


def test_sums_go_on_when_a_camera_is_run_or_looked_at_anew(
    simulator: Simulator, pool: DetectorPool, tmp_path: Path
) -> None:
    meter, camera_world = CameraMeter(by_camera=True), world(tmp_path)
    received, inferred = frames("received"), frames("inferred")
    wanted_received = wanted_inferred = 0
    for _ in range(2):
        first, second = looking(pool), looking(pool)
        gate = pipeline(camera_world, simulator.url("gate"), first)
        gate.start()
        meter.watch(gate, first)
        until(lambda first=first: first.counts.lane.looked >= 2)  # type: ignore[misc]
        gate.change_detection(replace(gate.config, fps=5.0), second)
        until(lambda second=second: second.counts.lane.looked >= 2)  # type: ignore[misc]
        meter.look_at(gate, second)
        assert gate.stop(10)
        assert second.settle(10)
        meter.read()
        wanted_received += gate.counts.frames
        wanted_inferred += first.counts.lane.looked + second.counts.lane.looked
        assert frames("received") - received == wanted_received
        assert frames("inferred") - inferred == wanted_inferred


def test_footage_that_stops_shows_how_far_it_is_behind(
    simulator: Simulator, tmp_path: Path
) -> None:
    clock = MovableClock()
    meter = CameraMeter(clock)
    gate = pipeline(world(tmp_path), simulator.url("gate"))
    gate.start()
    meter.watch(gate, None)
    until(lambda: gate.counts.segments >= 1)
    meter.read()
    assert 0 < shown("vms_camera_behind_seconds", tenant="", camera="") < 10
    clock.ahead_us = 120_000_000
    meter.read()
    assert 120 <= shown("vms_camera_behind_seconds", tenant="", camera="") < 130
    assert gate.stop(10)
    meter.read()
    assert shown("vms_camera_behind_seconds", tenant="", camera="") == 0


def test_a_gap_is_counted_when_it_closes(tmp_path: Path) -> None:
    told = Told()
    with SimulatorThread() as simulator:
        mount = simulator.add("gate", frame_coded(300, Encoding(gop=10)))
        config = CameraConfig(KEY, "acme", "gate.0123abcd", simulator.url("gate"))
        gate = CameraPipeline(config, world(tmp_path), told)
        gate.start()
        told.wait_for_segments(1)
        assert gate.counts.gap_us == 0
        mount.kick()
        told.wait_for_runs(2)
        until(lambda: gate.counts.gap_us > 0)
        counts = gate.counts
        assert gate.stop(10)
    ended_us = told.of(RunEnded)[0].ended_at_us
    assert counts.gap_us == told.of(RunBegan)[1].started_at_us - ended_us
    assert counts.lost == {"ended": 1}


def test_lost_decoders_are_counted_as_of_their_camera_or_of_all() -> None:
    losses: dict[Loss, int] = {}
    gate = Loss(Owner("acme", "gate"), "detection", Why.CRASHED)
    yard = Loss(Owner("acme", "yard"), "detection", Why.CRASHED)
    said = {"purpose": "detection", "why": "crashed"}
    each = CameraMeter(by_camera=True, losses=lambda: losses)
    name = "vms_camera_decoders_lost_total"
    before, all_before = shown(name, **GATE, **said), shown(name, tenant="", camera="", **said)
    losses[gate] = 1
    each.read()
    losses |= {gate: 3, yard: 1}
    each.read()
    together = CameraMeter(losses=lambda: losses)
    together.read()
    together.read()

    assert shown(name, **GATE, **said) - before == 3
    assert shown(name, tenant="", camera="", **said) - all_before == 4
