"""How much a document may ask for, measured in time that grows with its length alone.

Fragments are measured once each, however often they are spread: walking them again at every spread
takes 2^60 steps for 60 fragments that each spread the next one twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Token,
    TokenKind,
    Visitor,
    get_nullable_type,
    type_from_ast,
    visit,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as merging

from schema.errors import (
    TOO_DEEP,
    TOO_MANY_ALIASES,
    TOO_MANY_VALUES,
    WORD_TOO_LONG,
    BeyondLimit,
    Refused,
    refused,
)

MAX_CHARACTERS = 64 * 1024
"""Length of a document, comments and all."""

MAX_TOKENS = 1_000
"""For the parser. Introspection by GraphiQL takes about 350."""

MAX_DEPTH = 12
"""Fields within fields. `__schema` and `__type` do not count: validation bounds those itself."""

MAX_ALIASES = 30
"""Aliased fields, counted each time that a fragment brings them in."""

MAX_NESTING = 100
"""Selection sets within selection sets, fragments included: bounds our own recursion."""

MAX_DIGITS = 40
"""Of a number. Python refuses to convert 4,300, in words that clients should not see."""

MAX_NAME_CHARACTERS = 64
"""Of a field, an argument, a type or an alias: names that are nearly right are searched for."""

MAX_ERRORS = 5
"""That are told of a document, or of variables. Making one takes up to some milliseconds."""

MAX_VALUES = 1_000
"""In the lists and inputs of an operation's variables; one that may be any JSON counts once."""

MAX_COMPARISONS = 12_000
"""Comparisons of fields that one answer's name brings together, in graphql-core's own count.
A field that is selected a hundred times at one place takes 10,000."""

merging.MAX_COMPLEXITY_BUDGET = MAX_COMPARISONS

INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Extent:
    """What lies below a selection set: levels of fields, aliases, levels of selection sets."""

    depth: int = 0
    aliases: int = 0
    nesting: int = 0


def check_extent(document: DocumentNode) -> None:
    """Raises BeyondLimit for the first operation or word that goes beyond a limit.

    And GraphQLError for a selection of nothing, `{}`: the grammar has none, graphql-core's parser
    takes it.
    """
    _check_words(document)
    measure = _Measure(document)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            _check(measure.below(node.selection_set), node)


def _check(extent: Extent, operation: OperationDefinitionNode) -> None:
    for name, code, found, limit in (
        ("levels of fields", TOO_DEEP, extent.depth, MAX_DEPTH),
        ("aliases", TOO_MANY_ALIASES, extent.aliases, MAX_ALIASES),
        ("levels of selections", TOO_DEEP, extent.nesting, MAX_NESTING),
    ):
        if found > limit:
            message = f"the operation has more than {limit} {name}"
            raise BeyondLimit(message, code, limit, operation)


class _Measure:
    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Extent] = {}
        self._level = 0

    def below(self, selected: SelectionSetNode) -> Extent:
        if self._level > MAX_NESTING:
            message = f"the document has more than {MAX_NESTING} levels of selections"
            raise BeyondLimit(message, TOO_DEEP, MAX_NESTING)
        self._level += 1
        found = [self._of(each) for each in selected.selections]
        self._level -= 1
        return Extent(
            depth=max(each.depth for each in found),
            aliases=sum(each.aliases for each in found),
            nesting=1 + max(each.nesting for each in found),
        )

    def _of(self, selection: object) -> Extent:
        if isinstance(selection, FragmentSpreadNode):
            return self._fragment(selection.name.value)
        if isinstance(selection, InlineFragmentNode):
            return self.below(selection.selection_set)
        if isinstance(selection, FieldNode):
            return self._field(selection)
        return Extent()

    def _field(self, node: FieldNode) -> Extent:
        aliases = 0 if node.alias is None else 1
        if node.name.value in INTROSPECTION or node.selection_set is None:
            return Extent(depth=1, aliases=aliases)
        below = self.below(node.selection_set)
        return Extent(1 + below.depth, aliases + below.aliases, below.nesting)

    def _fragment(self, name: str) -> Extent:
        """A spread of itself, or of a fragment that is not there, is left to validation."""
        if name not in self._known:
            self._known[name] = Extent()
            if name in self._fragments:
                self._known[name] = self.below(self._fragments[name].selection_set)
        return self._known[name]


_LONGEST = {
    TokenKind.NAME: ("name", MAX_NAME_CHARACTERS, "characters"),
    TokenKind.INT: ("number", MAX_DIGITS, "digits"),
    TokenKind.FLOAT: ("number", MAX_DIGITS, "digits"),
}


class _Selections(Visitor):
    def enter_selection_set(self, node: SelectionSetNode, *_: object) -> None:
        if not node.selections:
            raise GraphQLError("want at least one field in a selection", node)


def _check_words(document: DocumentNode) -> None:
    opened = False
    for token in _tokens(document):
        if opened and token.kind is TokenKind.BRACE_R:  # or an object without fields, which may be
            visit(document, _Selections())
        opened = token.kind is TokenKind.BRACE_L
        known = _LONGEST.get(token.kind)
        if known is not None and len(token.value or "") > known[1]:
            word, limit, of = known
            raise BeyondLimit(f"a {word} has more than {limit} {of}", WORD_TOO_LONG, limit)


def count_of_tokens(document: DocumentNode) -> int:
    return sum(1 for _ in _tokens(document))


def _tokens(document: DocumentNode) -> Iterator[Token]:
    token = None if document.loc is None else document.loc.start_token
    while token is not None:
        yield token
        token = token.next


def check_values(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> None:
    """Counts what is to be read of an operation's variables before any of it is.

    Raises:
        Refused: TOO_MANY_VALUES.
    """
    count = 0
    waiting: list[tuple[Any, Any]] = [
        (variables[name], type_from_ast(schema, each.type))
        for each in operation.variable_definitions or ()
        if (name := each.variable.name.value) in variables
    ]
    while waiting:
        value, kind = waiting.pop()
        kind = None if kind is None else get_nullable_type(kind)
        if isinstance(kind, GraphQLList):
            items = value if isinstance(value, list) else [value]
            count += len(items)
            below = [(each, kind.of_type) for each in items[:MAX_VALUES] if _holds(each)]
        elif isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
            count += len(value)
            fields = kind.fields.items()
            below = [(value[name], of.type) for name, of in fields if _holds(value.get(name))]
        else:
            continue
        if count > MAX_VALUES:
            raise _too_many_values()
        waiting += below


def _holds(value: object) -> bool:
    return isinstance(value, list | dict)


def _too_many_values() -> Refused:
    message = f"the variables hold more than {MAX_VALUES} values"
    return refused(message, TOO_MANY_VALUES, limit=MAX_VALUES)
