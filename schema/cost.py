"""What an operation may cost, told before anything of it is executed.

A cost is about a microsecond of a processor. What is below a list counts for each item that the
list may have: as many as `first` says, or as `@listSize` assumes. Fragments are weighed once each,
however often they are spread, and what @skip or @include leave out counts all the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)
from graphql.type import GraphQLNamedOutputType
from strawberry.types.field import StrawberryField

from schema.directives import Cost, ListSize
from schema.paging import MAX_FIRST

MAX_COST = 50_000
"""Of one operation: about 50 ms."""

VALUE, OBJECT, LOOKUP = 1, 2, 1_000
"""What a field costs that `@cost` says nothing of: LOOKUP where it may ask the database."""

ROW = 15
"""What reading one item of a page costs, beside what is selected of it."""

TOKEN = 25
"""What parsing and validating one token of a document costs when it is seen for the first time."""

ASSUMED_ITEMS = 10

PAGE = "first"

_INTROSPECTED_VALUE, _INTROSPECTED_OBJECT = 4, 12
_INTROSPECTED: Mapping[str, float] = {
    **{"types": 70, "fields": 4, "args": 0.5, "enumValues": 1, "inputFields": 1, "directives": 6},
    **{"interfaces": 0.1, "possibleTypes": 0.1, "ofType": 0.5},
}
"""How many there are of each on average: half the types that are referred to wrap another."""


class Price(NamedTuple):
    """`varies`: with the variables, which are to be looked at each time."""

    cost: int
    varies: bool


DirectiveT = TypeVar("DirectiveT")
Variables = Mapping[str, Any]


class Weight(NamedTuple):
    """A selection's: once, and again for each item where its parent is a page."""

    once: float = 0
    each: float = 0

    def of(self, items: float) -> float:
        return self.once + items * self.each


def cost_of(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Variables,
) -> Price:
    """The cost of a valid operation with these variables, which need not be valid themselves."""
    scales = _Scales(schema, document, {**_defaults(operation), **variables})
    root = schema.get_root_type(operation.operation)
    weight = Weight() if root is None else scales.below(operation.selection_set, root)
    return Price(math.ceil(weight.once), varies=scales.asked_variables)


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        each.variable.name.value: int(each.default_value.value)
        for each in operation.variable_definitions or ()
        if isinstance(each.default_value, IntValueNode)
    }


@dataclass(frozen=True, slots=True)
class _Own:
    """What a field costs by itself, and how many answers its selection has where no page says."""

    cost: float
    items: float
    of_page: bool
    """Its items are those of the page that it belongs to."""


class _Scales:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Variables) -> None:
        self._schema, self._variables = schema, variables
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Weight] = {}
        self.asked_variables = False

    def below(self, selected: SelectionSetNode, parent: GraphQLNamedOutputType) -> Weight:
        once = each = 0.0
        for selection in selected.selections:
            found = self._of(selection, parent)
            once, each = once + found.once, each + found.each
        return Weight(once, each)

    def _of(self, selection: object, parent: GraphQLNamedOutputType) -> Weight:
        if isinstance(selection, FieldNode):
            return self._field(selection, parent)
        if isinstance(selection, InlineFragmentNode):
            return self.below(selection.selection_set, self._narrowed(selection, parent))
        if isinstance(selection, FragmentSpreadNode):
            return self._fragment(selection.name.value, parent)
        return Weight()

    def _fragment(self, name: str, parent: GraphQLNamedOutputType) -> Weight:
        if name not in self._known:
            node = self._fragments[name]
            self._known[name] = self.below(node.selection_set, self._narrowed(node, parent))
        return self._known[name]

    def _narrowed(
        self, node: InlineFragmentNode | FragmentDefinitionNode, parent: GraphQLNamedOutputType
    ) -> GraphQLNamedOutputType:
        condition = node.type_condition
        found = None if condition is None else self._schema.get_type(condition.name.value)
        return parent if found is None else found  # type: ignore[return-value]  # validated

    def _field(self, node: FieldNode, parent: GraphQLNamedOutputType) -> Weight:
        definition = self._schema.get_field(parent, node.name.value)  # type: ignore[arg-type]
        if definition is None:
            return Weight()
        own = _own(definition, parent.name, node.name.value)
        if node.selection_set is None:
            return Weight(own.cost)
        kind = cast("GraphQLNamedOutputType", get_named_type(definition.type))
        below = self.below(node.selection_set, kind)
        if own.of_page:
            return Weight(own.cost, ROW + below.once)
        items = self._page(node, definition) if PAGE in definition.args else own.items
        return Weight(own.cost + (below.of(items) if _is_page(kind) else items * below.once))

    def _page(self, node: FieldNode, definition: GraphQLField) -> int:
        """What is beyond the bounds is refused when it is executed; here it is the bound."""
        given: Any = definition.args[PAGE].default_value
        for argument in node.arguments or ():
            if argument.name.value == PAGE:
                given = self._value(argument.value, given)
        fits = isinstance(given, int) and 0 <= given <= MAX_FIRST
        return given if fits else MAX_FIRST

    def _value(self, node: ValueNode, default: object) -> object:
        if isinstance(node, IntValueNode):
            return int(node.value)
        if isinstance(node, VariableNode):
            self.asked_variables = True
            return self._variables.get(node.name.value, default)
        return default


def _is_page(kind: GraphQLNamedOutputType) -> bool:
    """Its lists have as many items as the page was asked to have."""
    return kind.name.endswith("Connection")


def _own(definition: GraphQLField, parent: str, name: str) -> _Own:
    kind = get_named_type(definition.type)
    is_value = isinstance(kind, GraphQLScalarType | GraphQLEnumType)
    many = _is_list(definition.type)
    if kind.name.startswith("__") or parent.startswith("__"):
        cost = _INTROSPECTED_VALUE if is_value else _INTROSPECTED_OBJECT
        return _Own(cost * _INTROSPECTED.get(name, 1), _INTROSPECTED.get(name, 1), of_page=False)
    field = definition.extensions.get("strawberry-definition")
    if not isinstance(field, StrawberryField):
        return _Own(VALUE, 1, of_page=False)
    stated, sized = _directive(field, Cost), _directive(field, ListSize)
    usual = LOOKUP if field.is_async else VALUE if is_value else OBJECT
    items = sized.assumed_size if sized else ASSUMED_ITEMS if many else 1
    return _Own(stated.weight if stated else usual, items, many and parent.endswith("Connection"))


def _directive(field: StrawberryField, kind: type[DirectiveT]) -> DirectiveT | None:
    return next((each for each in field.directives if isinstance(each, kind)), None)


def _is_list(kind: GraphQLOutputType) -> bool:
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)
