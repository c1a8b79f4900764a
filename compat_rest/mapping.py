"""`python -m compat_rest.mapping > docs/rest-mapping.md`: which GraphQL field each route equals."""

from __future__ import annotations

import re
import sys
from inspect import getdoc

from compat_rest.operation import Operation, Socket
from compat_rest.routes import operations, sockets

_INTRODUCTION = """\
# /v2 beside GraphQL

Made from the URL table by `python -m compat_rest.mapping > docs/rest-mapping.md`. Every route calls
the same use case as the GraphQL field in its row; the scope is what both demand.

| /v2 | GraphQL | scope |
|---|---|---|
"""
_OTHERS = """
`/v2/health`, `/v2/health/ready` and `/v2/metrics` speak of the process and equal no field;
`/v2/openapi.json` is to this dialect what introspection is to GraphQL.

## What each does
"""


def mapping() -> str:
    """The whole document."""
    rows = [_row(each.method, each) for each in operations] + [_row("WS", each) for each in sockets]
    texts = [_section(each.method, each) for each in operations]
    texts += [_section("WS", each) for each in sockets]
    return _INTRODUCTION + "\n".join(rows) + "\n" + _OTHERS + "".join(texts)


def _row(method: str, each: Operation | Socket) -> str:
    return f"| `{method} {each.path}` | `{each.equals}` | `{each.scope}` |"


def _section(method: str, each: Operation | Socket) -> str:
    text = getdoc(each.handler) or ""
    _, _, rest = text.partition(f" = {each.equals}.")
    queries = [
        f"- `{parameter.name}`: {parameter.description}{', required' * parameter.required}\n"
        for parameter in each.parameters
        if f"{{{parameter.name}}}" not in each.path
    ]
    closes = (
        [f"- close {code}: {words}\n" for code, words in each.closes.items()]
        if isinstance(each, Socket)
        else []
    )
    words = re.sub(r"^\s+", "", rest)
    parts = [f"\n### `{method} {each.path}`\n"]
    parts += [f"{words}\n"] if words else []
    parts += ["\n", *queries, *closes] if queries or closes else []
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(mapping())
