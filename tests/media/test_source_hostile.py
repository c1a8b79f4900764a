"""Whoever answers in a camera's place reaches no other host through us, nor all of our memory."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from media.network import CameraNetworks, CheckedAddresses
from media.source import Timeouts, Transport, open_source
from media.source_errors import SourceGarbage, SourceRedirected
from tests.media.answers import OK, described, fault_of, talking

SHORT = Timeouts(open_s=0.6, read_s=0.6)
WITH_PARAMETERS = (
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n"
)


@pytest.mark.parametrize("source", ["127.0.0.9", "localhost", "127.0.0.1;source=127.0.0.9"])
def test_over_udp_nothing_is_sent_to_whom_the_camera_names(source: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as victim:
        victim.bind(("127.0.0.9" if "9" in source else "127.0.0.1", 0))
        port = victim.getsockname()[1]
        answers = described(WITH_PARAMETERS)
        transport = (
            f"RTP/AVP;unicast;client_port=5000-5001;server_port={port}-{port};source={source}"
        )
        answers[b"SETUP"] = OK + f"Transport: {transport}\r\nSession: 1\r\n\r\n"
        with talking(answers) as where:
            alone = CheckedAddresses(where.url, where.addresses, CameraNetworks(["127.0.0.1/32"]))
            fault = fault_of(lambda: open_source(alone, Transport.UDP, SHORT))

        assert isinstance(fault, SourceRedirected)
        victim.settimeout(0.2)
        with pytest.raises(TimeoutError):
            victim.recv(100)


def test_a_description_of_two_gigabytes_is_not_waited_for() -> None:
    """A camera may say so, and then send as fast as the network takes it."""
    answers = described("")
    answers[b"DESCRIBE"] = (
        OK + "Content-Type: application/sdp\r\nContent-Length: 2000000000\r\n\r\n"
    )
    with talking(answers) as where:
        fault = fault_of(lambda: open_source(where))

    assert (type(fault), str(fault)) == (SourceGarbage, "the camera's answer is not understood")


OPENED = """
import resource, sys
from contextlib import suppress
from media.network import CameraNetworks
from media.rtsp_url import parse_rtsp_url
from media.source import Timeouts, open_source
from media.source_errors import SourceError

def most_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

place, before = CameraNetworks(["127.0.0.1/32"]).check(parse_rtsp_url(sys.argv[1])), most_kib()
with suppress(SourceError):
    open_source(place, timeouts=Timeouts(3.0, 3.0))
print(most_kib() - before)
"""


def test_a_description_of_a_thousand_tracks_costs_next_to_no_memory() -> None:
    """In a process of its own, as only the most that was ever taken can be told."""
    with talking(described(WITH_PARAMETERS * 1000)) as where:
        url = f"rtsp://127.0.0.1:{where.url.port}/live"
        command = [sys.executable, "-c", OPENED, url]
        taken_kib = int(subprocess.run(command, check=True, capture_output=True).stdout)

    assert taken_kib < 64 << 10
