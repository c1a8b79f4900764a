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
from graphql.validation.validate import ValidationAbortedError

from schema.completion import Plans
from schema.cost import MAX_COST, TOKEN, Variables, cost_of
from schema.errors import (
    DOCUMENT_TOO_LONG,
    PARSE_FAILED,
    TOO_COMPLEX,
    TOO_COSTLY,
    TOO_DEEP,
    TOO_MANY_TOKENS,
    VALIDATION_FAILED,
    BeyondLimit,
    Refused,
    entry,
    of_document,
    refused,
)
from schema.limits import (
    INTROSPECTION,
    MAX_CHARACTERS,
    MAX_COMPARISONS,
    MAX_ERRORS,
    MAX_TOKENS,
    check_extent,
    check_values,
    count_of_tokens,
)
from schema.root import schema

CORE = schema._schema
"""The schema as graphql-core executes it. Strawberry builds it and offers no public name for it."""

CACHED_DOCUMENTS = 512
CACHED_CHARACTERS = 8 * 1024


@dataclass(frozen=True, slots=True)
class Operation:
    """A valid operation of a document. `name` is None where the document has only this one.

    `plans` are the document's, shared by all that execute it. `cost` is what it may cost at most.
    `introspects`: the document asks for the schema. `tells_cost`: the client asked for `cost`.
    """

    document: DocumentNode
    name: str | None
    kind: OperationType
    plans: Plans
    cost: int
    introspects: bool
    tells_cost: bool = False

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
    tokens: int = 0
    plans: Plans = field(default_factory=dict)
    costs: dict[str | None, int] = field(default_factory=dict)
    """Of those operations whose costs do not depend on variables."""


def prepare(
    text: str,
    name: str | None,
    variables: Variables | None = None,
    *,
    tells_cost: bool = False,
) -> Operation:
    """Parses, bounds and validates a document, and picks its operation.

    Raises:
        Refused: GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED, BAD_REQUEST when `name` does not
            say which operation is meant, or the code of a limit.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"the document is longer than {MAX_CHARACTERS} characters"
        raise refused(message, DOCUMENT_TOO_LONG, limit=MAX_CHARACTERS, found=len(text))
    checked = _cached(text) if len(text) <= CACHED_CHARACTERS else _check(text)
    if checked.document is None:
        raise Refused(checked.errors)
    picked = _pick(checked.document, name)
    if variables and picked.variable_definitions:
        check_values(CORE, picked, variables)
    cost = _cost(checked, checked.document, name, variables or {})
    if cost > MAX_COST:
        raise _too_costly(cost, tells_cost=tells_cost)
    return Operation(
        checked.document,
        name,
        picked.operation,
        checked.plans,
        cost,
        checked.introspects,
        tells_cost,
    )


def cost_extension(cost: int) -> dict[str, object]:
    """What an answer's `extensions` say of the cost, to who asked for it."""
    return {"cost": {"requested": cost, "limit": MAX_COST}}


def _too_costly(cost: int, *, tells_cost: bool) -> Refused:
    message = f"the operation may cost {cost}, at most {MAX_COST} is allowed"
    told = entry(message, TOO_COSTLY, limit=MAX_COST, found=cost)
    return Refused([told], cost_extension(cost) if tells_cost else None)


def _cost(checked: _Checked, document: DocumentNode, name: str | None, variables: Variables) -> int:
    cost = checked.costs.get(name)
    if cost is None:
        cost, varies = cost_of(CORE, document, _pick(document, name), variables)
        cost += TOKEN * checked.tokens
        if not varies:
            checked.costs[name] = cost
    return cost


def _check(text: str) -> _Checked:
    try:
        document = parse(text, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        return _Checked(None, (_of_syntax(error),))
    try:
        check_extent(document)
        errors = _validated(document)
    except GraphQLError as error:
        errors = [error]
    if errors:
        return _Checked(None, tuple(of_document(error, VALIDATION_FAILED) for error in errors))
    return _Checked(document, (), _introspects(document), count_of_tokens(document))


def _of_syntax(error: GraphQLSyntaxError) -> GraphQLFormattedError:
    """The parser's own limits have their codes; it tells them apart by its words alone."""
    if f"more than {MAX_TOKENS} tokens" in error.message:
        return of_document(BeyondLimit(error.message, TOO_MANY_TOKENS, MAX_TOKENS), TOO_MANY_TOKENS)
    return of_document(error, TOO_DEEP if "nested too deeply" in error.message else PARSE_FAILED)


def _validated(document: DocumentNode) -> list[GraphQLError]:
    """At most MAX_ERRORS errors; one when telling whether it is valid would take too long."""
    errors = validate(CORE, document, max_errors=MAX_ERRORS)
    if errors and isinstance(errors[-1], ValidationAbortedError):
        if len(errors) > MAX_ERRORS:
            return errors[:MAX_ERRORS]
        message = "too many fields of the same name have to be compared at one place"
        return [BeyondLimit(message, TOO_COMPLEX, MAX_COMPARISONS)]
    return errors


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
