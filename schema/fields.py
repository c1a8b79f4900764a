"""Strawberry's decorators for fields that a function answers, with their types told."""

from __future__ import annotations

from collections.abc import Callable

import strawberry
from strawberry.types.field import StrawberryField

from schema.directives import Cost, ListSize

Answering = Callable[[Callable[..., object]], StrawberryField]


def field(
    description: str,
    name: str | None = None,
    *,
    cost: int | None = None,
    size: int | None = None,
) -> Answering:
    """`name` where it is no name in Python; `cost` and `size` as `schema.cost` needs them."""
    directives: list[object] = []
    if cost is not None:
        directives.append(Cost(weight=cost))
    if size is not None:
        directives.append(ListSize(assumed_size=size))
    decorator: Answering = strawberry.field(
        description=description, name=name, directives=directives
    )
    return decorator


def mutation(description: str) -> Answering:
    decorator: Answering = strawberry.mutation(description=description)
    return decorator


def subscription(description: str) -> Answering:
    decorator: Answering = strawberry.subscription(description=description)
    return decorator
