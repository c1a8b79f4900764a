"""Bytes a second of segments: from the API's own disk, and passed on from a worker's.

`python -m tests.benchmarks.footage [seconds]` runs `vms api`, a worker's internal port, and the
yardstick, a bare Starlette FileResponse, as processes on this machine; each sends the same segment
to the same client over the same number of connections, in turn. Goals: a file of our own at no less
than the yardstick's rate; one that is passed on at no less than a quarter of the worker's, as two
processes and the client then share the machine. Where nginx is installed it is a second yardstick,
without a goal, and sends for another `vms api` too, one with VMS_SENDFILE.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from app.calls import Call as SignedCall
from app.calls import CallKey
from app.serving import serving
from app.worker_port import worker_app
from media.clock import SystemClock
from media.store import CameraFolder, RecordingStore
from resolvers.access import Interval
from resolvers.context import World
from tests.benchmarks.fanout import cpu_seconds
from tests.benchmarks.lists import free_port, process
from tests.benchmarks.load import CONNECTIONS, Call, requests_per_second
from tests.far import register
from tests.footage import lay_down, segment, summarise
from tests.nginx import NGINX, all_of, before_api, nginx
from tests.servers import Postgres
from tests.world import SECRET, add_camera, context, found, open_world

NOON = 1_780_056_000_000_000
SEGMENT_BYTES = 2_000_000
"""Four seconds of 4 Mbit/s."""
ROUNDS = 3
YARDSTICK, ALONE, PORT = "Starlette FileResponse", "nginx alone", "worker's port"
GRANT_KEY = "g" * 32
"""The one of `tests.world`."""
KEY = CallKey(GRANT_KEY, SystemClock())


@dataclass(frozen=True, slots=True)
class Work:
    """`bars` are least ratios to works by name, None where there is no goal; `pids` who works.

    `signed` is the call of a worker's port that this is; its signature holds for a minute.
    """

    name: str
    call: Call
    bars: Mapping[str, float | None]
    pids: Sequence[int]
    signed: SignedCall | None = None

    def call_now(self) -> Call:
        if self.signed is None:
            return self.call
        return replace(self.call, headers={"authorization": KEY.authorization(self.signed)})


async def lay(world: World, host: RecordingStore, port: int) -> tuple[SignedCall, list[str]]:
    """A segment on the API's disk and one on the worker's: the worker's call, and paths of all."""
    camera = await add_camera(world, "cam-a")
    grant = world.identity.sign_grant(
        context(world).actor, "cam-a", Interval(NOON, NOON + 3_600_000_000)
    )
    folder, paths, place = CameraFolder(camera.tenant_id, camera.folder), [], ""
    for n, store in enumerate((world.store, host)):
        part = [segment(NOON + n * 4_000_000, n * 360_000)]
        there = World(world.bus, world.clock, world.identity, world.vault, world.networks, store)
        hour = lay_down(there, camera, part)
        (store.hour_path(folder, hour) / part[0].name).write_bytes(os.urandom(SEGMENT_BYTES))
        await summarise(there, camera, part)
        place = f"/footage/{hour}/{part[0].name}"
        hint = f"store={store.store_id.hex}&grant={grant}"
        paths.append(f"/v2/hls/cam-a/{hour}/{part[0].name}?{hint}")
    far = World(world.bus, world.clock, world.identity, world.vault, world.networks, host)
    await register(far, f"http://127.0.0.1:{port}")
    return SignedCall(host.store_id, "GET", place, folder), [*paths, place]


async def measure(works: list[Work], seconds: float) -> None:
    rounds: list[dict[str, float]] = []
    spent: dict[str, float] = {}
    client, sent_mb = time.process_time(), 0.0
    for _ in range(ROUNDS):
        rates = {}
        for work in works:
            before = sum(map(cpu_seconds, work.pids))
            rate, body = await requests_per_second(work.call_now(), seconds)
            assert len(body) == SEGMENT_BYTES
            rates[work.name] = rate * SEGMENT_BYTES / 1e6
            spent[work.name] = sum(map(cpu_seconds, work.pids)) - before
            sent_mb += rates[work.name] * seconds
        rounds.append(rates)
    client_ms = 1000 * (time.process_time() - client) / sent_mb
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {CONNECTIONS} connections")
    print(f"{'the client of all':24}             {client_ms:5.2f} ms of CPU a MB")
    for work in works:
        rate = statistics.median(each[work.name] for each in rounds)
        cpu = 1000 * spent[work.name] / (rounds[-1][work.name] * seconds)
        print(f"{work.name:24} {rate:5.0f} MB/s  {cpu:5.2f} ms of CPU a MB")
        for name, bar in work.bars.items():
            ratio = statistics.median(each[work.name] / each[name] for each in rounds)
            print(f"{'':24} {ratio:5.2f} x {name}{_judged(ratio, bar)}")


def _judged(ratio: float, bar: float | None) -> str:
    if bar is None:
        return ""
    return f" (goal: at least {bar}) {'holds' if ratio >= bar else 'MISSED'}"


def bare(port: int, path: str) -> None:
    """The yardstick: whoever asks gets the file."""

    async def send(_: Request) -> FileResponse:
        return FileResponse(path, media_type="video/iso.segment")

    uvicorn.run(Starlette(routes=[Route("/file", send)]), port=port, log_level="warning")


async def worker(port: int, root: str) -> None:
    async with serving(worker_app(RecordingStore(Path(root)), KEY), "127.0.0.1", port):
        await asyncio.Event().wait()


def run(url: str, folder: Path, seconds: float) -> None:
    api, there, yard = free_port(), free_port(), free_port()
    (folder / "there").mkdir()
    host = RecordingStore(folder / "there")

    async def prepare() -> tuple[SignedCall, list[str]]:
        await found(url)
        async with open_world(url, folder) as world:
            return await lay(world, host, there)

    signed, (own, passed_on, place) = asyncio.run(prepare())
    file = next(folder.glob("recordings/*/*/*/*/*.m4s"))
    settings = {
        "VMS_DATABASE_URL": url,
        "VMS_DATA_DIR": str(folder),
        "VMS_PORT": str(api),
        "VMS_JWT_SECRET": SECRET,
        "VMS_GRANT_KEY": GRANT_KEY,
        "VMS_LOG_LEVEL": "WARNING",
    }
    module = "tests.benchmarks.footage"
    with (
        process(["app.cli", "api"], api, settings) as a,
        process([module, "worker", str(there), str(host.root)], there, {}) as w,
        process([module, "bare", str(yard), str(file)], yard, {}) as b,
        _nginx_works(folder, settings, own, file) as more,
    ):
        seen = {YARDSTICK: 1.0, **({ALONE: None} if more else {})}
        works = [
            Work(YARDSTICK, Call(yard, "/file"), {}, [b]),
            *more,
            Work("API, its own disk", Call(api, own), seen, [a]),
            Work(PORT, Call(there, place), seen, [w], signed),
            Work("API, passed on", Call(api, passed_on), {PORT: 0.25}, [a, w]),
        ]
        asyncio.run(measure(works, seconds))


@contextmanager
def _nginx_works(
    folder: Path, settings: Mapping[str, str], own: str, file: Path
) -> Iterator[list[Work]]:
    """What nginx does, alone and before an API process of its own; nothing where there is none."""
    if NGINX is None:
        print("nginx is not installed (Debian: nginx-light): left out")
        yield []
        return
    api, recordings = free_port(), folder / "recordings"
    places = [folder / "nginx-alone", folder / "nginx-before"]
    for place in places:
        place.mkdir()
    told = {
        **settings,
        "VMS_PORT": str(api),
        "VMS_SENDFILE": "x-accel-redirect",
        "VMS_SENDFILE_PREFIX": "/footage",
    }
    with (
        process(["app.cli", "api"], api, told) as a,
        nginx(places[0], all_of(recordings)) as alone,
        nginx(places[1], before_api(api, recordings)) as before,
    ):
        plain = Call(alone.port, f"/{file.relative_to(recordings)}")
        yield [
            Work(ALONE, plain, {YARDSTICK: None}, [alone.pid]),
            Work(
                "API, nginx sends",
                Call(before.port, own),
                {YARDSTICK: None, ALONE: None},
                [a, before.pid],
            ),
        ]


def main() -> None:
    match sys.argv[1:]:
        case ["bare", port, path]:
            bare(int(port), path)
        case ["worker", port, root]:
            asyncio.run(worker(int(port), root))
        case rest:
            server = Postgres()
            try:
                server.start()
                with tempfile.TemporaryDirectory(prefix="vms-footage-") as folder:
                    run(server.url("postgres"), Path(folder), float(rest[0]) if rest else 3.0)
            finally:
                server.remove()


if __name__ == "__main__":
    main()
