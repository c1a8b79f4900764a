"""Packets come from a real RTSP camera, or an error says why not."""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av
import pytest

from media.libav import opening
from media.network import CheckedAddresses
from media.simulator import (
    Credentials,
    Mount,
    Refusal,
    Simulator,
    SimulatorOptions,
    SimulatorThread,
)
from media.source import Source, Timeouts, Transport, open_source
from media.source_errors import (
    SourceEnded,
    SourceError,
    SourceGarbage,
    SourceNotFound,
    SourceRedirected,
    SourceRefused,
    SourceStalled,
    SourceUnauthorized,
    SourceUnreachable,
    SourceUnsupported,
)
from tests.clips import AudioCodec, Encoding, frame_coded
from tests.media.answers import OK, described, fault_of, talking
from tests.media.recorded import QUICK, place

SHORT = Timeouts(open_s=0.6, read_s=0.6)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread(SimulatorOptions(credentials=Credentials("u", "s3cret"))) as running:
        yield running


@pytest.fixture
def mount(simulator: Simulator) -> Mount:
    return simulator.add("gate", frame_coded(200, Encoding(gop=10)))


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_stream_is_known_and_its_packets_come(
    simulator: Simulator, transport: Transport, codec: str
) -> None:
    encoding = Encoding(gop=10, codec="hevc" if codec == "hevc" else "h264", size=(640, 360))
    simulator.add("gate", frame_coded(100, replace(encoding, audio="aac")))

    with open_source(place(simulator.url("gate")), transport, QUICK) as source:
        packets = list(itertools.islice(source.packets(), 40))
        assert source.audio is not None
        video, sound = source.video.index, source.audio.index

    found = source.stream
    assert (found.codec, found.width_px, found.height_px) == (codec, 640, 360)
    assert (found.fps, found.audio_codec) == (None, "aac")
    assert {packet.stream_index for packet in packets} == {video, sound}
    assert next(packet for packet in packets if packet.stream_index == video).is_keyframe
    assert all(packet.size for packet in packets)


@pytest.mark.parametrize("audio", ["opus", "pcm_alaw", "pcm_mulaw"])
def test_any_sound_is_read(simulator: Simulator, audio: AudioCodec) -> None:
    simulator.add("gate", frame_coded(100, Encoding(gop=10, audio=audio)))

    with open_source(place(simulator.url("gate")), timeouts=QUICK) as source:
        packets = list(itertools.islice(source.packets(), 30))
        assert source.audio is not None
        both = {source.video.index, source.audio.index}

    assert source.stream.audio_codec == audio
    assert {packet.stream_index for packet in packets} == both


def test_a_wrong_password(simulator: Simulator, mount: Mount) -> None:
    where = place(simulator.url("gate").replace("s3cret", "s3cretx"))

    assert isinstance(fault_of(lambda: open_source(where)), SourceUnauthorized)


def test_a_path_that_is_not_there(simulator: Simulator) -> None:
    where = place(simulator.url("nowhere"))

    assert isinstance(fault_of(lambda: open_source(where)), SourceNotFound)


@pytest.mark.parametrize(
    ("refusal", "error"), [(Refusal.UNAVAILABLE, SourceRefused), (Refusal.CLOSE, SourceGarbage)]
)
def test_a_refusal(
    simulator: Simulator, mount: Mount, refusal: Refusal, error: type[SourceError]
) -> None:
    mount.refuse(refusal)
    where = place(simulator.url("gate"))

    assert isinstance(fault_of(lambda: open_source(where)), error)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = place(f"rtsp://u:s3cret@127.0.0.1:{server.getsockname()[1]}/x")

    assert isinstance(fault_of(lambda: open_source(where)), SourceUnreachable)


def test_no_answer(simulator: Simulator, mount: Mount) -> None:
    mount.blackhole()
    where = place(simulator.url("gate"))

    fault = fault_of(lambda: open_source(where, timeouts=SHORT))

    assert isinstance(fault, SourceUnreachable)
    assert str(fault) == "no answer from the camera in time"


def test_an_answer_and_then_nothing(simulator: Simulator, mount: Mount) -> None:
    mount.stall()
    where = place(simulator.url("gate"))

    assert isinstance(fault_of(lambda: open_source(where, timeouts=SHORT)), SourceStalled)


def read_all(source: Source) -> None:
    for _ in source.packets():
        pass


def test_a_stall(simulator: Simulator, mount: Mount) -> None:
    with open_source(place(simulator.url("gate")), timeouts=SHORT) as source:
        mount.stall()

        assert isinstance(fault_of(lambda: read_all(source)), SourceStalled)


def test_a_stall_of_a_connection_that_cannot_be_told_from_others(
    simulator: Simulator, mount: Mount
) -> None:
    """Without its grip a read ends by FFmpeg's own time-out."""
    where = place(simulator.url("gate"))
    other: list[socket.socket] = []

    def connect_meanwhile() -> None:
        other.append(socket.create_connection((where.addresses[0], where.url.port)))

    timer = threading.Timer(0.02, connect_meanwhile)
    timer.start()
    with open_source(where, timeouts=SHORT) as source:
        mount.stall()

        assert isinstance(fault_of(lambda: read_all(source)), SourceStalled)
    timer.join()
    other[0].close()


def test_a_connection_that_breaks(simulator: Simulator, mount: Mount) -> None:
    with open_source(place(simulator.url("gate")), timeouts=QUICK) as source:
        mount.kick()

        assert isinstance(fault_of(lambda: read_all(source)), SourceEnded)


def test_another_thread_can_cut_a_read_that_waits(simulator: Simulator, mount: Mount) -> None:
    with open_source(place(simulator.url("gate")), timeouts=Timeouts(2, 60)) as source:
        mount.stall()
        timer = threading.Timer(0.2, source.cut)
        timer.start()

        assert isinstance(fault_of(lambda: read_all(source)), SourceEnded)


def test_cutting_one_camera_of_a_recorder_leaves_the_others(
    simulator: Simulator, mount: Mount
) -> None:
    where = place(simulator.url("gate"))
    with open_source(where) as first, open_source(where) as second:
        first.cut()

        fault_of(lambda: read_all(first))
        assert len(list(itertools.islice(second.packets(), 20))) == 20


def test_packets_that_gathered_come_all(simulator: Simulator, mount: Mount) -> None:
    with open_source(place(simulator.url("gate")), timeouts=QUICK) as source:
        source.rest_s = 0.1
        packets = list(itertools.islice(source.packets(), 30))

    times = [packet.pts for packet in packets if packet.pts is not None]
    assert [after - before for before, after in itertools.pairwise(times)] == [3600] * 28


def test_a_redirect_is_not_followed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as victim:
        port = victim.getsockname()[1]
        moved = f"RTSP/1.0 302 Moved\r\n{{cseq}}\r\nLocation: rtsp://127.0.0.1:{port}/x\r\n\r\n"
        answers = {b"OPTIONS": OK + "Public: DESCRIBE\r\n\r\n", b"DESCRIBE": moved}
        with talking(answers) as where:
            fault = fault_of(lambda: open_source(where, timeouts=SHORT))

        assert isinstance(fault, SourceRedirected)
        victim.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            connection, _ = victim.accept()
            with connection:
                assert connection.recv(1) == b"", "not a byte goes there"


JPEG = "m=video 0 RTP/AVP 26\r\na=control:trackID=0\r\n"
NO_PARAMETERS = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
SOUND_ALONE = "m=audio 0 RTP/AVP 8\r\na=control:trackID=0\r\n"


@pytest.mark.parametrize(
    ("media", "error", "words"),
    [
        (JPEG, SourceUnsupported, "the camera's video is mjpeg; H.264 and H.265 are recorded"),
        (
            NO_PARAMETERS,
            SourceStalled,
            "the camera answers, but nothing that can be read comes",
        ),
        (SOUND_ALONE, SourceStalled, "the camera answers, but nothing that can be read comes"),
    ],
)
def test_streams_that_cannot_be_recorded(media: str, error: type[SourceError], words: str) -> None:
    with talking(described(media)) as where:
        fault = fault_of(lambda: open_source(where, timeouts=SHORT))

    assert (type(fault), str(fault)) == (error, words)


def test_a_camera_that_sends_another_way() -> None:
    answers = described(NO_PARAMETERS)
    answers[b"SETUP"] = "RTSP/1.0 461 Unsupported transport\r\n{cseq}\r\n\r\n"
    with talking(answers) as where:
        fault = fault_of(lambda: open_source(where, timeouts=SHORT))

    assert isinstance(fault, SourceUnsupported)
    assert str(fault) == (
        "the camera does not send in the way that is set (VMS_RTSP_TRANSPORT: tcp or udp)"
    )


def test_an_answer_that_is_no_rtsp() -> None:
    with talking({b"OPTIONS": "HTTP/1.1 200 OK\r\n\r\n<html>"}) as where:
        fault = fault_of(lambda: open_source(where, timeouts=SHORT))

    assert isinstance(fault, SourceUnreachable | SourceGarbage)


def test_of_several_addresses_each_gets_its_turn(simulator: Simulator, mount: Mount) -> None:
    where = place(simulator.url("gate"))
    both = CheckedAddresses(where.url, ("127.0.0.2", "127.0.0.1"))

    fault_of(lambda: open_source(both, timeouts=SHORT, attempt=0))
    with open_source(both, timeouts=QUICK, attempt=1) as source:
        assert source.stream.codec == "h264"


def test_no_picture_is_decoded_on_opening(simulator: Simulator, tmp_path: Path) -> None:
    """The decoder complains about these; worse ones would take the worker along.

    Of H.265 FFmpeg decodes none by itself: its parameters tell all that it wants to know.
    """
    simulator.add("gate", scrambled(frame_coded(200, Encoding(gop=10)), tmp_path / "clip.mp4"))
    url = simulator.url("gate")  # with credentials

    with complaints() as heard, opening(5), av.open(url, options={"rtsp_transport": "tcp"}):
        assert heard
    with complaints() as heard, open_source(place(url)) as source:
        assert source.video.codec_context.width == 320
    assert heard == []


def scrambled(clip: Path, path: Path) -> Path:
    """The clip with nothing sensible behind the first bytes of each picture."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None:
                content = bytearray(bytes(packet))
                content[64:] = bytes(number * 37 & 0xFF or 1 for number in range(len(content) - 64))
                packet_of = av.Packet(bytes(content))
                packet_of.pts, packet_of.dts, packet_of.stream = packet.pts, packet.dts, stream
                packet_of.time_base, packet_of.is_keyframe = packet.time_base, packet.is_keyframe
                target.mux(packet_of)
    return path


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What FFmpeg's decoder of H.264 says."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("libav.h264")
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
