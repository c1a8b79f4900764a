"""How much a document may ask for, measured in time that grows with its length alone.

Fragments are measured once each, however often they are spread: walking them again at every spread
takes 2^60 steps for 60 fragments that each spread the next one twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    visit,
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

INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Extent:
    """What lies below a selection set: levels of fields, aliases, levels of selection sets."""

    depth: int = 0
    aliases: int = 0
    nesting: int = 0


def check_extent(document: DocumentNode) -> None:
    """Raises GraphQLError for the first operation or number that goes beyond a limit.

    Also for a selection of nothing, `{}`: the grammar has none, graphql-core's parser takes it.
    """
    visit(document, _Forms())
    measure = _Measure(document)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            _check(measure.below(node.selection_set), node)


def _check(extent: Extent, operation: OperationDefinitionNode) -> None:
    for name, found, limit in (
        ("levels of fields", extent.depth, MAX_DEPTH),
        ("aliases", extent.aliases, MAX_ALIASES),
        ("levels of selections", extent.nesting, MAX_NESTING),
    ):
        if found > limit:
            raise GraphQLError(f"the operation has more than {limit} {name}", operation)


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
            raise GraphQLError(f"the document has more than {MAX_NESTING} levels of selections")
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


class _Forms(Visitor):
    def enter_selection_set(self, node: SelectionSetNode, *_: object) -> None:
        if not node.selections:
            raise GraphQLError("want at least one field in a selection", node)

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        self._check(node)

    def enter_float_value(self, node: FloatValueNode, *_: object) -> None:
        self._check(node)

    def _check(self, node: IntValueNode | FloatValueNode) -> None:
        if len(node.value) > MAX_DIGITS:
            raise GraphQLError(f"a number has more than {MAX_DIGITS} digits", node)
