"""Latency of event queries with 10 thousand and with 10 million events, in one PostgreSQL.

Run as `python -m tests.benchmarks.queries`. A young installation (its events of one day) and a full
one (60 days) lie in two databases of one server and are asked in turns, through the use cases that
both APIs call. Making 10 million events takes some minutes and 8 GB of disk; `--events` makes fewer.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import asyncpg  # type: ignore[import-untyped]

from media.event_ids import DAY_US
from models.database import close_database, migrate_database, open_database
from models.event_days import make_event_days
from resolvers.context import Context
from resolvers.events import EventFilter, EventOrder, _place, event, event_cursor, events
from tests.servers import Postgres, run_sql
from tests.world import context, make_world
