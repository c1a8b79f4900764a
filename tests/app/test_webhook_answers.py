"""What receivers answer beside yes and no: that they are busy, or gone; and several secrets."""

from __future__ import annotations

import base64

import pytest

from resolvers.webhook_sending import Attempt, Destination, Outcome
from tests.app.test_webhook_sender import MESSAGE, SECRET, sending, to
from tests.receiver import receiving
from tests.resolvers.keeping import NOON
from tests.world import StandingClock


async def test_each_secret_signs() -> None:
    other = "whsec_" + base64.b64encode(b"another key, of thirty-two bytes").decode()
    async with receiving() as receiver, sending() as sender:
        attempt = await sender.send(Destination(receiver.url, [SECRET, other]), MESSAGE)
    assert attempt.outcome is Outcome.DELIVERED
    (one,) = receiver.received
    assert len(one.headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, other):
        one.verify(secret)


@pytest.mark.parametrize(
    ("status", "wanted", "seconds"),
    [
        (503, "120", 120),
        (429, "0", 0),
        (429, "999999999", 3600),
        (503, "Fri, 29 May 2026 12:01:30 GMT", 90),
        (503, "Friday, 29-May-26 12:01:30 GMT", 90),
        (503, "Fri, 29 May 2026 11:00:00 GMT", 0),
        (503, "Sat, 01 Jan 2999 00:00:00 GMT", 3600),
        (503, "soon", 0),
        (503, "-5", 0),
        (503, "Fri, 29 May 2026 12:01:30 +99999999999999999999", 0),
        (503, "1e3", 0),
        (503, "Fri, 99 May 2026 12:01:30 GMT", 0),
        (500, "120", 0),
    ],
)
async def test_a_receiver_says_for_how_long_it_is_busy(
    status: int, wanted: str, seconds: float
) -> None:
    async with receiving() as receiver, sending(clock=StandingClock(NOON)) as sender:
        receiver.answer = lambda _: (status, {"Retry-After": wanted})
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert (attempt.outcome, attempt.wait_seconds) == (Outcome.REFUSED, seconds)


async def test_a_receiver_that_is_gone_says_so() -> None:
    async with receiving() as receiver, sending() as sender:
        receiver.answer = lambda _: (410, {"Retry-After": "9"})
        attempt = await sender.send(to(receiver.url), MESSAGE)
    assert attempt == Attempt(Outcome.GONE, "it answered 410: it wants no more")
