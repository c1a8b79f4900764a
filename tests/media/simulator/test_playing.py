from __future__ import annotations

import itertools
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from media.simulator import MountOptions, Simulator, SimulatorThread
from tests import clips
from tests.clips import Encoding, read_frame_number
from tests.media.simulator.rtsp_client import RtspSocket, playing, video_frames, video_packets

FAST = MountOptions(speed=10)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        yield running


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_client_sees_every_picture_in_order(simulator: Simulator, transport: str) -> None:
    simulator.add("front", clips.frame_coded(50), FAST)

    with playing(simulator.url("front"), transport) as container:
        numbers = [read_frame_number(frame) for frame in video_frames(container, 40)]

    assert numbers == list(range(40))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("bframes", [0, 1, 3])
def test_times_tell_the_picture_in_every_lap(
    simulator: Simulator, codec: str, bframes: int
) -> None:
    encoding = Encoding(codec="hevc" if codec == "hevc" else "h264", bframes=bframes, gop=10)
    simulator.add("front", clips.frame_coded(20, encoding), FAST)

    with playing(simulator.url("front")) as container:
        frames = [frame for frame in video_frames(container, 70) if frame.pts is not None]

    first = next(frame for frame in frames if read_frame_number(frame) == 10)
    assert first.pts is not None
    for frame in frames:
        assert frame.pts is not None
        assert divmod(frame.pts - first.pts, 3600)[1] == 0
        assert read_frame_number(frame) == ((frame.pts - first.pts) // 3600 + 10) % 20


@pytest.mark.parametrize("bframes", [0, 3])
def test_decoding_times_go_on_over_the_loop_point(simulator: Simulator, bframes: int) -> None:
    clip = clips.frame_coded(20, Encoding(bframes=bframes, gop=10))
    simulator.add("front", clip, FAST)

    with playing(simulator.url("front")) as container:
        packets = video_packets(container, 90)

    steps = [(b.dts or 0) - (a.dts or 0) for a, b in itertools.pairwise(packets)]
    assert set(steps) == {3600}
    assert all((packet.pts or 0) >= (packet.dts or 0) for packet in packets)


def test_timestamps_wrap_without_a_break(simulator: Simulator) -> None:
    options = MountOptions(speed=10, first_timestamp=2**32 - 20 * 3600)
    simulator.add("front", clips.frame_coded(20), options)

    with playing(simulator.url("front")) as container:
        packets = video_packets(container, 60)

    steps = [(b.dts or 0) - (a.dts or 0) for a, b in itertools.pairwise(packets)]
    assert set(steps) == {3600}


@pytest.mark.parametrize(
    ("codec", "received_as", "rate"),
    [
        ("aac", "aac", 48_000),
        ("opus", "opus", 48_000),
        ("pcm_alaw", "pcm_alaw", 8_000),
        ("pcm_mulaw", "pcm_mulaw", 8_000),
    ],
)
def test_sound_comes_with_the_pictures(
    simulator: Simulator, codec: clips.AudioCodec, received_as: str, rate: int
) -> None:
    simulator.add("front", clips.frame_coded(25, Encoding(audio=codec)), FAST)

    with playing(simulator.url("front")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        named, sampled = audio.codec_context.name, audio.codec_context.sample_rate
        packets = [p for p in itertools.islice(container.demux(video, audio), 300) if p.dts]

    assert (named, sampled) == (received_as, rate)
    for stream in (video, audio):
        own = [packet for packet in packets if packet.stream is stream]
        times = [float((packet.dts or 0) * packet.time_base) for packet in own]
        steps = [after - before for before, after in itertools.pairwise(times)]
        assert times[-1] - times[0] > 2  # more than two laps
        assert min(steps) > 0
        assert max(steps) < 0.1


def test_two_clients_share_one_thread_and_see_the_same(simulator: Simulator) -> None:
    mount = simulator.add("front", clips.frame_coded(50, Encoding(gop=10)), FAST)

    with playing(simulator.url("front")) as one, playing(simulator.url("front"), "udp") as other:
        players = [t for t in threading.enumerate() if t.name.startswith("camera ")]
        watching = mount.client_count
        seen = [
            [read_frame_number(frame) for frame in video_frames(container, 20)]
            for container in (one, other)
        ]

    assert (len(players), watching) == (1, 2)
    assert seen[0] == list(range(20))
    assert [(b - a) % 50 for a, b in itertools.pairwise(seen[1])] == [1] * 19


SPS, STAP_A = 7, 24  # RFC 6184, table 1


def is_aggregate_with_sps(packet: bytes) -> bool:
    return packet[12] & 31 == STAP_A and packet[15] & 31 == SPS


@pytest.mark.parametrize(("starts", "expected"), [(True, True), (False, False)])
def test_a_late_client_starts_at_a_keyframe_where_asked(
    simulator: Simulator, starts: bool, expected: bool
) -> None:
    options = MountOptions(start_at_keyframe=starts)
    simulator.add("front", clips.frame_coded(50), options)

    with RtspSocket(simulator.url("front")) as early:
        early.play()
        early.rtp_frames(12)
        with RtspSocket(simulator.url("front")) as late:
            late.play()
            [first] = late.rtp_frames(1)

    assert is_aggregate_with_sps(first.packet) == expected


@pytest.mark.parametrize(("repeats", "aggregates"), [(True, 3), (False, 0)])
def test_parameter_sets_come_before_each_keyframe_where_asked(
    simulator: Simulator, repeats: bool, aggregates: int
) -> None:
    clip = clips.frame_coded(20, Encoding(gop=10, crf=45))
    simulator.add("front", clip, MountOptions(speed=10, repeat_parameter_sets=repeats))

    with RtspSocket(simulator.url("front")) as client:
        client.play()
        first = client.rtp_frames(1)[0]
        packets = [first.packet]
        while len({packet[4:8] for packet in packets}) <= 30:
            packets.append(client.rtp_frames(1)[0].packet)

    starts = [packet for packet in packets[:-1] if is_aggregate_with_sps(packet)]
    assert len(starts) == aggregates


def test_a_burst_brings_many_pictures_at_once(simulator: Simulator) -> None:
    clip = clips.frame_coded(20, Encoding(gop=10, crf=45))
    simulator.add("front", clip, MountOptions(burst_seconds=0.4))

    with RtspSocket(simulator.url("front")) as client:
        client.play()
        client.rtp_frames(1)
        waits = client.is_silent(0.2)
        times = {frame.timestamp for frame in client.rtp_frames(10)}

    assert waits
    assert len(times) >= 9


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_plays_it(simulator: Simulator, transport: str) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg on PATH")
    simulator.add("front", clips.frame_coded(25, Encoding(audio="aac")), FAST)
    source = ["-rtsp_transport", transport, "-i", simulator.url("front")]

    done = subprocess.run(
        [ffmpeg, "-v", "error", *source, "-map", "0", "-c", "copy", "-t", "1", "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_camera_films_whether_or_not_somebody_watches(simulator: Simulator) -> None:
    """Beyond a lap, too: one lap is two seconds, and it films for five."""
    since_us = time.monotonic_ns() // 1000 - 5_000_000
    simulator.add("front", clips.frame_coded(50), MountOptions(filming_since_us=since_us))

    with playing(simulator.url("front")) as container:
        first = read_frame_number(video_frames(container, 1)[0])
        now_us = time.monotonic_ns() // 1000

    passed = (now_us - since_us) // 40_000
    assert 0 <= passed - (50 * (passed // 50) + first) % 1000 <= 50


@pytest.mark.parametrize("lag_seconds", [0.0, 1.0])
def test_a_picture_may_be_sent_late(simulator: Simulator, lag_seconds: float) -> None:
    since_us = time.monotonic_ns() // 1000
    options = MountOptions(filming_since_us=since_us, lag_seconds=lag_seconds)
    simulator.add("front", clips.frame_coded(250), options)

    with playing(simulator.url("front")) as container:
        number = read_frame_number(video_frames(container, 30)[-1])
        late_us = time.monotonic_ns() // 1000 - since_us - number * 40_000

    assert late_us >= lag_seconds * 1_000_000
