"""Many questions at once: each has an answer or a refusal of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import ParamSpec, TypeAlias, TypeVar

from resolvers.errors import VmsError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Given = ParamSpec("Given")

Outcome: TypeAlias = Answer | VmsError


def attempt(
    function: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs
) -> Outcome[Answer]:
    """What the function returns, or the VmsError that it raises."""
    try:
        return function(*args, **kwargs)
    except VmsError as refusal:
        return refusal


def value_of(outcome: Outcome[Answer]) -> Answer:
    """The answer; raises the refusal."""
    if isinstance(outcome, VmsError):
        raise outcome
    return outcome


async def answered(
    asked: Sequence[Outcome[Asked]],
    answer: Callable[[list[Asked]], Awaitable[Sequence[Outcome[Answer]]]],
) -> list[Outcome[Answer]]:
    """Answers at once all that is not refused yet."""
    left = [each for each in asked if not isinstance(each, VmsError)]
    answers = iter(await answer(left) if left else ())
    return [each if isinstance(each, VmsError) else next(answers) for each in asked]


async def in_groups(
    asked: Sequence[Asked],
    alike: Callable[[Asked], Hashable],
    answer: Callable[[list[Asked]], Awaitable[Sequence[Answer]]],
) -> list[Answer]:
    """Answers at once what is alike: one field of a list asks all its rows the same."""
    groups: dict[Hashable, list[int]] = {}
    for place, each in enumerate(asked):
        groups.setdefault(alike(each), []).append(place)
    answers: dict[int, Answer] = {}
    for places in groups.values():
        found = await answer([asked[place] for place in places])
        answers.update(zip(places, found, strict=True))
    return [answers[place] for place in range(len(asked))]
