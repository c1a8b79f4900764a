"""What is sent to a webhook, and what comes of it: the words between use cases and the sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec


class Outcome(StrEnum):
    DELIVERED = "delivered"
    REFUSED = "refused"
    GONE = "gone"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    TIMED_OUT = "timed_out"
    FORBIDDEN = "forbidden"


class Attempt(msgspec.Struct, frozen=True):
    """`text` says what happened, for people: no address, and nothing that the receiver said.

    `wait_seconds`: so long the receiver wants to be left alone.
    """

    outcome: Outcome
    text: str
    wait_seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return self.outcome is Outcome.DELIVERED


@dataclass(frozen=True, slots=True)
class Destination:
    """Each of `secrets` is `whsec_` and base64, one at least. None may show in logs or errors."""

    url: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)


class Message(msgspec.Struct, frozen=True):
    """`id` is the same however often it is sent; `body` is JSON."""

    id: str
    body: bytes


class WebhookSender(Protocol):
    def fault(self, url: str) -> str | None:
        """Why nothing may be sent to such an address, as far as its text tells; None if it may."""
        ...

    async def send(self, to: Destination, message: Message) -> Attempt:
        """One try, which ends in bounded time and raises nothing."""
        ...
