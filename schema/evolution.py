"""`python -m schema.evolution`: whether clients of the last release can go on with this schema.

`released.graphql` is the schema of the last release. What was deprecated there is no promise any
more; all else is kept: fields, arguments, types, defaults, and the scope that a field requires.
"""

from __future__ import annotations

import sys
from pathlib import Path

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FieldDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    Visitor,
    VisitorAction,
    build_ast_schema,
    get_directive_values,
    parse,
    visit,
)
from graphql.utilities import (
    DangerousChangeType,
    find_breaking_changes,
    find_dangerous_changes,
)

from schema.sdl import PATH, sdl

RELEASED = PATH.with_name("released.graphql")


def breaking_changes(released: str, present: str) -> list[str]:
    """What a client that asked for nothing deprecated would notice; each in a sentence."""
    old, new = _promised(released), _schema(parse(present))
    found = [each.description for each in find_breaking_changes(old, new)]
    found += [
        each.description
        for each in find_dangerous_changes(old, new)
        if each.type is DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE
    ]
    return found + _other_scopes(old, new)


def notable_changes(released: str, present: str) -> list[str]:
    """What breaks no client that expects enumerations and unions to grow, for the changelog."""
    return [
        each.description
        for each in find_dangerous_changes(_schema(parse(released)), _schema(parse(present)))
        if each.type is not DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE
    ]


def _other_scopes(old: GraphQLSchema, new: GraphQLSchema) -> list[str]:
    found = []
    for name, kind in old.type_map.items():
        other = new.type_map.get(name)
        if not isinstance(kind, GraphQLObjectType) or not isinstance(other, GraphQLObjectType):
            continue
        for field in kind.fields.keys() & other.fields.keys():
            before = _required(old, kind.fields[field].ast_node)
            now = _required(new, other.fields[field].ast_node)
            if now not in {before, None, ("ANY", "REFUSED")}:
                found.append(f"{name}.{field} requires {_words(now)}, not {_words(before)}.")
    return sorted(found)


def _required(schema: GraphQLSchema, node: FieldDefinitionNode | None) -> tuple[str, str] | None:
    """Scope and what comes otherwise, as `@requires` says; None without it."""
    directive = schema.get_directive("requires")
    values = None if directive is None or node is None else get_directive_values(directive, node)
    return None if values is None else (values["scope"], values["otherwise"])


def _words(required: tuple[str, str] | None) -> str:
    return "nothing" if required is None else f"{required[0]} (else {required[1]})"


class _WithoutDeprecated(Visitor):
    """Takes away every definition that carries @deprecated."""

    def enter(self, node: object, *_: object) -> VisitorAction:
        directives: tuple[DirectiveNode, ...] = getattr(node, "directives", None) or ()
        return REMOVE if any(each.name.value == "deprecated" for each in directives) else None


def _promised(released: str) -> GraphQLSchema:
    document: DocumentNode = visit(parse(released), _WithoutDeprecated())
    return _schema(document)


def _schema(document: DocumentNode) -> GraphQLSchema:
    """Only with types that an operation can reach, or a directive's argument."""
    whole = build_ast_schema(document)
    return GraphQLSchema(
        whole.query_type, whole.mutation_type, whole.subscription_type, directives=whole.directives
    )


def check(released: Path = RELEASED) -> list[str]:
    return breaking_changes(released.read_text(encoding="utf-8"), sdl())


if __name__ == "__main__":
    for note in notable_changes(RELEASED.read_text(encoding="utf-8"), sdl()):
        sys.stdout.write(f"to be told in the changelog: {note}\n")
    broken = check()
    for each in broken:
        sys.stderr.write(f"breaks clients of the last release: {each}\n")
    sys.exit(1 if broken else 0)
