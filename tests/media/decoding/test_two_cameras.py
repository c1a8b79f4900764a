"""A codec that crashes takes nothing from recording, and nothing from other cameras."""

from __future__ import annotations

import io
import os
import signal
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from media.analysis import Analysis, AnalysisConfig
from media.decoders import Owner
from media.decoding.decoder import Why
from media.decoding.isolated import Decoding, Loss
from media.decoding.sampling import PAUSED
from media.detect.model_set import ModelSet
from media.detect.pool import DetectorPool
from media.pipeline import CameraConfig, CameraPipeline
from media.simulator import Simulator, SimulatorThread
from media.store import CameraFolder, RecordingStore
from media.types import CameraState, Detection, DetectionFrame, RunBegan, Snapshot, StatusChanged
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.decoding.rig import decoders_of, decoding
from tests.media.detect.scripted import ScriptedModel
from tests.media.recorded import PATIENCE_S, Told, world

FRAMES = 300
NAMES = ("cam-gate", "cam-yard")


class NoPictures:
    def save(self, at_us: int, jpeg: bytes) -> Snapshot | None:
        return None


@dataclass
class Camera:
    pipeline: CameraPipeline
    told: Told
    looked: list[DetectionFrame] = field(default_factory=list)

    def wait_for_looks(self, more: int) -> None:
        wanted, ends_at = len(self.looked) + more, time.monotonic() + PATIENCE_S
        while len(self.looked) < wanted:
            assert time.monotonic() < ends_at, "nothing is looked at"
            time.sleep(0.02)


def nothing(_: av.VideoFrame) -> Sequence[Detection]:
    return []


@contextmanager
def two_cameras(simulator: Simulator, root: Path, decoders: Decoding) -> Iterator[list[Camera]]:
    pool = DetectorPool(ModelSet.of(ScriptedModel(nothing)))
    media = replace(world(root), decoders=decoders.of())
    with ExitStack() as stack:
        stack.callback(pool.close)
        cameras = []
        for number, name in enumerate(NAMES):
            simulator.add(name, frame_coded(FRAMES, Encoding(gop=5)))
            looked: list[DetectionFrame] = []
            told, key = Told(), uuid.UUID(int=number)
            config = CameraConfig(key, "t1", f"{name}.0123abcd", simulator.url(name))
            analysis = Analysis(
                AnalysisConfig(
                    key,
                    25,
                    frozenset({"person"}),
                    watch=looked.append,
                    decoders=media.decoders.of(Owner("t1", name)),
                ),
                pool,
                told,
                NoPictures(),
            )
            pipeline = CameraPipeline(config, media, told, analysis)
            pipeline.start()
            stack.callback(pipeline.stop, PATIENCE_S)
            cameras.append(Camera(pipeline, told, looked))
        yield cameras


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        yield running


def test_a_crash_costs_one_camera_s_detection_some_seconds(
    simulator: Simulator, tmp_path: Path
) -> None:
    with decoding() as decoders, two_cameras(simulator, tmp_path, decoders) as (gate, yard):
        gate.wait_for_looks(5)
        yard.wait_for_looks(5)
        before = set(decoders_of(decoders.nursery.pid))
        assert len(before) == 2  # those of the check have ended
        victim = min(before)
        os.kill(victim, signal.SIGSEGV)
        gate.wait_for_looks(60)
        yard.wait_for_looks(60)
        after = set(decoders_of(decoders.nursery.pid))
        for camera in (gate, yard):
            camera.told.wait_for_segments(8)

    assert len(after) == 2
    assert before & after == before - {victim}
    assert [(loss.purpose, loss.why) for loss in decoders.losses] == [("detection", Why.CRASHED)]
    (loss,) = decoders.losses
    hurt, well = (gate, yard) if loss.owner.camera == NAMES[0] else (yard, gate)
    reasons = [each.reason for each in hurt.told.of(StatusChanged)]
    assert PAUSED in reasons
    assert reasons[-1] is None
    assert PAUSED not in [each.reason for each in well.told.of(StatusChanged)]
    for camera in (hurt, well):
        assert {each.state for each in camera.told.of(StatusChanged)} <= {
            CameraState.CONNECTING,
            CameraState.ONLINE,
        }
        assert len(camera.told.of(RunBegan)) == 1
    assert decoders.losses == {Loss(Owner("t1", loss.owner.camera), "detection", Why.CRASHED): 1}
    for name in NAMES:
        numbers = recorded(tmp_path, CameraFolder("t1", f"{name}.0123abcd"))
        assert len(numbers) > 50
        assert all((b - a) % FRAMES == 1 for a, b in pairwise(numbers))


def recorded(root: Path, folder: CameraFolder) -> list[int]:
    """Numbers of all pictures on disk, in order."""
    store = RecordingStore(root)
    numbers: list[int] = []
    for date in store.dates(folder):
        for hour in store.hours(folder, date):
            path = store.hour_path(folder, hour)
            for each in store.playlist(folder, hour).segments:
                content = (path / each.init).read_bytes() + (path / each.name).read_bytes()
                with av.open(io.BytesIO(content), "r") as container:
                    numbers += [read_frame_number(one) for one in container.decode(video=0)]
    return numbers
