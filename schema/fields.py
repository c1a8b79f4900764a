"""Strawberry's decorators for fields that a function answers, with their types told."""

from __future__ import annotations

from collections.abc import Callable

import strawberry
from strawberry.types.field import StrawberryField

Answering = Callable[[Callable[..., object]], StrawberryField]


def field(description: str, name: str | None = None) -> Answering:
    """`name` where it is no name in Python."""
    decorator: Answering = strawberry.field(description=description, name=name)
    return decorator


def mutation(description: str) -> Answering:
    decorator: Answering = strawberry.mutation(description=description)
    return decorator


def subscription(description: str) -> Answering:
    decorator: Answering = strawberry.subscription(description=description)
    return decorator
