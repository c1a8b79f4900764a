from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

import pytest

from media.simulator import (
    MountOptions,
    Simulator,
    SimulatorError,
    SimulatorOptions,
    SimulatorThread,
)
from tests import clips
from tests.clips import Encoding
from tests.media.simulator.rtsp_client import RtspSocket, eventually, playing, video_packets


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def own_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name == "simulator" or name.startswith("camera ")]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc to count open files in")
def test_the_end_leaves_no_thread_and_no_open_file() -> None:
    clip = clips.frame_coded(50)
    gc.collect()
    before = open_files()

    with SimulatorThread() as simulator:
        for path in ("one", "two"):
            simulator.add(path, clip)
        clients = [RtspSocket(simulator.url(path)) for path in ("one", "two", "two")]
        for client in clients:
            client.play()
            client.rtp_frames(2)
        during = own_threads()

    assert len(during) == 3
    assert own_threads() == []
    for client in clients:
        assert client.has_ended()
        client.close()
    assert open_files() == before


async def test_on_the_callers_loop_the_end_leaves_no_task() -> None:
    async with Simulator() as simulator:
        simulator.add("front", clips.frame_coded(50))
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert (await reader.readline()).startswith(b"RTSP/1.0 200")
        assert len(asyncio.all_tasks()) == 2

    writer.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert own_threads() == []


def test_a_camera_nobody_watches_stops_and_begins_anew() -> None:
    with SimulatorThread() as simulator:
        mount = simulator.add("front", clips.frame_coded(50), MountOptions(linger_seconds=0.1))
        assert own_threads() == ["simulator"]
        for _ in range(2):
            with RtspSocket(simulator.url("front")) as client:
                client.play()
                assert client.rtp_frames(1)[0].packet[15] & 31 == 7
                assert len(own_threads()) == 2

            assert eventually(lambda: own_threads() == ["simulator"])
        assert not mount.is_playing


def test_who_returns_in_time_finds_the_camera_still_playing() -> None:
    with SimulatorThread() as simulator:
        mount = simulator.add("front", clips.frame_coded(50), MountOptions(linger_seconds=60))
        sources: set[bytes] = set()
        for _ in range(2):
            with RtspSocket(simulator.url("front")) as client:
                client.play()
                sources |= {frame.packet[8:12] for frame in client.rtp_frames(1)}
            assert eventually(lambda: mount.client_count == 0)

        assert mount.is_playing
        assert len(sources) == 1


def test_a_port_can_be_taken_again_at_once() -> None:
    with SimulatorThread() as first:
        first.add("front", clips.frame_coded(50), MountOptions(speed=10))
        port = first.port
        with playing(first.url("front")) as container:
            video_packets(container, 2)
    with SimulatorThread(SimulatorOptions(port=port)) as second:
        second.add("front", clips.frame_coded(50), MountOptions(speed=10))
        with playing(second.url("front")) as container:
            assert video_packets(container, 2)


def test_a_port_in_use_is_an_error_to_the_caller() -> None:
    with SimulatorThread() as first:
        taken = SimulatorThread(SimulatorOptions(port=first.port))

        with pytest.raises(OSError, match="address already in use"), taken:
            pass

    assert own_threads() == []


def test_it_has_no_address_before_it_runs() -> None:
    with pytest.raises(SimulatorError, match="does not run"):
        Simulator().url("front")


def test_a_camera_can_take_another_s_place() -> None:
    with SimulatorThread() as simulator:
        simulator.add("front", clips.frame_coded(50))
        with RtspSocket(simulator.url("front")) as client:
            client.play()
            simulator.add("front", clips.frame_coded(50, Encoding(codec="hevc")))

            assert client.has_ended()
        with RtspSocket(simulator.url("front")) as client:
            assert "H265" in client.ask("DESCRIBE").body

    assert own_threads() == []


@pytest.mark.parametrize("options", [{"speed": 0}, {"speed": -1}, {"burst_seconds": -1}])
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="speed"):
        MountOptions(**options)  # type: ignore[arg-type]


def test_a_clip_that_vanishes_ends_its_camera_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passing = clips.frame_coded_clip(tmp_path / "passing.mp4", 10)
    with SimulatorThread() as simulator:
        mount = simulator.add("front", passing, MountOptions(speed=4))
        simulator.add("back", clips.frame_coded(50))
        with RtspSocket(simulator.url("front")) as client:
            client.play()
            passing.unlink()
            assert eventually(lambda: not mount.is_playing)
        with RtspSocket(simulator.url("back")) as client:
            client.play()
            assert client.rtp_frames(1)

    assert "passing.mp4 can't be played any more" in caplog.text
