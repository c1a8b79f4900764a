"""Events as they are compared, and what came of it: plain values, without what compares them."""

from __future__ import annotations

from dataclasses import dataclass

from media.types import Box


@dataclass(frozen=True, slots=True)
class Sight:
    """Where an object was: wall time, and its box."""

    at_us: int
    box: Box


@dataclass(frozen=True, slots=True)
class Appearance:
    """An event as it is compared.

    `position` is of its frame, None where that was not recorded. `zones` are the ids of those whose
    rules began it. `path`: where its object was, by time; at least where it was when the event
    began, but in what a comparison has found.
    """

    event_id: str
    feature: str
    at_us: int
    position: int | None
    score: float
    box: Box
    zones: tuple[str, ...]
    path: tuple[Sight, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One happening in both logs. `overlap` is of its boxes, 0..1, on average."""

    before: Appearance
    after: Appearance
    overlap: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """`changed` began more than the tolerance earlier or later, or by rules of other zones."""

    same: tuple[Pair, ...]
    changed: tuple[Pair, ...]
    lost: tuple[Appearance, ...]
    new: tuple[Appearance, ...]

    @property
    def is_equal(self) -> bool:
        return not (self.changed or self.lost or self.new)
