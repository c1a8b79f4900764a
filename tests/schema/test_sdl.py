from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_scalar_type,
)

from media.types import CameraState
from resolvers import errors
from schema.documents import CORE
from schema.enums import UserErrorCode
from schema.sdl import PATH, sdl


def types() -> Iterator[GraphQLNamedType]:
    for each in CORE.type_map.values():
        if not is_introspection_type(each) and not is_specified_scalar_type(each):
            yield each


def undescribed(each: GraphQLNamedType) -> Iterator[str]:
    if not each.description:
        yield each.name
    if isinstance(each, GraphQLEnumType):
        yield from (f"{each.name}.{n}" for n, v in each.values.items() if not v.description)
    if isinstance(each, GraphQLObjectType | GraphQLInputObjectType):
        yield from (f"{each.name}.{n}" for n, f in each.fields.items() if not f.description)
    if isinstance(each, GraphQLObjectType):
        for name, field in each.fields.items():
            yield from (
                f"{each.name}.{name}({n})" for n, a in field.args.items() if not a.description
            )


def test_the_committed_schema_is_the_schema() -> None:
    assert PATH.read_text(encoding="utf-8") == sdl(), "run `make sdl`"


def test_everything_is_described() -> None:
    assert [name for each in types() for name in undescribed(each)] == []


def test_what_may_be_null_says_when() -> None:
    silent = [
        f"{kind.name}.{name}"
        for kind in types()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if not isinstance(field.type, GraphQLNonNull)
        and "null" not in (field.description or "").lower()
    ]
    assert silent == []


def test_every_directive_and_argument_of_one_is_described() -> None:
    for directive in CORE.directives:
        assert directive.description, directive.name
        assert [name for name, each in directive.args.items() if not each.description] == []


def test_enumerations_are_upper_case() -> None:
    for each in types():
        if isinstance(each, GraphQLEnumType):
            assert [name for name in each.values if name != name.upper()] == []


def test_the_camera_status_knows_every_state() -> None:
    status = CORE.type_map["CameraStatus"]
    assert isinstance(status, GraphQLEnumType)
    assert {value.value for value in status.values.values()} == set(CameraState)


def test_user_error_codes_are_codes_of_errors() -> None:
    known = {
        each.code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.VmsError)
    }
    assert {code.value for code in UserErrorCode} <= known
