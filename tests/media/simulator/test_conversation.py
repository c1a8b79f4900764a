from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from media.simulator import (
    Mount,
    MountOptions,
    Simulator,
    SimulatorOptions,
    SimulatorThread,
)
from tests import clips
from tests.clips import Encoding
from tests.media.simulator.rtsp_client import RtspSocket, eventually


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        running.add("front", clips.frame_coded(50))
        running.add("loud", clips.frame_coded(25, Encoding(audio="aac")))
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[RtspSocket]:
    with RtspSocket(simulator.url("front")) as connected:
        yield connected


def test_options_names_the_methods_to_anybody(client: RtspSocket) -> None:
    reply = client.ask("OPTIONS", "*")

    assert reply.status == 200
    assert "DESCRIBE" in reply.headers["public"].split(", ")


def test_a_description_names_both_tracks(simulator: Simulator) -> None:
    with RtspSocket(simulator.url("loud")) as client:
        reply = client.ask("DESCRIBE")

    assert reply.headers["content-type"] == "application/sdp"
    assert reply.headers["content-base"] == simulator.url("loud") + "/"
    assert [line for line in reply.body.splitlines() if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 96",
        "m=audio 0 RTP/AVP 97",
    ]


def test_a_path_may_hold_a_query(simulator: Simulator) -> None:
    simulator.add("cam/realmonitor?channel=1", clips.frame_coded(50))

    with RtspSocket(simulator.url("cam/realmonitor?channel=1")) as client:
        client.play()
        assert client.rtp_frames(1)
        other = client.ask("DESCRIBE", simulator.url("cam/realmonitor?channel=2"))

    assert other.status == 404


def test_a_query_that_no_path_has_is_ignored(simulator: Simulator) -> None:
    with RtspSocket(simulator.url("front?profile=1")) as client:
        assert client.ask("DESCRIBE").status == 200


@pytest.mark.parametrize("path", ["back", "front/trackID=1", "front/trackID=x", ""])
def test_what_is_not_there_is_not_found(simulator: Simulator, path: str) -> None:
    with RtspSocket(simulator.url(path)) as client:
        assert client.ask("DESCRIBE").status == 404


def test_play_without_a_session_is_not_valid(client: RtspSocket) -> None:
    assert client.ask("PLAY").status == 455


@pytest.mark.parametrize("method", ["PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"])
def test_an_unknown_session_is_not_found(client: RtspSocket, method: str) -> None:
    client.set_up()

    assert client.ask(method, Session="0123").status == 454


def test_a_session_is_of_one_camera(simulator: Simulator, client: RtspSocket) -> None:
    session = client.set_up()

    assert client.ask("PLAY", simulator.url("loud"), Session=session).status == 454


def test_a_playing_session_takes_no_further_track(client: RtspSocket) -> None:
    session = client.play()
    transport = "RTP/AVP/TCP;unicast;interleaved=2-3"

    uri = f"{client.url}/trackID=0"
    assert client.ask("SETUP", uri, Transport=transport, Session=session).status == 455


def test_two_tracks_are_not_set_up_at_once(simulator: Simulator) -> None:
    with RtspSocket(simulator.url("loud")) as client:
        reply = client.ask("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")

    assert reply.status == 459


@pytest.mark.parametrize(
    "transport",
    [
        "",
        "RTP/AVP;multicast",
        "RTP/AVP;unicast",
        "RTP/AVP;unicast;client_port=0-1",
        "RTP/AVP;unicast;client_port=99999-100000",
        "RTP/AVP/TCP;unicast;interleaved=255-256",
        "RAW/RAW/UDP;unicast;client_port=5000-5001",
    ],
)
def test_a_transport_it_does_not_speak_is_refused(client: RtspSocket, transport: str) -> None:
    reply = client.ask("SETUP", f"{client.url}/trackID=0", Transport=transport)

    assert reply.status == 461


def test_an_unknown_method_is_not_implemented(client: RtspSocket) -> None:
    assert client.ask("RECORD").status == 501


def test_an_unknown_extension_is_named_back(client: RtspSocket) -> None:
    reply = client.ask("DESCRIBE", Require="com.example.magic")

    assert reply.status == 551
    assert reply.headers["unsupported"] == "com.example.magic"


def test_another_version_is_not_supported(client: RtspSocket) -> None:
    client.send(f"DESCRIBE {client.url} RTSP/2.0\r\nCSeq: 1\r\n\r\n".encode())

    assert client.reply().status == 505


def test_a_request_without_sequence_is_bad(client: RtspSocket) -> None:
    client.send(f"DESCRIBE {client.url} RTSP/1.0\r\n\r\n".encode())

    assert client.reply().status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
        b"GET\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\n",
        b"\xff\xfe * RTSP/1.0\r\n\r\n",
        b"\r\n" * 40,
        b"A" * 200_000,
    ],
)
def test_what_is_not_rtsp_is_answered_once_and_cut(client: RtspSocket, raw: bytes) -> None:
    client.send(raw)

    assert client.reply().status == 400
    assert client.has_ended()


def test_a_body_and_a_receiver_report_are_skipped(client: RtspSocket) -> None:
    session = client.play()
    report = b"\x81\xc9\x00\x01" + bytes(4)
    client.send(b"$\x01" + len(report).to_bytes(2, "big") + report)
    client.send(
        f"SET_PARAMETER {client.url} RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n"
        "Content-Length: 5\r\n\r\nx: 1\n".encode()
    )

    assert client.reply().status == 200
    assert client.ask("GET_PARAMETER", Session=session).status == 200


def test_pause_stops_and_play_goes_on(simulator: Simulator, client: RtspSocket) -> None:
    session = client.play()
    client.rtp_frames(3)

    assert client.ask("PAUSE", Session=session).status == 200
    while client.has_waiting_frames:
        client.frame()
    assert client.is_silent(0.3)
    assert client.ask("PLAY", Session=session).status == 200
    assert client.rtp_frames(3)


def test_teardown_ends_the_session_but_not_the_connection(client: RtspSocket) -> None:
    session = client.play()

    assert client.ask("TEARDOWN", Session=session).status == 200
    assert client.ask("PLAY", Session=session).status == 454
    assert client.ask("OPTIONS").status == 200


def bound_udp() -> socket.socket:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(5)
    return receiver


def play_over_udp(client: RtspSocket, receiver: socket.socket) -> str:
    port = receiver.getsockname()[1]
    session = client.set_up(f"RTP/AVP;unicast;client_port={port}-{port + 1}")
    assert client.ask("PLAY", Session=session).status == 200
    return session


def test_a_udp_client_without_sign_of_life_is_sent_no_more() -> None:
    with SimulatorThread(SimulatorOptions(session_timeout_seconds=0.3)) as simulator:
        mount = simulator.add("front", clips.frame_coded(50))
        with RtspSocket(simulator.url("front")) as client, bound_udp() as receiver:
            session = play_over_udp(client, receiver)
            assert receiver.recv(2000)

            assert eventually(lambda: mount.client_count == 0)
            assert client.ask("GET_PARAMETER", Session=session).status == 454


@pytest.mark.parametrize("sign", ["request", "datagram"])
def test_a_sign_of_life_keeps_a_udp_session(sign: str) -> None:
    with SimulatorThread(SimulatorOptions(session_timeout_seconds=0.3)) as simulator:
        mount = simulator.add("front", clips.frame_coded(50))
        with RtspSocket(simulator.url("front")) as client, bound_udp() as receiver:
            session = play_over_udp(client, receiver)
            received = 0
            while received < 40:  # some 25 a second
                _, source = receiver.recvfrom(2000)
                received += 1
                if sign == "datagram":
                    receiver.sendto(b"\x81\xc9\x00\x01" + bytes(4), source)
                elif received % 3 == 0:
                    assert client.ask("GET_PARAMETER", Session=session).status == 200

            assert mount.client_count == 1


def test_a_tcp_session_needs_no_sign_of_life() -> None:
    with SimulatorThread(SimulatorOptions(session_timeout_seconds=0.1)) as simulator:
        simulator.add("front", clips.frame_coded(50))
        with RtspSocket(simulator.url("front")) as client:
            client.play()

            assert client.rtp_frames(15)


def test_a_client_that_reads_too_slowly_is_cut_off_alone() -> None:
    clip = clips.frame_coded(50, Encoding(crf=1))
    options = SimulatorOptions(max_buffer_bytes=100_000)
    with SimulatorThread(options) as simulator:
        mount: Mount = simulator.add("front", clip, MountOptions(speed=40))
        with RtspSocket(simulator.url("front"), receive_buffer_bytes=4096) as slow:
            slow.play()
            assert mount.client_count == 1

            assert eventually(lambda: mount.client_count == 0)
        with RtspSocket(simulator.url("front")) as quick:
            quick.play()
            assert quick.rtp_frames(50)
