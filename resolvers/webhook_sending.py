"""What is sent to a webhook, and what comes of it: the words between use cases and the sender."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec


class Outcome(StrEnum):
    DELIVERED = "delivered"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    TIMED_OUT = "timed_out"
    FORBIDDEN = "forbidden"


class Attempt(msgspec.Struct, frozen=True):
    """`text` says what happened, for people: no address, and nothing that the receiver said."""

    outcome: Outcome
    text: str

    @property
    def is_delivered(self) -> bool:
        return self.outcome is Outcome.DELIVERED


@dataclass(frozen=True, slots=True)
class Destination:
    """`secret` is `whsec_` and base64. Neither may show in logs or errors."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


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
