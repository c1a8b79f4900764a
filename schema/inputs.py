"""Reading inputs: what was given, what was left out, and what was null."""

from __future__ import annotations

from typing import TypeVar

import strawberry

T = TypeVar("T")


def left_out(value: object) -> bool:
    """Whether the client did not mention this field at all."""
    return value is strawberry.UNSET


def or_none(value: T | None) -> T | None:
    """The value; None where it was null or left out."""
    return None if left_out(value) else value
