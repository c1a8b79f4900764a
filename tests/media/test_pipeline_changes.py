"""What changes while a camera is recorded: who looks at it, who owns it, and how well it is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media.clock import SystemClock
from media.orders import SILENCE_S
from media.pipeline import CameraConfig, CameraPipeline
from media.rtsp_url import parse_rtsp_url
from media.simulator import Mount, Simulator, SimulatorOptions, SimulatorThread
from media.timeline import RunTimeline
from media.types import CameraState, RunBegan, RunEnded, SegmentClosed
from tests.clips import Encoding, frame_coded
from tests.media.recorded import CAMERA, KEY, Told, Wishes, hours, play, running, until, world

GOP = 10
FRAME = 3600


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running_simulator:
        yield running_simulator


@pytest.fixture
def mount(simulator: Simulator) -> Mount:
    return simulator.add("gate", frame_coded(300, Encoding(gop=GOP)))


class Looker:
    """Notes what it is shown; `on_packet` is called with each."""

    fault: str | None = None

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.positions: list[int] = []
        self.ended_at_us: list[int] = []

    def begin_run(self, stream: VideoStream, timeline: RunTimeline) -> None:
        self._note("begin")

    def packet(self, packet: Packet[Stream]) -> None:
        self._note("packet")
        assert packet.pts is not None
        self.positions.append(packet.pts)

    def end_run(self, ended_at_us: int) -> None:
        self._note("end")
        self.ended_at_us.append(ended_at_us)

    def close(self) -> None:
        self._note("close")

    def _note(self, call: str) -> None:
        if self.calls[-1:] != [call]:
            self.calls.append(call)


def test_detection_changes_without_a_gap(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    here, told, before, after = world(tmp_path), Told(), Looker(), Looker()
    with running(here, simulator.url("gate"), told, Wishes(consumer=before)) as pipeline:
        told.wait_for_segments(2)
        config = replace(pipeline.config, fps=2.0, features=("person",))
        assert config.records_like(pipeline.config)
        pipeline.change_detection(config, after)
        until(lambda: len(after.positions) > 2 * GOP)
        pipeline.change_detection(replace(config, features=()), None)
        until(lambda: after.calls[-1] == "close")
        told.wait_for_segments(len(told.of(SegmentClosed)) + 2)

    assert (len(told.of(RunBegan)), len(told.of(RunEnded))) == (1, 1)
    assert before.calls == after.calls == ["begin", "packet", "end", "close"]
    seen = before.positions + after.positions
    assert seen == list(range(0, len(seen) * FRAME, FRAME)), "each picture went to one of them"
    assert after.positions[0] % (GOP * FRAME) == 0, "a keyframe first"
    assert len(before.ended_at_us) == len(after.ended_at_us) == 1
    found, shown = play(here.store, hours(here.store)[0])
    last = found.segments[-1].end_position
    assert [one.ticks for one in shown] == list(range(0, last, FRAME))
    assert [state for state, _ in told.statuses] == [CameraState.CONNECTING, CameraState.ONLINE]


def test_who_was_replaced_before_its_turn_is_closed(tmp_path: Path) -> None:
    told, lookers = Told(), [Looker() for _ in range(3)]
    with running(world(tmp_path), "rtsp://127.0.0.1:1/x", told, Wishes(consumer=lookers[0])) as it:
        for each in lookers[1:]:
            it.change_detection(it.config, each)
        told.wait_for_state(CameraState.OFFLINE)

    assert [each.calls for each in lookers] == [["close"]] * 3


@pytest.mark.parametrize("change", [{"url": "rtsp://h/y"}, {"record": False}, {"token": 2}])
def test_what_else_changes_needs_another_connection(change: dict[str, object]) -> None:
    config = CameraConfig(KEY, CAMERA.tenant_id, CAMERA.name, "rtsp://h/x", token=1)

    assert not replace(config, **change).records_like(config)  # type: ignore[arg-type]


def test_an_owner_with_a_higher_token_ends_the_thread_for_good(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    here, url = world(tmp_path), simulator.url("gate")
    earlier, later = Told(), Told()
    config = CameraConfig(KEY, CAMERA.tenant_id, CAMERA.name, url, token=1)
    first = CameraPipeline(config, here, earlier)
    second = CameraPipeline(replace(config, token=2), here, later)
    first.start()
    earlier.wait_for_segments(2)
    second.start()
    until(lambda: first.lost is not None)
    told = len(earlier.of(SegmentClosed))
    later.wait_for_segments(3)

    assert first.join()
    assert not first.has_failed, "it did as it should"
    assert first.lost is not None
    assert second.stop()
    assert len(earlier.of(SegmentClosed)) == told
    assert earlier.of(RunEnded)[-1].reason == "another worker records this camera now"
    found, shown = play(here.store, hours(here.store)[0])
    positions = [(one.position, one.end_position) for one in found.segments]
    assert all(a[1] <= b[0] for a, b in pairwise(positions))
    assert len({one.ticks for one in shown}) == len(shown)


class Patient(SystemClock):
    ahead_us = 0

    def monotonic_us(self) -> int:
        return super().monotonic_us() + self.ahead_us


class Stuck(Looker):
    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def packet(self, packet: Packet[Stream]) -> None:
        super().packet(packet)
        assert self.free.wait(60)


def test_a_thread_that_hangs_is_noticed(simulator: Simulator, mount: Mount, tmp_path: Path) -> None:
    clock, stuck = Patient(), Stuck()
    here = replace(world(tmp_path), clock=clock)
    with running(here, simulator.url("gate"), Told(), Wishes(consumer=stuck)) as pipeline:
        until(lambda: bool(stuck.positions))
        found = [pipeline.has_failed]
        clock.ahead_us = round((SILENCE_S + 1) * 1_000_000)
        found.append(pipeline.has_failed)
        stuck.free.set()
        until(lambda: not pipeline.has_failed)

    assert found == [False, True]


class Deadly(Looker):
    def packet(self, packet: Packet[Stream]) -> None:
        raise SystemExit("nobody catches this")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_noticed(simulator: Simulator, mount: Mount, tmp_path: Path) -> None:
    wishes = Wishes(consumer=Deadly())
    with running(world(tmp_path), simulator.url("gate"), Told(), wishes) as pipeline:
        until(lambda: not pipeline.is_running)
        assert pipeline.has_failed


def test_a_long_wait_for_a_camera_that_is_away_is_no_hang(tmp_path: Path) -> None:
    clock = Patient()
    usual = world(tmp_path)
    backoff = replace(usual.backoff, first_s=3600, longest_s=3600)
    here, told = replace(usual, clock=clock, backoff=backoff), Told()
    with running(here, "rtsp://127.0.0.1:1/x", told) as pipeline:
        told.wait_for_state(CameraState.OFFLINE)
        until(lambda: _waits_long(pipeline, clock))


def _waits_long(pipeline: CameraPipeline, clock: Patient) -> bool:
    clock.ahead_us = 1_000_000_000
    fine = not pipeline.has_failed
    clock.ahead_us = 0
    return fine


def test_a_camera_whose_address_changes_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is looked up for each attempt: DHCP may have given the camera another address."""
    clip, answer = frame_coded(300, Encoding(gop=10)), socket.getaddrinfo
    now_at = "127.0.0.1"

    def look_up(name: str, *arguments: object, **options: object) -> object:
        place = now_at if name == "gate.example" else name
        return answer(place, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    told = Told()
    with SimulatorThread() as first:
        old = first.add("gate", clip)
        url = first.url("gate")
        options = SimulatorOptions(host="127.0.0.2", port=parse_rtsp_url(url).port)
        with running(world(tmp_path), url.replace("127.0.0.1", "gate.example"), told):
            told.wait_for_segments(1)
            with SimulatorThread(options) as second:
                second.add("gate", clip)
                now_at = "127.0.0.2"
                old.blackhole()
                told.wait_for_runs(2)
