"""What a tenant asks for and one worker does at a time: the states that it goes through."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol
from uuid import UUID


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


UNFINISHED = (JobState.WAITING, JobState.RUNNING)


class Job(Protocol):
    """A row of such a table.

    `revision` grows with each change. While `state` is running, `claim` names the attempt: whoever
    made it says so again and again in `seen_us`, by the database's clock. `due_us` is when a
    waiting one may be begun, `deleted_by` is null where its time was over.
    """

    @property
    def tenant_id(self) -> str: ...
    @property
    def id(self) -> UUID: ...
    @property
    def state(self) -> str: ...
    @property
    def created_us(self) -> int: ...
    @property
    def revision(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def claim(self) -> UUID | None: ...
    @property
    def is_over(self) -> bool:
        """Whether it is not worked at any more."""
        ...
