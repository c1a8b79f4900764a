"""Requests that mean to cost much: documents and variables of many shapes, within what is read.

Each is a whole request to /graphql, as JSON in bytes or as parameters of a GET. What is answered to
them does not matter here, only that it is little work. `random_documents` makes more of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

MOST_TOKENS, MOST_CHARACTERS, MOST_BYTES = 1_000, 64 * 1024, 1024 * 1024
"""What is written to be just within; a test holds them against the limits themselves."""

RANGE = 'from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z"'


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request's body; a GET where it is None."""

    body: bytes | None = None
    parameters: tuple[tuple[str, str], ...] = ()


Shape = Callable[[], Hostile]
SHAPES: dict[str, Shape] = {}


def document(text: str, **more: object) -> Hostile:
    return Hostile(json.dumps({"query": text, **more}).encode())


def shape(text: Callable[[], str]) -> Callable[[], str]:
    """A document alone."""
    SHAPES[text.__name__.strip("_").replace("_", " ")] = lambda: document(text())
    return text


def request(made: Shape) -> Shape:
    SHAPES[made.__name__.strip("_").replace("_", " ")] = made
    return made


def many(piece: str, tokens: int, room: int = MOST_TOKENS - 20) -> str:
    """As often as fits; `{n}` counts."""
    return " ".join(piece.replace("{n}", str(n)) for n in range(room // tokens))


def every_shape() -> dict[str, Shape]:
    """All of them by their names."""
    for name in ("fields", "mistakes", "words", "variables", "rows"):
        import_module(f"tests.hostile.{name}")
    return SHAPES
