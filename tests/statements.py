"""Counts what is asked of the database."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest


@asynccontextmanager
async def counted(caplog: pytest.LogCaptureFixture) -> AsyncIterator[list[str]]:
    """The statements that are run inside, COPY among them, by their first words."""
    statements: list[str] = []
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        caplog.clear()
        yield statements
        for record in caplog.records:
            if record.name == "tortoise.db_client":
                statements.append(record.getMessage())


def unbounded_hours(statements: list[str]) -> list[str]:
    """Of the statements about hours of a range, those that read a camera's from its first one on.

    There must be some of a range.
    """
    ranges = [each for each in statements if '"recording_hour"' in each and '"end_us">' in each]
    assert ranges, statements
    return [each for each in ranges if '"start_us">=' not in each]
