"""Cameras behind TLS, and behind a line of a byte a second."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.rtsp_url import parse_rtsp_url
from media.simulator import Credentials, Simulator, SimulatorOptions
from media.source import Source, Transport, open_source
from media.source_errors import SourceStalled, SourceUnreachable
from tests.benchmarks.soak.line import Line, line_to
from tests.certified import certified
from tests.clips import Encoding, frame_coded
from tests.media.answers import fault_of
from tests.media.recorded import QUICK, place


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    tls, _ = certified(tmp_path, "camera.example")
    async with Simulator(SimulatorOptions(credentials=Credentials("u", "s3cret"))) as simulator:
        simulator.add("gate", frame_coded(200, Encoding(gop=10)))
        async with line_to(parse_rtsp_url(simulator.url("gate")).port, tls) as made:
            yield made


def behind(line: Line, transport: Transport = Transport.TCP) -> Source:
    return open_source(place(f"rtsps://u:s3cret@127.0.0.1:{line.port}/gate"), transport, QUICK)


@pytest.mark.parametrize("transport", list(Transport))
async def test_a_camera_is_read_over_tls_whoever_certifies_it(
    line: Line, transport: Transport
) -> None:
    """What it sends comes that way too, also where UDP is set."""

    def read() -> int:
        with behind(line, transport) as source:
            return sum(packet.size > 0 for packet in itertools.islice(source.packets(), 40))

    assert await asyncio.to_thread(read) == 40


async def test_a_byte_a_second_is_a_stall(line: Line) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        with behind(line) as source:
            for number, _ in enumerate(source.packets()):
                if number == 10:
                    loop.call_soon_threadsafe(setattr, line, "is_slow", True)

    fault = await asyncio.to_thread(fault_of, read)
    assert isinstance(fault, SourceStalled)
    fault = await asyncio.to_thread(fault_of, lambda: behind(line))
    assert isinstance(fault, SourceUnreachable)
