"""Opens the database and brings its tables to the version that this code wants."""

from __future__ import annotations

from typing import Any

from tortoise import Tortoise
from tortoise.migrations.api import migrate

APP = "models"
MODULES = ["models.tenant", "models.camera", "models.event", "models.recording"]

SQLITE_PRAGMAS = "journal_mode=WAL&synchronous=NORMAL&busy_timeout=5000"
"""WAL lets the command line read beside the server; NORMAL survives a crash of the process, and
a power cut without corruption (sqlite.org/pragma.html#pragma_synchronous)."""


def config(url: str) -> dict[str, Any]:
    """Tortoise's configuration for a database address (`sqlite://path`, `postgres://…`)."""
    if url.startswith("sqlite://") and "?" not in url:
        url = f"{url}?{SQLITE_PRAGMAS}"
    return {
        "connections": {"default": url},
        "apps": {
            APP: {
                "models": MODULES,
                "default_connection": "default",
                "migrations": "models.migrations",
            }
        },
        "use_tz": True,
    }


TORTOISE_ORM = config("sqlite://:memory:")
"""For `make migrations` alone."""


async def open_database(url: str) -> None:
    """Connects for the whole process.

    The global fallback is what makes the connection visible outside the task that opened it
    (requests, workers): without it Tortoise keeps it in that task's context.
    """
    await Tortoise.init(config=config(url), _enable_global_fallback=True)


async def migrate_database(url: str) -> None:
    """Applies the migrations that are missing; nothing when there are none."""
    await migrate(config=config(url))


async def close_database() -> None:
    await Tortoise.close_connections()
