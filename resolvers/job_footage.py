"""Footage for the jobs of workers: is all of it listed, and where does a file lie."""

from __future__ import annotations

from uuid import UUID

from media.store import Hour
from models.camera import Camera
from resolvers import footage
from resolvers.access import Interval
from resolvers.context import Context
from resolvers.jobs import NotYet


def place_of(name: str) -> tuple[UUID, Hour, str]:
    """Of a file as footage names it: `{store}/{date}/{hour}/{file}`."""
    store, date, hour, file_name = name.split("/")
    return UUID(store), Hour(date, hour), file_name


async def demand_listed(ctx: Context, camera: Camera, wanted: Interval) -> None:
    """Raises NotYet: the range is over, but its last segment may not be listed yet."""
    last = Interval(wanted.to_us - 1, wanted.to_us)
    if not (await footage.between(ctx, camera, last)).ended:
        raise NotYet
