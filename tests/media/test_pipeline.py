"""A camera's state says in plain words what is wrong, and recording outlives whatever happens."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media.pipeline import Backoff, CameraConfig, CameraPipeline
from media.simulator import (
    Credentials,
    Garbage,
    Mount,
    Refusal,
    Simulator,
    SimulatorOptions,
    SimulatorThread,
)
from media.source import Transport
from media.timeline import RunTimeline
from media.types import CameraState, RunBegan, RunClock, RunEnded, SegmentClosed, StatusChanged
from tests.clips import Encoding, frame_coded
from tests.media.recorded import (
    CAMERA,
    KEY,
    Told,
    Wishes,
    hours,
    play,
    running,
    until,
    world,
)

PASSWORD = "p@ss word:7"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    options = SimulatorOptions(credentials=Credentials("admin", PASSWORD))
    with SimulatorThread(options) as running_simulator:
        yield running_simulator


@pytest.fixture
def mount(simulator: Simulator) -> Mount:
    return simulator.add("gate", frame_coded(300, Encoding(gop=10)))


class Recorder:
    """A consumer that notes what it is told; raises in `fails_in`."""

    def __init__(self, fails_in: str | None = None) -> None:
        self.calls: list[str] = []
        self.fault: str | None = None
        self.positions: list[int | None] = []
        self.recorded: list[bool] = []
        self.clocks: list[RunClock | None] = []
        self.threads: set[int] = set()
        self.began = self.closed = 0
        self.ended_at_us: list[int] = []
        self._fails_in = fails_in
        self._timeline: RunTimeline | None = None

    def begin_run(self, stream: VideoStream, timeline: RunTimeline) -> None:
        self.began += 1
        self._note("begin_run")
        self._timeline = timeline
        self.recorded.append(timeline.recorded)
        assert stream.width == 320

    def packet(self, packet: Packet[Stream]) -> None:
        self._note("packet")
        self.positions.append(packet.pts)
        if self._timeline is not None:
            self.clocks.append(self._timeline.clock)

    def end_run(self, ended_at_us: int) -> None:
        self._note("end_run")
        self.ended_at_us.append(ended_at_us)

    def close(self) -> None:
        self.closed += 1
        self._note("close")

    def _note(self, call: str) -> None:
        self.threads.add(threading.get_ident())
        if not self.calls or self.calls[-1] != call:
            self.calls.append(call)
        if call == self._fails_in:
            raise RuntimeError("a bug in detection")


def test_a_camera_is_online_once_pictures_come(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        told.wait(lambda all_: any(_fps(change) is not None for change in all_))

    assert told.statuses == [(CameraState.CONNECTING, None), (CameraState.ONLINE, None)]
    stream = told.of(StatusChanged)[-1].stream
    assert stream is not None
    assert (stream.codec, stream.width_px, stream.height_px, stream.fps) == ("h264", 320, 240, 25.0)


def _fps(change: object) -> float | None:
    stream = change.stream if isinstance(change, StatusChanged) else None
    return None if stream is None else stream.fps


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gate", "the camera refuses the user name or password"),
        ("nowhere", "the camera has no stream at this path"),
    ],
)
def test_what_the_camera_refuses(
    simulator: Simulator, mount: Mount, tmp_path: Path, path: str, reason: str
) -> None:
    told = Told()
    url = simulator.url(path, with_credentials=path != "gate")
    with running(world(tmp_path), url, told):
        told.wait_for_state(CameraState.ERROR)

    assert told.statuses[1:] == [(CameraState.ERROR, reason)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "state", "reason"),
    [
        ("http://h/x", "error", "must begin with rtsp:// or rtsps://"),
        ("rtsp://...", "offline", "the host name ... has no address"),
        (
            "rtsp://u:secret@169.254.169.254/x",
            "error",
            "the address 169.254.169.254 of 169.254.169.254 is not in a network that cameras may "
            "be on",
        ),
    ],
)
def test_addresses_that_lead_nowhere(tmp_path: Path, url: str, state: str, reason: str) -> None:
    told = Told()
    with running(world(tmp_path), url, told):
        told.wait_for_state(CameraState(state))

    assert told.statuses[1:] == [(CameraState(state), reason)]


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    told = Told()
    with running(world(tmp_path), f"rtsp://u:secret@127.0.0.1:{port}/x", told):
        told.wait_for_state(CameraState.OFFLINE)

    assert told.statuses[-1][1] == "the camera refuses the connection: nothing listens there"


def test_a_camera_that_does_not_answer(simulator: Simulator, mount: Mount, tmp_path: Path) -> None:
    mount.blackhole()
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        told.wait_for_state(CameraState.OFFLINE)
        assert told.statuses[-1][1] == "no answer from the camera in time"
        mount.answer()
        told.wait_for_state(CameraState.ONLINE)


@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_camera_that_turns_us_down(
    simulator: Simulator, mount: Mount, tmp_path: Path, refusal: Refusal
) -> None:
    mount.refuse(refusal)
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        told.wait_for_state(CameraState.ERROR)
        mount.accept()
        told.wait_for_state(CameraState.ONLINE)


def test_a_camera_that_answers_and_sends_nothing(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    mount.stall()
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        told.wait_for_state(CameraState.OFFLINE)

    assert told.statuses[-1][1] == "the camera answers, but nothing that can be read comes"


def test_a_camera_that_stalls_goes_offline_and_comes_back(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        told.wait_for_segments(1)
        mount.stall()
        told.wait_for_state(CameraState.OFFLINE)
        mount.resume()
        told.wait_for_runs(2)

    reason = "the camera stopped sending"
    assert told.statuses[2:] == [(CameraState.OFFLINE, reason), (CameraState.ONLINE, None)]
    assert told.of(RunEnded)[0].reason == reason


def test_late_packets_are_no_reason_to_begin_anew(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        told.wait_for_segments(1)
        mount.hold()
        threading.Event().wait(0.7)
        mount.resume()
        told.wait_for_segments(4)

    assert len(told.of(RunBegan)) == 1
    assert [state for state, _ in told.statuses] == [CameraState.CONNECTING, CameraState.ONLINE]


def test_random_bytes_in_place_of_the_connection_end_it(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        told.wait_for_segments(1)
        mount.garble(Garbage.STREAM)
        told.wait_for_state(CameraState.OFFLINE)


def test_random_bytes_in_place_of_pictures_never_count_as_online(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    mount.garble(Garbage.PAYLOAD)
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told):
        threading.Event().wait(2)
        assert [state for state, _ in told.statuses if state is CameraState.ONLINE] == []
        mount.clear()
        told.wait_for_state(CameraState.ONLINE)


def test_a_stalled_camera_does_not_hold_up_the_end(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    told = Told()
    with running(world(tmp_path), simulator.url("gate"), told) as pipeline:
        told.wait_for_segments(1)
        mount.stall()

        assert pipeline.stop(2.0)

    assert told.of(RunEnded)[0].reason == "recording was stopped"
    assert not list(tmp_path.rglob("*.part"))


def test_the_other_cameras_go_on(simulator: Simulator, mount: Mount, tmp_path: Path) -> None:
    other = simulator.add("other", frame_coded(300, Encoding(gop=10)))
    here, told, told_other = world(tmp_path / "a"), Told(), Told()
    with (
        running(here, simulator.url("gate"), told),
        running(world(tmp_path / "b"), simulator.url("other"), told_other),
    ):
        told.wait_for_segments(1)
        told_other.wait_for_segments(1)
        other.blackhole()
        other.kick()
        told_other.wait_for_state(CameraState.OFFLINE)
        told.wait_for_segments(4)

    assert len(told.of(RunBegan)) == 1


def test_udp_records_too(simulator: Simulator, mount: Mount, tmp_path: Path) -> None:
    here, told = world(tmp_path), Told()
    config = CameraConfig(KEY, CAMERA.tenant_id, CAMERA.name, simulator.url("gate"), Transport.UDP)
    pipeline = CameraPipeline(config, here, told)
    pipeline.start()
    told.wait_for_segments(3)
    assert pipeline.stop(10.0)

    found, shown = play(here.store, hours(here.store)[0])
    assert len(shown) == (found.segments[-1].end_position - found.segments[0].position) // 3600


@contextmanager
def caught_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield


def test_credentials_show_nowhere(
    simulator: Simulator, mount: Mount, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = simulator.url("gate").replace("admin", "s3cr3t-user")
    told = Told()
    with caught_logs(caplog), running(world(tmp_path), url, told) as pipeline:
        told.wait_for_state(CameraState.ERROR)
        shown = [repr(told.all), caplog.text, repr(pipeline.config), repr(threading.enumerate())]

    for text in shown:
        assert "s3cr3t-user" not in text
        assert "p%40ss" not in text


def test_a_consumer_sees_every_recorded_frame_at_its_position(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    here, told, consumer = world(tmp_path), Told(), Recorder()
    with running(here, simulator.url("gate"), told, Wishes(consumer=consumer)):
        told.wait_for_segments(3)

    assert consumer.calls == ["begin_run", "packet", "end_run", "close"]
    assert len(consumer.threads) == 1
    last = told.of(SegmentClosed)[-1]
    assert consumer.positions == list(range(0, last.end_position, 3600))
    assert consumer.recorded == [True]
    assert consumer.ended_at_us == [told.of(RunEnded)[0].ended_at_us]
    settled = [clock for clock in consumer.clocks if clock is not None]
    assert consumer.clocks[0] is None
    assert len(set(settled)) == 1
    assert settled[0].anchor_us == told.of(RunBegan)[0].started_at_us


def test_without_recording_a_consumer_still_has_a_clock(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    told, consumer = Told(), Recorder()
    wishes = Wishes(record=False, consumer=consumer)
    with running(world(tmp_path), simulator.url("gate"), told, wishes):
        until(lambda: consumer.clocks[-1:] not in ([], [None]))

    assert consumer.recorded == [False]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails_in", ["begin_run", "packet", "end_run", "close"])
def test_a_failing_consumer_never_stops_recording(
    simulator: Simulator, mount: Mount, tmp_path: Path, fails_in: str
) -> None:
    told, consumer = Told(), Recorder(fails_in)
    with running(world(tmp_path), simulator.url("gate"), told, Wishes(consumer=consumer)):
        told.wait_for_segments(2)
        mount.kick()
        told.wait_for_runs(2)

    assert consumer.began == 2, "detection is tried again with the next run"
    assert consumer.closed == 1
    reasons = {reason for state, reason in told.statuses if state is CameraState.ONLINE}
    failing = "detection failed and is off until the next connection"
    assert (failing in reasons) == (fails_in in {"begin_run", "packet"})


def test_attempts_become_rarer_up_to_a_limit() -> None:
    backoff = Backoff()
    for failures, seconds in [(1, 1), (2, 2), (3, 4), (6, 30), (1000, 30)]:
        waits = {backoff.wait_s(failures, rarely=False) for _ in range(50)}
        assert all(0.799 * seconds <= wait <= 1.201 * seconds for wait in waits)
        assert len(waits) > 1, "cameras that failed together do not come back together"
    assert all(23.9 <= backoff.wait_s(1, rarely=True) <= 36.1 for _ in range(50))
    assert all(239 <= backoff.wait_s(9, rarely=True) <= 361 for _ in range(50))


RARE = Backoff(first_s=0.05, longest_s=0.05, rare_first_s=60)


def test_a_stream_that_is_not_there_yet_is_found_soon(simulator: Simulator, tmp_path: Path) -> None:
    here = replace(world(tmp_path), backoff=RARE)
    told = Told()
    with running(here, simulator.url("later"), told):
        told.wait_for_state(CameraState.ERROR)
        simulator.add("later", frame_coded(100, Encoding(gop=10)))
        told.wait_for_state(CameraState.ONLINE)


def test_a_wrong_password_is_not_tried_again_soon(
    simulator: Simulator, mount: Mount, tmp_path: Path
) -> None:
    here = replace(world(tmp_path), backoff=RARE)
    told = Told()
    with running(here, simulator.url("gate", with_credentials=False), told):
        told.wait_for_state(CameraState.ERROR)
        threading.Event().wait(0.5)
        mount.unauthorize()

    assert [state for state, _ in told.statuses] == [CameraState.CONNECTING, CameraState.ERROR]
