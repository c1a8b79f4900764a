from __future__ import annotations

from collections.abc import Iterator

import pytest
from graphql import GraphQLObjectType
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from resolvers.access import Scope
from schema.directives import Requires
from schema.documents import CORE
from schema.enums import Otherwise, RequiredScope
from schema.fields import ANY_TOKEN, DECLARED, OF_PARENT, field

ROOTS = ("Query", "Mutation", "Subscription")


def fields() -> Iterator[tuple[str, str, StrawberryField]]:
    """Every field of an object type: its type, its name, and what Strawberry knows of it."""
    for kind in CORE.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, each in kind.fields.items():
                yield kind.name, name, each.extensions["strawberry-definition"]


def asks_a_use_case(each: StrawberryField) -> bool:
    """Only with the request's context can it do so, or by being asynchronous."""
    resolver = each.base_resolver
    return resolver is not None and (each.is_async or resolver.info_parameter is not None)


def test_every_field_at_the_root_requires_a_scope_or_says_that_it_needs_none() -> None:
    found = [(kind, name, each) for kind, name, each in fields() if kind in ROOTS]
    assert {kind for kind, _, _ in found} == set(ROOTS)
    undeclared = [
        f"{kind}.{name}"
        for kind, name, each in found
        if not any(isinstance(directive, Requires) for directive in each.directives)
    ]
    assert undeclared == [], "give it scope=Scope.X, or scope=ANY_TOKEN"


def test_every_field_that_asks_a_use_case_declares_what_it_demands() -> None:
    asking = [(kind, name, each) for kind, name, each in fields() if asks_a_use_case(each)]
    assert ("Event", "playback") in {(kind, name) for kind, name, _ in asking}
    undeclared = [f"{kind}.{name}" for kind, name, each in asking if DECLARED not in each.metadata]
    assert undeclared == [], "give it scope=Scope.X, or scope=OF_PARENT"


def test_what_is_null_without_a_scope_may_be_null() -> None:
    found = [
        each
        for _, _, each in fields()
        for directive in each.directives
        if isinstance(directive, Requires) and directive.otherwise is Otherwise.NULL
    ]
    assert found
    assert [each.name for each in found if not isinstance(each.type, StrawberryOptional)] == []


def test_the_schemas_scopes_are_ours_and_one_for_none() -> None:
    assert {each.name: each.value for each in RequiredScope} == {
        "ANY": "any",
        **{each.name: each.value for each in Scope},
    }


@pytest.mark.parametrize(
    ("scope", "otherwise", "described"),
    [
        (None, Otherwise.REFUSED, "A door."),
        (OF_PARENT, Otherwise.REFUSED, "A door."),
        (ANY_TOKEN, Otherwise.REFUSED, "A door. Any token of the tenant may ask."),
        (Scope.LIVE_READ, Otherwise.REFUSED, "A door. Scope: `live:read`."),
        (Scope.LIVE_READ, Otherwise.NULL, "A door. Null without the scope `live:read`."),
        (Scope.LIVE_READ, Otherwise.LESS, "A door. Says less without the scope `live:read`."),
    ],
)
def test_the_description_says_the_scope_in_words(
    scope: Scope | None, otherwise: Otherwise, described: str
) -> None:
    made = field("A door.", scope=scope, otherwise=otherwise)(lambda: "door")
    assert made.description == described


def test_no_description_is_written_by_hand_where_the_declaration_says_it() -> None:
    for kind, name, each in fields():
        assert (each.description or "").count("cope: `") <= 1, f"{kind}.{name}"
