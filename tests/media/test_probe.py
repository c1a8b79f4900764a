"""A look at a source says what it is and what will not work."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import pytest

from media.network import AddressRefused, CameraNetworks, HostUnknown
from media.probe import probe
from media.rtsp_url import RtspUrlError
from media.simulator import MountOptions, Simulator, SimulatorThread
from media.source_errors import SourceNotFound
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.recorded import NETWORKS


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        yield running


def test_a_plain_camera_is_told_as_it_is(simulator: Simulator) -> None:
    simulator.add("gate", frame_coded(200, Encoding(gop=15, size=(640, 360), audio="pcm_alaw")))

    report = probe(simulator.url("gate"), NETWORKS)

    stream = report.stream
    assert (stream.codec, stream.width_px, stream.height_px) == ("h264", 640, 360)
    assert (stream.fps, stream.audio_codec) == (25.0, "pcm_alaw")
    assert report.gop_seconds == 0.6
    assert not report.has_b_frames
    assert report.warnings == ("sound is pcm_alaw, which is recorded as AAC",)
    assert report.picture_jpeg is not None
    with av.open(io.BytesIO(report.picture_jpeg), "r") as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (640, 360)
    assert read_frame_number(picture) == 0


def test_what_will_not_work_is_said(simulator: Simulator) -> None:
    encoding = Encoding(gop=15, codec="hevc", bframes=3, audio="opus")
    simulator.add("gate", frame_coded(200, encoding))

    report = probe(simulator.url("gate"), NETWORKS)

    assert report.has_b_frames
    hevc, reordered, sound = report.warnings
    assert hevc.startswith("H.265 ")
    assert reordered.startswith("B-frames: ")
    assert sound == "sound is opus, which is recorded as AAC"


def test_what_is_recorded_and_not_seen_or_heard_live_is_said(simulator: Simulator) -> None:
    simulator.add("gate", frame_coded(200, Encoding(gop=15, pixels="yuv420p10le", audio="aac")))

    report = probe(simulator.url("gate"), NETWORKS)

    depth, sound = report.warnings
    assert depth.startswith("H.264 High 10 is recorded as it is: ")
    assert sound.startswith("sound is aac, which live view over WebRTC leaves out: ")


def test_a_long_gop_is_noticed_before_it_ends(simulator: Simulator) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=300)))

    report = probe(simulator.url("gate"), NETWORKS, timeout_s=2.0)

    assert report.gop_seconds is None
    assert report.warnings == (
        "no two keyframes came while looking: segments will be long and seeking coarse",
    )


@pytest.mark.parametrize(
    ("offset_us", "warning"),
    [
        (0, None),
        (-1_000_000, None),
        (-3_601_000_000, "the camera's clock is 3601 s behind ours: "),
        (86_400_000_000, "the camera's clock is 86400 s ahead of ours: "),
    ],
)
def test_a_wrong_clock_is_told(simulator: Simulator, offset_us: int, warning: str | None) -> None:
    options = MountOptions(clock_offset_us=offset_us)
    simulator.add("gate", frame_coded(200, Encoding(gop=15)), options)

    report = probe(simulator.url("gate"), NETWORKS)

    assert report.clock_ahead_us is not None
    assert abs(report.clock_ahead_us - offset_us) < 2_000_000
    assert len(report.warnings) == (0 if warning is None else 1)
    assert all(each.startswith(warning or "") for each in report.warnings)


def test_a_clock_that_is_not_told_is_not_known(simulator: Simulator) -> None:
    options = MountOptions(sends_reports=False)
    simulator.add("gate", frame_coded(200, Encoding(gop=15)), options)

    report = probe(simulator.url("gate"), NETWORKS)

    assert report.clock_ahead_us is None
    assert (report.gop_seconds, report.warnings) == (0.6, ())
    assert report.picture_jpeg is not None


def test_what_cannot_be_looked_at(simulator: Simulator) -> None:
    with pytest.raises(SourceNotFound):
        probe(simulator.url("nowhere"), NETWORKS)
    with pytest.raises(AddressRefused):
        probe(simulator.url("gate"), CameraNetworks())
    with pytest.raises(HostUnknown):
        probe("rtsp://...", NETWORKS)
    with pytest.raises(RtspUrlError):
        probe("file:///etc/passwd", NETWORKS)
