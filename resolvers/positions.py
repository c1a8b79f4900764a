"""Where a camera's media timeline goes on when footage begins to go to another store."""

from __future__ import annotations

from uuid import UUID

from media.playlist import aligned
from media.repair import DIED
from media.types import TICKS_PER_SECOND
from models.base import select
from models.recording import RecordingRun, RecordingRunTable

LATEST_RUNS = 10
JUST_NOW_US = 10 * 1_000_000
LEAP_US = 180 * 1_000_000
"""More than the longest segment, so that a leap is never taken for one that is being written, and
a minute more for clocks that differ."""
DRIFT_SHARE = 50
"""Cameras whose time runs fast get by so much less than 1/50 ahead of wall time."""


async def earliest_position(tenant_id: str, camera_key: UUID, store_id: UUID, now_us: int) -> int:
    """From where a run may begin in this store, so that its positions are new.

    0 where the latest footage is in this store: it knows its own end. Where another store has it
    and its recorder said properly, just now, that the run ended, positions go on right there. Else
    that store may have footage that the tables don't know yet, from before its recorder died or
    while the database was away: never more than wall time has passed. The new run leaps over that.
    """
    rows = RecordingRunTable.within(tenant_id).filter(camera_key=camera_key)
    rows = rows.filter(store_id__not_isnull=True)  # without one it is a note: resolvers/switches.py
    runs = await select(rows.order_by("-started_us").limit(LATEST_RUNS), RecordingRun)
    if not runs or runs[0].store_id == store_id:
        return 0
    known = [run for run in runs if run.end_position is not None]
    last = max(known, key=lambda run: run.end_position or 0, default=runs[-1])
    end = last.end_position or 0
    if last is runs[0] and _ended_just_now(last, now_us):
        return end
    passed_us = max(0, now_us - last.recorded_until_us)
    leap_us = passed_us + passed_us // DRIFT_SHARE + LEAP_US
    return aligned(end + leap_us * TICKS_PER_SECOND // 1_000_000)


def _ended_just_now(run: RecordingRun, now_us: int) -> bool:
    if run.ended_us is None or run.end_reason in (None, DIED):
        return False
    return abs(now_us - run.ended_us) <= JUST_NOW_US
