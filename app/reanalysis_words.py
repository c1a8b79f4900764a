"""What a worker and the process that looks at footage again say to each other.

The worker begins with one LookAgain. Then the process asks for files, one after the other, and each
is answered with its bytes, until it says what came of it. Every message is its length, four bytes,
the most significant first, and so many bytes.
"""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import msgspec

from media.appearances import Appearance, Comparison
from media.playlist import Segment
from media.zones import Zone

LENGTH_BYTES = 4
ASIDE = "aside"
"""Argument of a process that shall give way to all others."""


class LookAgain(msgspec.Struct, frozen=True):
    """What to do.

    `data_dir` has the models; `in_use` is the detector that comes before all there, where there is
    one, `model` comes before it, with `begin` in place of its threshold. `stored` is what is held
    against what it finds; None where the model `against` looks too. Of each log at most
    `most_events` are compared.
    """

    data_dir: str
    in_use: str | None
    model: str
    against: str | None
    begin: float | None
    camera_key: UUID
    fps: float
    features: tuple[str, ...]
    zones: tuple[Zone, ...]
    from_us: int
    to_us: int
    segments: tuple[Segment, ...]
    stored: tuple[Appearance, ...] | None
    most_events: int


class Want(msgspec.Struct, frozen=True, tag=True):
    """The process asks for a file, as footage names it."""

    name: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """What was found, without paths, and the versions of `model` and of `against`."""

    found: Comparison
    versions: tuple[str, ...]


class Refuse(msgspec.Struct, frozen=True, tag=True):
    """Why nothing was found: as in `resolvers.jobs.Fault`."""

    code: str
    text: str


Said: TypeAlias = Want | Done | Refuse


def message(content: bytes) -> bytes:
    return len(content).to_bytes(LENGTH_BYTES, "big") + content
