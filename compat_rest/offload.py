"""Leaving the sending of files to the server in front, which reads them from disk itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

Manner = Literal["x-accel-redirect", "x-sendfile"]
_HEADERS: dict[Manner, str] = {"x-accel-redirect": "X-Accel-Redirect", "x-sendfile": "X-Sendfile"}


@dataclass(frozen=True, slots=True)
class Offload:
    """`prefix` stands before a file's path within the recordings.

    With `x-accel-redirect` it is nginx's internal location; with `x-sendfile` the folder in which
    the server in front finds the recordings.
    """

    manner: Manner
    prefix: str

    def header(self, file: BinaryIO, root: Path) -> dict[str, str] | None:
        """What names an open file to the server in front; None for one that is not below `root`.

        The path is that under which the store has opened it, without following a link.
        """
        try:
            inside = Path(file.name).relative_to(root)
        except (TypeError, ValueError):
            return None
        if ".." in inside.parts:
            return None
        place = f"{self.prefix.rstrip('/')}/{inside.as_posix()}"
        return {_HEADERS[self.manner]: quote(place)}
