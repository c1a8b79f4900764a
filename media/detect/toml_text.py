"""Writes TOML: Python's library reads it only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_of(table: Mapping[str, object]) -> str:
    """A document: plain values, then lists of tables, then tables. What is None is left out.

    Raises:
        TypeError: a value that is none of str, bool, int, float, list, tuple and Mapping.
    """
    plain, tables = list[str](), list[str]()
    for key, value in table.items():
        if isinstance(value, Mapping):
            tables.append(f"\n[{_key(key)}]\n{_lines(value)}")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            tables += [f"\n[[{_key(key)}]]\n{_lines(each)}" for each in value]
        elif value is not None:
            plain.append(f"{_key(key)} = {_inline(value)}\n")
    return "".join([*plain, *tables])


def _lines(table: Mapping[str, object]) -> str:
    return "".join(f"{pair}\n" for pair in _pairs(table))


def _pairs(table: Mapping[str, object]) -> list[str]:
    return [f"{_key(key)} = {_inline(each)}" for key, each in table.items() if each is not None]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _inline(name)


def _inline(value: object) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(_pairs(value)) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case str() | bool() | int() | float():  # as in JSON, but for DEL
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise TypeError(f"no TOML of {type(value).__name__}")
