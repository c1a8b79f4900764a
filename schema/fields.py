"""Strawberry's decorators for fields that a function answers, with their types told."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import strawberry
from strawberry.types.field import StrawberryField

from resolvers.access import Scope
from schema.directives import Cost, ListSize, Requires
from schema.enums import Otherwise, RequiredScope

Answering = Callable[[Callable[..., object]], StrawberryField]

ANY_TOKEN = RequiredScope.ANY
"""The scope of a field that every token of a tenant may ask for."""


class Inherited(Enum):
    """Said of a field that asks a use case and needs no scope beyond its parent's."""

    OF_PARENT = "of parent"


OF_PARENT = Inherited.OF_PARENT
DECLARED = "scope"
"""Under this name a field's metadata hold what was declared; nothing, where nothing was."""

Declared = Scope | RequiredScope | Inherited

_WITHOUT = {
    Otherwise.REFUSED: "Scope: `{scope}`.",
    Otherwise.NULL: "Null without the scope `{scope}`.",
    Otherwise.LESS: "Says less without the scope `{scope}`.",
}


def field(  # noqa: PLR0913 - all that can be said of a field
    description: str,
    name: str | None = None,
    *,
    scope: Declared | None = None,
    otherwise: Otherwise = Otherwise.REFUSED,
    cost: int | None = None,
    size: int | None = None,
    deprecated: str | None = None,
) -> Answering:
    """A field that a method answers.

    Args:
        description: without the scope, which is added.
        name: where it is no name in Python.
        scope: what its use case demands, or OF_PARENT. Fields of Query must say it, ANY_TOKEN at
            least, and elsewhere those that ask a use case.
        otherwise: what comes without that scope.
        cost: see `schema.cost`.
        size: see `schema.cost`.
        deprecated: what to ask for instead, and since which release.
    """
    directives = required(scope, otherwise)
    if cost is not None:
        directives.append(Cost(weight=cost))
    if size is not None:
        directives.append(ListSize(assumed_size=size))
    decorator: Answering = strawberry.field(
        description=described(description, scope, otherwise),
        name=name,
        directives=directives,
        deprecation_reason=deprecated,
        metadata={} if scope is None else {DECLARED: scope},
    )
    return decorator


def mutation(description: str, *, scope: Scope | RequiredScope) -> Answering:
    decorator: Answering = strawberry.mutation(
        description=described(description, scope, Otherwise.REFUSED),
        directives=required(scope, Otherwise.REFUSED),
        metadata={DECLARED: scope},
    )
    return decorator


def subscription(description: str, *, scope: Scope) -> Answering:
    decorator: Answering = strawberry.subscription(
        description=described(description, scope, Otherwise.REFUSED),
        directives=required(scope, Otherwise.REFUSED),
        metadata={DECLARED: scope},
    )
    return decorator


def required(scope: Declared | None, otherwise: Otherwise) -> list[object]:
    """The directive that states a scope, for a field that is only a value, too."""
    if scope is None or isinstance(scope, Inherited):
        return []
    usual = otherwise is Otherwise.REFUSED  # is left out of the SDL
    return [
        Requires(
            scope=RequiredScope(scope.value), otherwise=strawberry.UNSET if usual else otherwise
        )
    ]


def described(description: str, scope: Declared | None, otherwise: Otherwise) -> str:
    """What `@requires` says is told in words too: introspection shows no directives."""
    if scope is None or isinstance(scope, Inherited):
        return description
    if scope is ANY_TOKEN:
        return f"{description} Any token of the tenant may ask."
    return f"{description} {_WITHOUT[otherwise].format(scope=scope.value)}"
