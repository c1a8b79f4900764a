"""Who looks on while use cases run, for metrics and traces; by default nobody."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from models.event import Event


class Meter(Protocol):
    def operation(self, kind: str, name: str | None) -> AbstractContextManager[object]:
        """Around an operation of a client's: `query`, `mutation`; around a `subscription`'s start.

        `name` is what the client calls it.
        """
        ...

    def refused(self, code: str) -> None:
        """A request was refused with this code, one of ours."""
        ...

    def delivered(self, event: Event) -> None:
        """Followers who were there when an event was written have been given its beginning."""
        ...


class NoMeter:
    def operation(self, kind: str, name: str | None) -> AbstractContextManager[object]:
        return _NOTHING

    def refused(self, code: str) -> None:
        return

    def delivered(self, event: Event) -> None:
        return


_NOTHING = nullcontext()
NO_METER = NoMeter()
