"""From the text of a request to the one operation in it that is to be executed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLFormattedError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    parse,
    validate,
    visit,
)

from schema.completion import Plans
from schema.cost import MAX_COST, Variables, cost_of
from schema.errors import (
    PARSE_FAILED,
    TOO_COSTLY,
    VALIDATION_FAILED,
    Refused,
    of_document,
    refused,
)
from schema.limits import INTROSPECTION, MAX_CHARACTERS, MAX_TOKENS, check_extent
from schema.root import schema

CORE = schema._schema
"""The schema as graphql-core executes it. Strawberry builds it and offers no public name for it."""

CACHED_DOCUMENTS = 512
CACHED_CHARACTERS = 8 * 1024


@dataclass(frozen=True, slots=True)
class Operation:
    """A valid operation of a document. `name` is None where the document has only this one.

    `plans` are the document's, shared by all that execute it. `cost` is what it may cost at most.
    `introspects`: the document asks for the schema.
    """

    document: DocumentNode
    name: str | None
    kind: OperationType
    plans: Plans
    cost: int
    introspects: bool

    @property
    def label(self) -> str | None:
        """What its author calls it."""
        node = _pick(self.document, self.name).name
        return None if node is None else node.value


@dataclass(frozen=True, slots=True)
class _Checked:
    document: DocumentNode | None
    errors: tuple[GraphQLFormattedError, ...]
    introspects: bool = False
    plans: Plans = field(default_factory=dict)
    costs: dict[str | None, int] = field(default_factory=dict)
    """Of those operations whose costs do not depend on variables."""


def prepare(text: str, name: str | None, variables: Variables | None = None) -> Operation:
    """Parses, bounds and validates a document, and picks its operation.

    Raises:
        Refused: GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED, OPERATION_TOO_COSTLY, or
            BAD_REQUEST when `name` does not say which operation is meant.
    """
    if len(text) > MAX_CHARACTERS:
        raise refused(f"the document is longer than {MAX_CHARACTERS} characters", PARSE_FAILED)
    checked = _cached(text) if len(text) <= CACHED_CHARACTERS else _check(text)
    if checked.document is None:
        raise Refused(checked.errors)
    kind = _pick(checked.document, name).operation
    cost = _cost(checked, checked.document, name, variables or {})
    return Operation(checked.document, name, kind, checked.plans, cost, checked.introspects)


def _cost(checked: _Checked, document: DocumentNode, name: str | None, variables: Variables) -> int:
    cost = checked.costs.get(name)
    if cost is None:
        cost, varies = cost_of(CORE, document, _pick(document, name), variables)
        if not varies:
            checked.costs[name] = cost
    if cost > MAX_COST:
        raise refused(f"the operation may cost {cost}, at most {MAX_COST} is allowed", TOO_COSTLY)
    return cost


def _check(text: str) -> _Checked:
    try:
        document = parse(text, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        return _Checked(None, (of_document(error, PARSE_FAILED),))
    try:
        check_extent(document)
        errors = validate(CORE, document)
    except GraphQLError as error:
        errors = [error]
    if errors:
        return _Checked(None, tuple(of_document(error, VALIDATION_FAILED) for error in errors))
    return _Checked(document, (), introspects=_introspects(document))


def _introspects(document: DocumentNode) -> bool:
    found = _SchemaFields()
    visit(document, found)
    return found.any


class _SchemaFields(Visitor):
    any = False

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.any |= node.name.value in INTROSPECTION


_cached = lru_cache(CACHED_DOCUMENTS)(_check)


def _pick(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """GraphQL specification, section 6.1, GetOperation."""
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None:
        if len(found) == 1:
            return found[0]
        raise refused("the document has several operations: name one as operationName")
    for node in found:
        if node.name is not None and node.name.value == name:
            return node
    raise refused("the document has no operation of the name that operationName gives")
