from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest

from media.simulator import MountOptions, Simulator, SimulatorThread
from media.simulator.rtcp import sender_report
from tests import clips
from tests.clips import Encoding
from tests.media.simulator.rtsp_client import Frame, RtspSocket

NTP_EPOCH_OFFSET_S = 2_208_988_800


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        yield running


def report_wall_us(report: bytes) -> int:
    seconds = int.from_bytes(report[8:12], "big")
    fraction = int.from_bytes(report[12:16], "big")
    return round((seconds - NTP_EPOCH_OFFSET_S + fraction / 2**32) * 1_000_000)


def report_timestamp(report: bytes) -> int:
    return int.from_bytes(report[16:20], "big")


def test_a_report_is_laid_out_as_rfc_3550_says() -> None:
    report = sender_report(0xAABBCCDD, 1_500_000, 2**32 + 7, 3, 4)

    assert report[:4] == bytes([0x80, 200, 0, 6])
    assert struct.unpack_from(">IIIIII", report, 4) == (
        0xAABBCCDD,
        NTP_EPOCH_OFFSET_S + 1,
        2**31,
        7,
        3,
        4,
    )
    description = report[28:]
    assert description[:2] == bytes([0x81, 202])
    assert len(description) == 4 * (int.from_bytes(description[2:4], "big") + 1)
    assert b"\x01\x09simulator\x00" in description


@pytest.mark.parametrize("offset_us", [0, -3_600_000_000])
def test_a_report_comes_first_and_tells_the_cameras_clock(
    simulator: Simulator, offset_us: int
) -> None:
    simulator.add("front", clips.frame_coded(50), MountOptions(clock_offset_us=offset_us))

    with RtspSocket(simulator.url("front")) as client:
        client.play()
        report = client.frame()
        now_us = time.time_ns() // 1000
        picture = client.rtp_frames(1)[0]

    assert report.channel == 1
    assert report_wall_us(report.packet) == pytest.approx(now_us + offset_us, abs=1_000_000)
    assert (picture.timestamp - report_timestamp(report.packet)) % 2**32 < 90_000


def test_a_late_client_has_a_report_at_once(simulator: Simulator) -> None:
    simulator.add("front", clips.frame_coded(50, Encoding(gop=5)))

    with RtspSocket(simulator.url("front")) as early, RtspSocket(simulator.url("front")) as late:
        early.play()
        early.rtp_frames(10)
        late.play()
        first = late.frame()

    assert first.channel == 1


def test_a_set_clock_is_reported_with_the_timestamps(simulator: Simulator) -> None:
    mount = simulator.add("front", clips.frame_coded(50))

    with RtspSocket(simulator.url("front")) as client:
        client.play()
        before = client.frame().packet
        mount.jump(-50)
        after = next(frame for frame in endless(client) if frame.channel == 1).packet

    walls_us = report_wall_us(after) - report_wall_us(before)
    stamps = (report_timestamp(after) - report_timestamp(before) + 2**31) % 2**32 - 2**31
    assert -50_000_000 <= walls_us < -45_000_000
    assert stamps / 90_000 == pytest.approx(walls_us / 1_000_000, abs=0.001)


def endless(client: RtspSocket) -> Iterator[Frame]:
    while True:
        yield client.frame()


def test_sound_and_pictures_are_reported_on_one_clock(simulator: Simulator) -> None:
    simulator.add("front", clips.frame_coded(50, Encoding(audio="pcm_alaw")))

    with RtspSocket(simulator.url("front")) as client:
        session = client.set_up("RTP/AVP/TCP;unicast;interleaved=0-1", track=0)
        client.ask(
            "SETUP",
            f"{client.url}/trackID=1",
            Transport="RTP/AVP/TCP;unicast;interleaved=2-3",
            Session=session,
        )
        client.ask("PLAY", Session=session)
        reports = [client.frame(), client.frame()]

    assert [report.channel for report in reports] == [1, 3]
    walls_us = [report_wall_us(report.packet) for report in reports]
    assert walls_us[0] == walls_us[1]


def test_a_camera_may_send_no_reports(simulator: Simulator) -> None:
    simulator.add("front", clips.frame_coded(50), MountOptions(speed=10, sends_reports=False))

    with RtspSocket(simulator.url("front")) as client:
        client.play()
        assert {client.frame().channel for _ in range(80)} == {0}
