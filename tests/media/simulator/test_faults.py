from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator

import av
import pytest
from av.container import InputContainer

from media.simulator import (
    Garbage,
    Mount,
    MountOptions,
    Refusal,
    Simulator,
    SimulatorThread,
    read_clip,
)
from tests import clips
from tests.clips import Encoding, read_frame_number
from tests.media.simulator.rtsp_client import (
    RtspSocket,
    eventually,
    playing,
    video_frames,
    video_packets,
)

GOP_10 = Encoding(gop=10, crf=40)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        yield running


@pytest.fixture
def mount(simulator: Simulator) -> Mount:
    return simulator.add("front", clips.frame_coded(50, GOP_10), MountOptions(speed=8))


@pytest.fixture
def client(simulator: Simulator, mount: Mount) -> Iterator[RtspSocket]:
    """Plays the mount already."""
    with RtspSocket(simulator.url(mount.path)) as connected:
        connected.play()
        connected.rtp_frames(3)
        yield connected


def drained(client: RtspSocket) -> None:
    """Read what is under way until nothing comes."""
    while True:
        try:
            client.frame_within(0.2)
        except TimeoutError:
            return


def test_a_stalled_camera_sends_nothing_but_answers(mount: Mount, client: RtspSocket) -> None:
    mount.stall()
    drained(client)

    assert client.ask("OPTIONS").status == 200
    assert mount.client_count == 1


def test_after_a_stall_a_keyframe_comes_first_and_time_has_gone_on(
    mount: Mount, client: RtspSocket
) -> None:
    before = client.rtp_frames(1)[0]
    mount.stall()
    drained(client)
    mount.resume()

    after = client.rtp_frames(1)[0]

    assert (after.timestamp - before.timestamp) % 2**32 > 0.3 * 90_000
    assert (after.sequence - before.sequence) % 2**16 > 5
    assert after.packet[15] & 31 == 7  # an SPS begins the aggregate


def test_held_packets_come_late_and_complete(mount: Mount, client: RtspSocket) -> None:
    mount.hold()
    drained(client)
    mount.resume()

    frames = client.rtp_frames(30)

    steps = [(b.sequence - a.sequence) % 2**16 for a, b in itertools.pairwise(frames)]
    assert steps == [1] * 29


def test_a_reader_of_a_stalled_camera_times_out(simulator: Simulator, mount: Mount) -> None:
    with playing(simulator.url("front"), read_timeout=0.5) as container:
        video_packets(container, 3)
        mount.stall()

        with pytest.raises(av.error.ExitError):
            video_packets(container, 500)


def test_kick_cuts_every_client_and_they_may_return(simulator: Simulator, mount: Mount) -> None:
    url = simulator.url("front")
    with RtspSocket(url) as one, RtspSocket(url) as other:
        one.play()
        other.play()
        mount.kick()

        assert one.has_ended()
        assert other.has_ended()
    assert eventually(lambda: mount.client_count == 0)
    with RtspSocket(url) as again:
        again.play()
        assert again.rtp_frames(3)


@pytest.mark.parametrize("seconds", [20, -20])
def test_a_jump_moves_timestamps_and_nothing_else(
    mount: Mount, client: RtspSocket, seconds: int
) -> None:
    frames = client.rtp_frames(1)
    mount.jump(seconds)
    frames += client.rtp_frames(40)

    steps = [
        (b.timestamp - a.timestamp + 2**31) % 2**32 - 2**31 for a, b in itertools.pairwise(frames)
    ]
    jumps = [step for step in steps if step not in {0, 3600}]
    assert jumps == [seconds * 90_000 + 3600]
    assert {(b.sequence - a.sequence) % 2**16 for a, b in itertools.pairwise(frames)} == {1}


def test_a_player_sees_the_jump(simulator: Simulator, mount: Mount) -> None:
    with playing(simulator.url("front")) as container:
        video_packets(container, 5)
        mount.jump(100)
        packets = video_packets(container, 30)

    steps = [(b.dts or 0) - (a.dts or 0) for a, b in itertools.pairwise(packets)]
    assert max(steps) == 100 * 90_000 + 3600


def test_lost_packets_leave_holes_in_the_numbers(mount: Mount, client: RtspSocket) -> None:
    mount.lose(0.5)
    frames = client.rtp_frames(60)
    mount.clear()

    span = (frames[-1].sequence - frames[0].sequence) % 2**16
    assert 80 < span < 170


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_an_impossible_share_is_refused(mount: Mount, share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        mount.lose(share)
    assert mount.faults.loss == 0


def test_garbage_in_the_payload_keeps_headers_right(mount: Mount, client: RtspSocket) -> None:
    mount.garble(Garbage.PAYLOAD)
    client.rtp_frames(10)
    frames = client.rtp_frames(20)

    assert {(b.sequence - a.sequence) % 2**16 for a, b in itertools.pairwise(frames)} == {1}
    assert len({frame.packet[12] for frame in frames}) > 8


def test_garbage_in_the_stream_breaks_the_framing(mount: Mount, client: RtspSocket) -> None:
    mount.garble(Garbage.STREAM)

    with pytest.raises((AssertionError, EOFError, TimeoutError)):
        client.rtp_frames(500)


def readable_in_a_row(container: InputContainer, wanted: int) -> int:
    """How many pictures with following numbers come in a row, at most `wanted`."""
    run, previous = 0, -1
    for packet in itertools.islice(container.demux(video=0), 600):
        with contextlib.suppress(av.error.InvalidDataError, clips.FrameCodeError):
            for frame in packet.decode():
                number = read_frame_number(frame)
                run = run + 1 if number == (previous + 1) % 50 else 1
                previous = number
        if run == wanted:
            break
    return run


def test_garbage_ends_by_itself_where_a_time_is_given(simulator: Simulator, mount: Mount) -> None:
    with playing(simulator.url("front")) as container:
        video_packets(container, 3)
        mount.garble(Garbage.PAYLOAD, seconds=0.3)

        assert readable_in_a_row(container, 50) == 50


@pytest.mark.parametrize("garbage", list(Garbage))
def test_a_player_survives_garbage_over_udp(
    simulator: Simulator, mount: Mount, garbage: Garbage
) -> None:
    with playing(simulator.url("front"), "udp") as container:
        video_packets(container, 3)
        mount.garble(garbage, seconds=0.3)

        assert video_packets(container, 60)


def test_a_refusing_camera_is_unavailable_to_newcomers_alone(
    simulator: Simulator, mount: Mount, client: RtspSocket
) -> None:
    mount.refuse()
    with RtspSocket(simulator.url("front")) as newcomer:
        refused = newcomer.ask("OPTIONS").status
        mount.accept()
        accepted = newcomer.ask("OPTIONS").status

    assert (refused, accepted) == (503, 200)
    assert client.rtp_frames(5)


def test_a_camera_can_close_instead_of_answering(simulator: Simulator, mount: Mount) -> None:
    mount.refuse(Refusal.CLOSE)
    with RtspSocket(simulator.url("front")) as client, pytest.raises(EOFError):
        client.ask("OPTIONS")


def test_an_unauthorizing_camera_takes_no_password(simulator: Simulator, mount: Mount) -> None:
    mount.unauthorize()
    with pytest.raises(av.error.HTTPUnauthorizedError), playing(simulator.url("front")):
        pass
    mount.authorize()
    with playing(simulator.url("front")) as container:
        assert video_packets(container, 2)


def test_a_black_hole_accepts_and_is_silent(simulator: Simulator, mount: Mount) -> None:
    mount.blackhole()
    with RtspSocket(simulator.url("front")) as client:
        client.send(f"OPTIONS {client.url} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        assert client.is_silent(0.3)

        mount.answer()
        assert client.ask("OPTIONS").status == 200


def test_a_black_hole_swallows_who_plays(mount: Mount, client: RtspSocket) -> None:
    mount.blackhole()
    drained(client)

    assert mount.client_count == 1


def test_a_switched_clip_goes_on_in_time_with_its_own_size(
    simulator: Simulator, mount: Mount
) -> None:
    larger = clips.frame_coded(50, Encoding(gop=10, crf=40, size=(640, 480)))
    with playing(simulator.url("front")) as container:
        frames = video_frames(container, 5)
        mount.switch(read_clip(larger))
        frames += video_frames(container, 60)

    widths = [width for width, _ in itertools.groupby(frame.width for frame in frames)]
    assert widths == [320, 640]
    first = next(frame for frame in frames if frame.width == 640)
    assert read_frame_number(first) == 0
    times = [frame.pts or 0 for frame in frames[2:]]
    assert {b - a for a, b in itertools.pairwise(times)} == {3600}
    with playing(simulator.url("front")) as container:
        assert container.streams.video[0].codec_context.width == 640


def test_a_switch_to_another_codec_kicks(mount: Mount, client: RtspSocket) -> None:
    mount.switch(read_clip(clips.frame_coded(50, Encoding(codec="hevc"))))

    assert client.has_ended()
    assert "H265" in mount.description()


def test_one_camera_s_faults_leave_the_others_alone(simulator: Simulator, mount: Mount) -> None:
    simulator.add("back", clips.frame_coded(50, GOP_10), MountOptions(speed=8))
    mount.blackhole()
    mount.lose(1)

    with RtspSocket(simulator.url("back")) as other:
        other.play()
        assert other.rtp_frames(10)


def test_the_same_seed_loses_the_same_packets(simulator: Simulator) -> None:
    lost: list[list[int]] = []
    for path in ("one", "two"):
        options = MountOptions(speed=4, seed=7)
        mount = simulator.add(path, clips.frame_coded(50, GOP_10), options)
        mount.lose(0.3)
        with RtspSocket(simulator.url(path)) as client:
            client.play()
            frames = client.rtp_frames(40)
        lost.append([(b.sequence - a.sequence) % 2**16 for a, b in itertools.pairwise(frames)])

    assert lost[0] == lost[1]
    assert max(lost[0]) > 1


def test_faults_may_be_set_before_anybody_plays_and_after_the_end() -> None:
    with SimulatorThread() as simulator:
        mount = simulator.add("front", clips.frame_coded(50))
        mount.kick()
        mount.resume()
        mount.switch(read_clip(clips.frame_coded(60)))
        with RtspSocket(simulator.url("front")) as client:
            client.play()
    mount.kick()
    mount.stall()
    mount.resume()

    with pytest.raises(OSError, match="refused"), socket.socket() as probe:
        probe.connect(("127.0.0.1", int(client.url.split(":")[2].split("/")[0])))
