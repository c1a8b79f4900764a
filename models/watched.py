"""Whoever wants to see queries as they run says so here; by default nobody does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Watch = Callable[[str], AbstractContextManager[object]]
"""Called with a query's text, which holds no values; entered and left around it."""

_NOBODY = nullcontext()
_watch: Watch | None = None


def watch_queries(watch: Watch | None) -> None:
    """For the whole process; None ends it."""
    global _watch  # noqa: PLW0603 - one for the process
    _watch = watch


def watched(query: object) -> AbstractContextManager[object]:
    return _NOBODY if _watch is None else _watch(str(query))
