"""Real servers and processes, and a play on them: events flow, a fault happens, all is compared."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import msgspec

from resolvers import cursors
from tests.scenarios.faults.driver import Task, event_id
from tests.scenarios.faults.followers import Follower, NewFollower, OldFollower, Step
from tests.servers import Postgres, Valkey, run_sql
from tests.world import SECRET, add_camera, found, open_world, token

DATABASE = "faults"
DRIVER = "tests.scenarios.faults.driver"
STEPPED = ("-m", "tests.scenarios.faults.stepped")
"""Before the name of a module: it runs with a clock that can be set."""
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Size:
    events: int
    subscribers: int
    per_second: float
    stay_seconds: float


SHORT = Size(events=180, subscribers=24, per_second=150, stay_seconds=1.2)
FULL = Size(events=2000, subscribers=1000, per_second=20, stay_seconds=20)


class Api:
    """A `vms api` process that comes back on the same port."""

    def __init__(self, settings: dict[str, str], log: Path) -> None:
        self.port = _free_port()
        self._settings = {**settings, "VMS_PORT": str(self.port), "PATH": os.defpath}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [sys.executable, *STEPPED, "app.cli", "api"]
            self._process = subprocess.Popen(command, env=self._settings, stdout=log, stderr=log)

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                address = f"http://127.0.0.1:{self.port}/v2/health"
                with urllib.request.urlopen(address, timeout=5):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def signal(self, kind: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(kind)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stage:
    """Two API processes on one database and one bus."""

    postgres: Postgres
    valkey: Valkey
    folder: Path
    apis: list[Api] = field(default_factory=list)
    _plays: int = 0

    @property
    def database(self) -> str:
        return self.postgres.url(DATABASE)

    def next_name(self) -> str:
        self._plays += 1
        return f"play{self._plays}"


@contextmanager
def stage(postgres: Postgres, valkey: Valkey, folder: Path) -> Iterator[Stage]:
    made = Stage(postgres, valkey, folder)
    asyncio.run(_founded(made))
    settings = {
        "VMS_DATA_DIR": str(folder / "api"),
        "VMS_DATABASE_URL": made.database,
        "VMS_REDIS_URL": valkey.url,
        "VMS_JWT_SECRET": SECRET,
    }
    made.apis = [Api(settings, folder / f"api{number}.log") for number in range(2)]
    for api in made.apis:
        api.start()
        api.wait_until_up()
    try:
        yield made
    finally:
        for api in made.apis:
            api.signal(signal.SIGTERM)
        assert [api.wait() for api in made.apis] == [0, 0]


async def _founded(made: Stage) -> None:
    server = made.postgres.url("postgres")  # a stage may have stood there before
    await run_sql(server, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await run_sql(server, f"CREATE DATABASE {DATABASE}")
    await found(made.database)
    async with open_world(made.database, made.folder) as world:
        await add_camera(world)


@dataclass
class Scene:
    """What a fault may meddle with. `flowed` is how many events were delivered so far."""

    stage: Stage
    task: Task
    flowed: int = 0
    driver: asyncio.subprocess.Process | None = None

    async def start_driver(self) -> None:
        """From where the last one came to."""
        task = msgspec.structs.replace(self.task, first=self.flowed)
        log = self.stage.folder / "driver.log"
        with log.open("ab") as stderr:
            self.driver = await asyncio.create_subprocess_exec(
                *(sys.executable, *STEPPED, DRIVER, msgspec.json.encode(task).decode()),
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )

    async def flow(self, until: int) -> None:
        """Waits until so many events were delivered."""
        assert self.driver is not None
        assert self.driver.stdout is not None
        while self.flowed < until:
            line = await self.driver.stdout.readline()
            assert line, f"the driver ended by itself: {self.stage.folder / 'driver.log'}"
            self.flowed = int(line) + 1

    async def kill_driver(self) -> None:
        """What it had said by then counts as delivered."""
        assert self.driver is not None
        assert self.driver.stdout is not None
        self.driver.kill()
        for line in (await self.driver.stdout.read()).splitlines(keepends=True):
            if line.endswith(b"\n"):
                self.flowed = int(line) + 1
        await self.driver.wait()

    async def end(self) -> None:
        await self.flow(self.task.count)
        assert self.driver is not None
        await self.driver.communicate()
        assert self.driver.returncode == 0
        if await asyncio.to_thread(self._something_is_left):  # it does not wait for a database
            await self.start_driver()
            await self.end()

    def _something_is_left(self) -> bool:
        return any(Path(self.task.folder).glob("spool/*/*/*"))

    def signal(self, kind: signal.Signals) -> None:
        assert self.driver is not None
        self.driver.send_signal(kind)


Fault = Callable[[Scene], Awaitable[None]]
"""Happens when a third of the events have flowed; restores everything before the last third."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`steps` in commit order, as the tables have them; `seconds` since the fault began."""

    steps: list[Step]
    followers: list[Follower]
    seconds: float

    @property
    def resumed(self) -> int:
        return sum(each.resumed for each in self.followers)


async def play(stage: Stage, fault: Fault, size: Size, folder: Path | None = None) -> Outcome:
    """Lets a fault happen while events flow; returns when each follower has what the tables have.

    Raises:
        TimeoutError: a follower never got so far.
        AssertionError: a row was lost or repeated, or the order is another.
    """
    name = stage.next_name()
    folder = folder or stage.folder / name
    folder.mkdir(exist_ok=True)
    task = Task(
        stage.database, stage.valkey.url, str(folder), name, 0, size.events, size.per_second
    )
    scene = Scene(stage, task)
    followers = _followers(stage, size, await _last_seq(stage))
    following = [asyncio.create_task(each.run()) for each in followers]
    try:
        await scene.start_driver()
        await scene.flow(size.events // 3)
        began = time.monotonic()
        await fault(scene)
        await scene.end()
        steps = await _written(stage, task)
        await _until_all_came(followers, steps)
        seconds = time.monotonic() - began
        await asyncio.sleep(1.2)  # for what may be repeated
    finally:
        for each in following:
            each.cancel()
        ended = await asyncio.gather(*following, return_exceptions=True)
    faults = [each for each in ended if not isinstance(each, asyncio.CancelledError)]
    assert not faults, faults
    return Outcome(steps, followers, seconds)


def _followers(stage: Stage, size: Size, seq: int) -> list[Follower]:
    after, bearer = cursors.encode_log("default", seq), token(ttl_seconds=86_400)
    ports = [api.port for api in stage.apis]
    return [
        (OldFollower if number % 2 else NewFollower)(
            ports, bearer, after, size.stay_seconds, random.Random(number)
        )
        for number in range(size.subscribers)
    ]


async def _last_seq(stage: Stage) -> int:
    connection = await asyncpg.connect(stage.database)
    try:
        query = "SELECT event_seq FROM tenant WHERE id = 'default'"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


async def _written(stage: Stage, task: Task) -> list[Step]:
    """The play's steps in commit order, once the rows are as they must be."""
    connection = await asyncpg.connect(stage.database)
    try:
        query = """SELECT id, position, began_seq, seq, last_change FROM event
            WHERE tenant_id = 'default' AND id LIKE $1 ORDER BY began_seq"""
        rows = await connection.fetch(query, f"{task.name}-%")
    finally:
        await connection.close()
    wanted = [(event_id(task.name, number), number) for number in range(task.count)]
    assert [(row["id"], row["position"]) for row in rows] == wanted
    steps = [(row["began_seq"], "BEGAN", row["id"]) for row in rows]
    ended = [row for row in rows if row["last_change"] == "ended"]
    assert [row["position"] for row in ended] == list(range(0, task.count - 8, 4))
    steps += [(row["seq"], "ENDED", row["id"]) for row in ended]
    numbers = sorted(number for number, _, _ in steps)
    assert numbers == list(range(numbers[0], numbers[0] + len(steps)))
    return [(kind, name) for _, kind, name in sorted(steps)]


def told(follower: Follower, steps: list[Step]) -> list[Step]:
    """What a follower must have been told."""
    if isinstance(follower, OldFollower):
        return [step for step in steps if step[0] == "BEGAN"]
    return steps


def _lacking(followers: list[Follower], steps: list[Step]) -> list[int]:
    return [max(0, len(told(each, steps)) - len(each.seen)) for each in followers]


async def _until_all_came(followers: list[Follower], steps: list[Step]) -> None:
    """Waits for as long as somebody is told something."""
    lacking = _lacking(followers, steps)
    heard = time.monotonic()
    while any(lacking):
        await asyncio.sleep(0.1)
        before, lacking = lacking, _lacking(followers, steps)
        if lacking != before:
            heard = time.monotonic()
        elif time.monotonic() - heard > PATIENCE_SECONDS:
            behind = sum(map(bool, lacking))
            raise TimeoutError(f"{behind} subscribers wait for {sum(lacking)} steps")
