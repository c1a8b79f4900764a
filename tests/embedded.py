"""An embedded database that is up to date, made once, for tests to begin with a copy of."""

from __future__ import annotations

import asyncio
import atexit
import functools
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.database import migrate_database

NAME = "vms.db"
"""In the data directory."""


def lay_database(data_dir: Path) -> None:
    """An empty one, where there is none yet."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if not (data_dir / NAME).exists():
        shutil.copy(_migrated(), data_dir / NAME)


@functools.cache
def _migrated() -> Path:
    """Once for all tests of this process: every migration takes a second of computing."""
    folder = Path(tempfile.mkdtemp(prefix="vms-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with ThreadPoolExecutor(1) as thread:  # a loop may be running in this one
        thread.submit(asyncio.run, migrate_database(f"sqlite://{folder / NAME}")).result()
    return folder / NAME
