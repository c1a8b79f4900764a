"""Fields that say whose a log line is, bound to a thread, a task or a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

NAMES = ("tenant", "camera", "trace_id", "worker")
"""Every field there is; a record's own `extra` of that name counts more than what is bound."""

_bound: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default={})  # noqa: B039 - read only


def bound_log_fields() -> Mapping[str, str]:
    return _bound.get()


def bind_log_fields(**fields: str) -> None:
    """For the rest of this thread or task, and for the tasks that it starts."""
    _bound.set({**_bound.get(), **fields})


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """For as long as the context is open."""
    before = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(before)
