"""Completes what is plain in one go: attributes and methods of an object that need nothing else.

graphql-core walks an answer value by value: for 100 cameras of 10 fields that is a thousand times
path, resolve info and type checks. Most fields only read what their object holds. For those a
function is compiled, once for each selection of a document. Whatever it does not expect, a null
where none may be or a resolver that raises, makes graphql-core do the same object again in its own
way: so its errors, with their paths, are the ones that a client sees. Plain resolvers are therefore
called twice at times, and must be pure.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from inspect import isawaitable, isfunction
from itertools import count
from operator import attrgetter
from typing import Any, NamedTuple, cast

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import AwaitableOrValue, Path, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

Complete = Callable[[Any], Any]
"""From a value to what JSON holds of it. Raises anything for what it does not expect."""

Group = list[FieldDetails]
Groups = dict[str, Group]

MOST_REMEMBERED = 10_000
MOST_REMEMBERED_BYTES = 32 * 1024 * 1024
"""Of answers that are kept, as JSON."""

_numbers = count()
_HARMLESS = frozenset({str, int, float, bool})

_AS_THEY_ARE: Mapping[str, type] = {"String": str, "ID": str, "Boolean": bool}
"""Leaves whose values of just this class need no coercion."""


class Plan(NamedTuple):
    """How a selection of an object type is completed.

    `plain` makes the answer of one object, with null where `rest` is to be filled in. It is None
    where too little is plain.
    """

    plain: Complete | None
    rest: Groups


Plans = dict[object, Plan]
"""A document's, by what tells its selections apart. Lives as long as the document's nodes do."""

MOST_PLANS = 500
"""Of a document: every combination of its switches has its own."""

_AS_ALWAYS = Plan(None, {})


class Identified:
    """Base of types that promise more, so that their answers are kept, as JSON.

    Two objects of one type and identity answer every plain field alike, now and later.
    """

    identity: Hashable


class Unexpected(Exception):
    """A value that only graphql-core knows how to answer."""


class _Remembered:
    """Answers that are kept, encoded: what was asked for before is not even looked at again."""

    def __init__(self) -> None:
        self._known: dict[Hashable, object] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Hashable) -> object | None:
        return self._known.get(key)

    def keep(self, key: Hashable, answer: object, size: int) -> None:
        if len(self) >= MOST_REMEMBERED or self._bytes + size > MOST_REMEMBERED_BYTES:
            self._known.clear()
            self._bytes = 0
        if size <= MOST_REMEMBERED_BYTES:
            self._known[key] = answer
            self._bytes += size


_remembered = _Remembered()


class CompletingExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, with `plans` for what is plain."""

    def __init__(self, *args: Any, plans: Plans, **kwargs: Any) -> None:  # noqa: ANN401 - graphql-core's own
        super().__init__(*args, **kwargs)
        self._plans = plans
        given = self.variable_values.coerced
        self._switches = tuple((name, v) for name, v in given.items() if isinstance(v, bool))

    def complete_list_value(  # noqa: PLR0913, PLR0917 - graphql-core's own
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: Group,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,  # noqa: ANN401
        position_context: Any,  # noqa: ANN401
    ) -> AwaitableOrValue[list[Any]]:
        item = _nullable(return_type.of_type)
        if isinstance(item, GraphQLObjectType) and result.__class__ is list:
            plan = self._plan(item, field_details_list)
            if plan.plain is not None and not plan.rest:
                done = _tried(plan.plain, result)
                if done is not None:
                    return done
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: Group,
        path: Path,
        result: Any,  # noqa: ANN401
        position_context: Any,  # noqa: ANN401
    ) -> AwaitableOrValue[dict[str, Any]]:
        plan = self._plan(return_type, field_details_list)
        done = None if plan.plain is None else _tried(plan.plain, [result])
        if done is not None:
            plain: dict[str, Any] = done[0]  # or its JSON, where nothing is to be filled in
            if not plan.rest:
                return plain
            rest = self.execute_fields(return_type, result, path, plan.rest, None)
            return _joined(dict(plain), rest)
        return super().collect_and_execute_subfields(
            return_type, field_details_list, path, result, position_context
        )

    def _plan(self, kind: GraphQLObjectType, group: Group) -> Plan:
        """Which nodes a selection has, also below, depends on @skip and @include: the switches."""
        key = (kind.name, *[id(each.node) for each in group], self._switches)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._compiled(kind, group)
        return plan

    def _compiled(self, kind: GraphQLObjectType, group: Group) -> Plan:
        if any(each.fragment_variable_values for each in group):
            return _AS_ALWAYS
        groups, deferred, _ = self.collect_subfields(kind, group)
        if deferred or kind.is_type_of is not None:
            return _AS_ALWAYS
        plain, rest = {}, {}
        for name, fields in groups.items():
            value = self._field(kind, fields)
            if value is None:
                rest[name] = fields
            else:
                plain[name] = value
        return Plan(_object(kind, list(groups), plain), rest) if plain else _AS_ALWAYS

    def _field(self, kind: GraphQLObjectType, group: Group) -> Complete | None:
        """From the object to the field's answer; None where that takes more than the object."""
        name = group[0].node.name.value
        if name == "__typename":
            return lambda _: kind.name
        definition = kind.fields.get(name)
        read = None if definition is None else _reader(definition)
        if definition is None or read is None:
            return None
        complete = self._value(definition.type, group)
        return None if complete is None else _then(read, complete, definition.type)

    def _value(self, kind: GraphQLOutputType, group: Group) -> Complete | None:
        inner = _nullable(kind)
        if isinstance(inner, GraphQLList):
            item = self._value(inner.of_type, group)
            complete = None if item is None else _list(item)
        elif is_leaf_type(inner):
            complete = _leaf(inner)
        elif isinstance(inner, GraphQLObjectType):
            plan = self._plan(inner, group)
            complete = None if plan.rest else plan.plain
        else:
            complete = None
        return None if complete is None else _or_null(complete, kind)


def _tried(complete: Complete, values: Sequence[object]) -> list[Any] | None:
    """None when anything was unexpected: graphql-core meets it again, and tells where it is."""
    try:
        return [complete(each) for each in values]
    except Exception:  # noqa: BLE001 - nothing is lost: see above
        return None


def _joined(
    done: dict[str, Any], rest: AwaitableOrValue[dict[str, Any]]
) -> AwaitableOrValue[dict[str, Any]]:
    if not isawaitable(rest):
        done.update(rest)
        return done

    async def join() -> dict[str, Any]:
        done.update(await rest)
        return done

    return join()


def _nullable(kind: GraphQLOutputType) -> GraphQLOutputType:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def _reader(definition: GraphQLField) -> Complete | None:
    """What gets the field's value out of its object, where the object is all that it needs."""
    field = definition.extensions.get("strawberry-definition")
    if not isinstance(field, StrawberryField) or definition.args or field.extensions:
        return None
    resolver = field.base_resolver
    if resolver is None:
        return attrgetter(field.python_name)
    function = resolver.wrapped_func
    of_itself = resolver.self_parameter is not None and len(resolver.signature.parameters) == 1
    return function if of_itself and isfunction(function) and not field.is_async else None


def _then(read: Complete, complete: Complete, kind: GraphQLOutputType) -> Complete:
    """One call less for text and truth, which is what most values are."""
    as_it_is = _AS_THEY_ARE.get(getattr(_nullable(kind), "name", ""))

    def field(origin: object) -> object:
        value = read(origin)
        return value if value.__class__ is as_it_is else complete(value)

    return field


def _object(
    kind: GraphQLObjectType, names: Sequence[str], plain: Mapping[str, Complete]
) -> Complete:
    fields = [(name, plain.get(name, _later)) for name in names]

    def complete(value: object) -> dict[str, object]:
        return {name: field(value) for name, field in fields}

    if not _has_identity(kind):
        return complete
    return _remembering(complete, _encoded if len(plain) == len(names) else _encoded_fields)


def _has_identity(kind: GraphQLObjectType) -> bool:
    definition = kind.extensions.get("strawberry-definition")
    return isinstance(definition, StrawberryObjectDefinition) and issubclass(
        definition.origin, Identified
    )


def _encoded(answer: dict[str, object]) -> tuple[object, int]:
    """An answer as it is written into the response, and how many bytes it has."""
    text = msgspec.json.encode(answer)
    return msgspec.Raw(text), len(text)


def _encoded_fields(answer: dict[str, object]) -> tuple[object, int]:
    """The same by field, where others are to be filled in."""
    texts = {name: msgspec.json.encode(value) for name, value in answer.items()}
    found = {name: msgspec.Raw(text) for name, text in texts.items()}
    return found, sum(map(len, texts.values()))


def _remembering(
    complete: Callable[[Any], dict[str, object]],
    encoded: Callable[[dict[str, object]], tuple[object, int]],
) -> Complete:
    """What was completed of a value is the answer again for as long as its identity is the same."""
    number = next(_numbers)

    def remember(value: Identified) -> object:
        key = (number, value.identity)
        done = _remembered.get(key)
        if done is None:
            done, size = encoded(complete(value))
            _remembered.keep(key, done, size)
        return done

    return remember


def _later(_: object) -> None:
    """Keeps the place of a field that is not plain: answers list fields in their order."""


def _list(item: Complete) -> Complete:
    def complete(value: object) -> list[object]:
        if value.__class__ is not list and value.__class__ is not tuple:
            raise Unexpected
        return [item(each) for each in cast("list[object]", value)]

    return complete


def _or_null(complete: Complete, kind: GraphQLOutputType) -> Complete:
    if isinstance(kind, GraphQLNonNull):

        def present(value: object) -> object:
            if value is None:
                raise Unexpected
            return complete(value)

        return present
    return lambda value: None if value is None else complete(value)


def _leaf(kind: GraphQLLeafType) -> Complete:
    if isinstance(kind, GraphQLEnumType):
        return _enum(kind)
    coerce = kind.coerce_output_value

    def complete(value: object) -> object:
        if value.__class__ not in _HARMLESS and (
            isinstance(value, Exception) or value is Undefined or isawaitable(value)
        ):
            raise Unexpected
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise Unexpected
        return coerced

    return complete


def _enum(kind: GraphQLEnumType) -> Complete:
    """A member's name is looked up once: Strawberry compares with every value each time."""
    members = getattr(kind, "wrapped_cls", None)
    names: dict[object, object] = {}

    def complete(value: object) -> object:
        if value.__class__ is not members:
            raise Unexpected
        if value not in names:
            names[value] = kind.coerce_output_value(value)
        return names[value]

    return complete
