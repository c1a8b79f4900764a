"""What a request tells of itself to whoever traces it, and the span that nobody sees."""

from __future__ import annotations

from typing import Protocol


class RequestSpan(Protocol):
    def answered(self, route: str, status: str) -> None:
        """The request's pattern and status are known."""
        ...


class NoSpan:
    def answered(self, route: str, status: str) -> None:
        return


NO_SPAN = NoSpan()
