"""Runs queries and mutations, and says what an execution came to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from inspect import isawaitable
from itertools import islice
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLFormattedError, execute

from resolvers.context import World
from schema.completion import CompletingExecutor
from schema.context import RequestContext
from schema.documents import CORE, Operation, cost_extension
from schema.errors import INVALID_INPUT, Refused, of_document, of_execution, timed_out
from schema.limits import MAX_ERRORS


class GraphQLRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What a client sends, by whatever transport. Without `query` its hash is in `extensions`.

    Raises:
        ValueError: there is neither.
    """

    query: str | msgspec.UnsetType = msgspec.UNSET
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.query is msgspec.UNSET and not (self.extensions or {}).get("persistedQuery"):
            raise ValueError("want a `query`")


class Answer(msgspec.Struct, frozen=True):
    """One response. Without `data` it says that the request was not executed at all."""

    data: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    errors: Sequence[GraphQLFormattedError] | msgspec.UnsetType = msgspec.UNSET
    extensions: Mapping[str, object] | msgspec.UnsetType = msgspec.UNSET

    @property
    def executed(self) -> bool:
        return self.data is not msgspec.UNSET


async def answer(
    operation: Operation, variables: dict[str, Any] | None, context: RequestContext
) -> Answer:
    """The answer of a query or mutation, with its cost where that is asked for.

    What takes longer than the world's `operation_seconds` is cancelled, and its open transaction
    undone; mutations before it in the document stay done.
    """
    seconds = context.ctx.world.operation_seconds
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            found = await _executed(operation, variables, context)
    except TimeoutError:
        if not limit.expired():
            raise
        found = Answer(data=None, errors=timed_out(seconds).errors)
        note_refusal(context.ctx.world, found.errors)
    return with_cost(found, operation)


def with_cost(found: Answer, operation: Operation) -> Answer:
    if not operation.tells_cost:
        return found
    return msgspec.structs.replace(found, extensions=cost_extension(operation.cost))


def note_refusal(world: World, errors: Iterable[GraphQLFormattedError] | msgspec.UnsetType) -> None:
    """Counts an answer without data, of whatever transport, by the code of its first error."""
    for each in islice(errors or (), 1):
        world.meter.refused(str(each["extensions"]["code"]))


def refusal_of(refusal: Refused) -> Answer:
    return Answer(errors=refusal.errors, extensions=refusal.extensions or msgspec.UNSET)


async def _executed(
    operation: Operation, variables: dict[str, Any] | None, context: RequestContext
) -> Answer:
    with context.ctx.world.meter.operation(operation.kind.value, operation.label):
        result = execute(
            CORE,
            operation.document,
            context_value=context,
            variable_values=variables,
            operation_name=operation.name,
            max_coercion_errors=MAX_ERRORS,
            executor_class=CompletingExecutor,
            plans=operation.plans,
        )
        return answer_of(await result if isawaitable(result) else result)


def answer_of(result: ExecutionResult) -> Answer:
    """Errors of variables come without data and without a path: nothing was executed."""
    errors = result.errors or []
    if result.data is None and errors and all(error.path is None for error in errors):
        return Answer(errors=[of_document(error, INVALID_INPUT) for error in errors])
    entries = [of_execution(error) for error in errors]
    return Answer(data=result.data, errors=entries or msgspec.UNSET)


def encoded(answer: Answer) -> str:
    return msgspec.json.encode(answer).decode()
