"""Clients that are not ours: programs of this folder, run by Node, with their npm packages."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
_STAMP = MODULES / ".from-lock"
INSTALL_SECONDS = 300
PATIENCE_SECONDS = 30


@functools.cache
def missing() -> str | None:
    """Why the programs can't be run here; None once their packages are there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "no node and npm on this machine"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text() == wanted:
        return None
    failure = _install()
    if failure is None:
        _STAMP.write_text(wanted)
    return failure


def _install() -> str | None:
    """What went wrong, in npm's own words."""
    command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    try:
        subprocess.run(
            command, cwd=HERE, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except subprocess.CalledProcessError as error:
        return f"npm ci failed: {error.stderr[-500:]}"
    except subprocess.TimeoutExpired:
        return f"npm ci did not end in {INSTALL_SECONDS} s"
    return None


def need_node() -> None:
    """Skips the test where the programs can't be run."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)


class Program:
    """A running program: it and the test tell each other JSON, one object a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._to, self._from = process, process.stdin, process.stdout

    async def tell(self, told: object) -> None:
        self._to.write(json.dumps(told).encode() + b"\n")
        await self._to.drain()

    async def hear(self) -> Any:
        """What the program tells next; fails with its complaints when it ended instead."""
        line = await asyncio.wait_for(self._from.readline(), PATIENCE_SECONDS)
        if not line:
            assert self._process.stderr is not None
            pytest.fail(f"the program ended: {(await self._process.stderr.read()).decode()}")
        return json.loads(line)


@asynccontextmanager
async def running(script: str, **given: object) -> AsyncIterator[Program]:
    """Runs a program of this folder with what is `given`; it does not outlive the context."""
    need_node()
    process = await asyncio.create_subprocess_exec(
        *("node", str(HERE / script)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    try:
        await program.tell(given)
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def outcome(script: str, **given: object) -> Any:
    """The one thing that a program tells."""
    async with running(script, **given) as program:
        return await program.hear()
