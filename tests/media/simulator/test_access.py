from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator

import av
import pytest

from media.simulator import (
    AuthScheme,
    Credentials,
    MountOptions,
    Simulator,
    SimulatorOptions,
    SimulatorThread,
)
from tests import clips
from tests.media.simulator.rtsp_client import Reply, RtspSocket, playing, video_packets

OWNER = Credentials("owner", "p:ss w/rd@1")


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread(SimulatorOptions(credentials=OWNER)) as running:
        running.add("front", clips.frame_coded(50), MountOptions(speed=10))
        yield running


def challenged_nonce(client: RtspSocket) -> str:
    reply = client.ask("DESCRIBE")
    assert reply.status == 401
    with_nonce = re.search(r'nonce="([0-9a-f]+)"', str(reply.headers))
    return with_nonce[1] if with_nonce else ""


def describe(client: RtspSocket, **changed: str) -> Reply:
    """DESCRIBE with a right digest, except for what is changed."""
    right = {"user": OWNER.user, "password": OWNER.password, "realm": "simulator"}
    given = {**right, "uri": client.url, **changed}
    nonce = given.get("nonce") or challenged_nonce(client)
    secret = md5(f"{given['user']}:{given['realm']}:{given['password']}")
    response = md5(f"{secret}:{nonce}:{md5('DESCRIBE:' + given['uri'])}")
    proof = (
        f'Digest username="{given["user"]}", realm="{given["realm"]}", nonce="{nonce}", '
        f'uri="{given["uri"]}", response="{given.get("response", response)}"'
    )
    return client.ask("DESCRIBE", Authorization=proof)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_right_password_plays(simulator: Simulator, transport: str) -> None:
    with playing(simulator.url("front"), transport) as container:
        assert len(video_packets(container, 3)) == 3


@pytest.mark.parametrize("schemes", [{AuthScheme.DIGEST}, {AuthScheme.BASIC}])
def test_a_scheme_alone_is_enough(schemes: set[AuthScheme]) -> None:
    only = Credentials("owner", "secret", frozenset(schemes))
    with SimulatorThread(SimulatorOptions(credentials=only)) as simulator:
        simulator.add("front", clips.frame_coded(50), MountOptions(speed=10))

        with playing(simulator.url("front")) as container:
            assert len(video_packets(container, 3)) == 3


def test_a_wrong_password_is_unauthorized(simulator: Simulator) -> None:
    url = simulator.url("front", with_credentials=False).replace("//", "//owner:wrong@")

    with pytest.raises(av.error.HTTPUnauthorizedError), playing(url):
        pass


def test_no_password_is_unauthorized(simulator: Simulator) -> None:
    with (
        pytest.raises(av.error.HTTPUnauthorizedError),
        playing(simulator.url("front", with_credentials=False)),
    ):
        pass


def test_an_unknown_camera_is_not_found(simulator: Simulator) -> None:
    with pytest.raises(av.error.HTTPNotFoundError), playing(simulator.url("back")):
        pass


def test_who_has_no_password_can_not_tell_which_cameras_exist(simulator: Simulator) -> None:
    with RtspSocket(simulator.url("back", with_credentials=False)) as client:
        assert client.ask("DESCRIBE").status == 401


def test_a_right_digest_describes(simulator: Simulator) -> None:
    with RtspSocket(simulator.url("front", with_credentials=False)) as client:
        assert describe(client).status == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"user": "other"},
        {"password": "other"},
        {"realm": "other"},
        {"uri": "rtsp://127.0.0.1/other"},
        {"response": ""},
    ],
)
def test_a_digest_with_one_wrong_part_is_unauthorized(
    simulator: Simulator, changed: dict[str, str]
) -> None:
    with RtspSocket(simulator.url("front", with_credentials=False)) as client:
        assert describe(client, **changed).status == 401


def test_a_nonce_counts_on_its_own_connection_alone(simulator: Simulator) -> None:
    url = simulator.url("front", with_credentials=False)
    with RtspSocket(url) as one, RtspSocket(url) as other:
        nonce = challenged_nonce(one)

        assert describe(other, nonce=nonce).status == 401
        assert describe(one, nonce=nonce).status == 200


@pytest.mark.parametrize("proof", ["Basic !!!", "Basic b3duZXI6", "Bearer x", "Digest", ""])
def test_a_proof_that_is_none_is_unauthorized(simulator: Simulator, proof: str) -> None:
    with RtspSocket(simulator.url("front", with_credentials=False)) as client:
        assert client.ask("DESCRIBE", Authorization=proof).status == 401


def test_a_scheme_that_is_not_offered_is_not_taken() -> None:
    digest = Credentials("owner", "secret", frozenset({AuthScheme.DIGEST}))
    with SimulatorThread(SimulatorOptions(credentials=digest)) as simulator:
        simulator.add("front", clips.frame_coded(50), MountOptions(speed=10))
        proof = b64encode(b"owner:secret").decode()
        with RtspSocket(simulator.url("front", with_credentials=False)) as client:
            assert client.ask("DESCRIBE", Authorization=f"Basic {proof}").status == 401


def test_udp_is_refused_where_only_tcp_is_spoken() -> None:
    with SimulatorThread(SimulatorOptions(tcp_only=True)) as simulator:
        simulator.add("front", clips.frame_coded(50), MountOptions(speed=10))

        with RtspSocket(simulator.url("front")) as client:
            udp = "RTP/AVP;unicast;client_port=50000-50001"
            reply = client.ask("SETUP", f"{client.url}/trackID=0", Transport=udp)
            either = client.set_up(f"{udp},RTP/AVP/TCP;unicast;interleaved=4-5")

    assert reply.status == 461
    assert either


def test_a_password_does_not_show_in_representations() -> None:
    assert OWNER.password not in repr(SimulatorOptions(credentials=OWNER))
