"""How values become JSON and text in this dialect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


def json_response(
    shown: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`shown` is a struct of this dialect or a list of them; fields keep their declared order."""
    return Response(
        _encode(shown),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        "application/json",
    )


def json_text(shown: object) -> str:
    return _encode(shown).decode()


def iso_seconds(at_us: int) -> str:
    """`2026-04-30T10:00:00Z`; what is below a second is cut."""
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def plain_number(number: float) -> int | float:
    """5 for 5.0: clients of this dialect see the number that they wrote."""
    return int(number) if number.is_integer() else number
