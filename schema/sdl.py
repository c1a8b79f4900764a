"""`python -m schema.sdl` writes the schema in GraphQL's own language beside this file."""

from __future__ import annotations

from pathlib import Path

from schema.root import schema

PATH = Path(__file__).with_name("schema.graphql")


def sdl() -> str:
    return f"{schema.as_str()}\n"


if __name__ == "__main__":
    PATH.write_text(sdl(), encoding="utf-8")
