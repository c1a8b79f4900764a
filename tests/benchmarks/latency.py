"""From a frame's capture to the committed event, at 1, 4 and 8 cameras.

Run as `python -m tests.benchmarks.latency [--seconds 60]`. A real `vms worker` on PostgreSQL and
Valkey records simulated cameras of people who walk (768x576, 10 pictures a second) and looks at
each five times a second with the default model; the simulator has a process of its own on the same
cores. An event's frame is captured when it begins to come, which is its `at`. PostgreSQL itself
says when the event was committed, by the same clock. Of what is printed 100 ms are the wait for the
next picture: FFmpeg gives one out only when that begins to come.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from signal import SIGTERM

import asyncpg  # type: ignore[import-untyped]

from app.model_store import ModelStore
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from tests.benchmarks.recording import simulator
from tests.clips import Encoding, coded_footage
from tests.crew import Crew, crew
from tests.data import shared_data
from tests.servers import Postgres, Valkey, run_sql
from tests.world import context, found

LOOKS = 5.0
PICTURES, FPS = 795, 10
MODEL = "yolox_nano.onnx"

NOTE = """
    CREATE TABLE told (at_us bigint);
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO told VALUES (NEW.at_us); RETURN NULL; END $$;
    CREATE TRIGGER tell AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION tell();
"""
"""A row that is never changed says by its transaction when the event's was committed."""

TOOK = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 - at_us / 1000.0 AS ms
    FROM told ORDER BY ms
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    film = shared_data() / "videos" / "vtest.avi"
    clip = coded_footage(film, PICTURES, Encoding(fps=FPS, size=(768, 576), gop=20))
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for cameras in (1, 4, 8):
        report(cameras, asyncio.run(measure(cameras, seconds, clip)))


def report(cameras: int, took_ms: Sequence[float]) -> None:
    cuts = statistics.quantiles(took_ms, n=20, method="inclusive")
    print(
        f"{cameras} cameras: {cuts[9]:.0f} ms (p50), {cuts[18]:.0f} ms (p95), {took_ms[-1]:.0f} ms "
        f"at most of {len(took_ms)} events",
        flush=True,
    )


async def measure(cameras: int, seconds: float, clip: Path) -> list[float]:
    """Of each event, in ms, the quickest first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-latency-")))
        postgres, valkey = Postgres(track_commit_timestamp="on"), Valkey()
        for server in (postgres, valkey):
            stack.callback(server.remove)
            server.start()
        await run_sql(postgres.url("postgres"), "CREATE DATABASE vms")
        await found(postgres.url("vms"))
        await run_sql(postgres.url("vms"), NOTE)
        simulated = stack.enter_context(simulator(clip, cameras))
        async with crew(postgres.url("vms"), valkey.url, folder) as team:
            ModelStore(team.settings.data_dir).install(shared_data() / "models" / MODEL)
            worker = await team.start()
            await watch(team, simulated.urls)
            await asyncio.sleep(seconds)
            await worker.end(SIGTERM)
        connection = await asyncpg.connect(postgres.url("vms"))
        try:
            return [float(row["ms"]) for row in await connection.fetch(TOOK)]
        finally:
            await connection.close()


async def watch(team: Crew, urls: Sequence[str]) -> None:
    for number, url in enumerate(urls, 1):
        name = f"cam-{number}"
        draft = CameraDraft(id=name, name=name, rtsp_url=url, features=["person"], fps=LOOKS)
        await camera_create(context(team.world), draft)


if __name__ == "__main__":
    main()
