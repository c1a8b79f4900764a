"""Models of one's own for tests: real, tiny, with a TOML that names their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from tests.media.detect.tiny import DESCRIPTION, save_ssd

ROWS = [[0, 1, 0.5, 0, 0, 1, 1]]


def tiny_files(folder: Path, rows: list[list[float]] | None = None) -> list[Path]:
    """An .xml and its .bin."""
    path = save_ssd(folder / "tiny.xml", rows or ROWS)
    return [path, path.with_suffix(".bin")]


def describe(
    files: list[Path], algorithm: str = "sha256", urls: Mapping[str, str] | None = None
) -> str:
    """The TOML of a tiny model of these files, with their addresses where there are some."""
    tables = []
    for file in files:
        digest = hashlib.new(algorithm, file.read_bytes()).hexdigest()
        tables.append(f'[[files]]\nname = "{file.name}"\n{algorithm} = ["{digest}"]')
        if urls is not None:
            tables[-1] += f'\nurl = "{urls[file.name]}"\nbytes = {file.stat().st_size}'
    start, end = DESCRIPTION.index("[[files]]"), DESCRIPTION.index("[input]")
    return DESCRIPTION[:start] + "\n\n".join(tables) + "\n\n" + DESCRIPTION[end:]
