"""Runs operations: one answer for a query or mutation, one for each event of a subscription."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, cast

import msgspec
from graphql import ExecutionResult, GraphQLFormattedError, OperationType, execute, subscribe

from schema.completion import CompletingExecutor
from schema.context import RequestContext
from schema.documents import CORE, Operation
from schema.errors import INVALID_INPUT, of_document, of_exception, of_execution


class GraphQLRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What a client sends, by whatever transport."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class Answer(msgspec.Struct, frozen=True):
    """One response. Without `data` it says that the request was not executed at all."""

    data: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    errors: Sequence[GraphQLFormattedError] | msgspec.UnsetType = msgspec.UNSET

    @property
    def executed(self) -> bool:
        return self.data is not msgspec.UNSET


async def answers(
    operation: Operation, variables: dict[str, Any] | None, context: RequestContext
) -> AsyncGenerator[Answer, None]:
    """Every answer of an operation. Close it: a subscription holds what it watches.

    Never raises for what a resolver does: what ends a subscription is its last answer, without
    data.
    """
    if operation.kind is not OperationType.SUBSCRIPTION:
        yield await answer(operation, variables, context)
        return
    source = await _subscribe(operation, variables, context)
    if isinstance(source, ExecutionResult):
        yield _answer(source)
        return
    try:
        async with aclosing(source) as results:
            async for result in results:
                yield _answer(result)
                await asyncio.sleep(0)  # a long backlog lets others in between
    except Exception as error:  # noqa: BLE001 - of_exception logs with the traceback and masks
        yield Answer(errors=[of_exception(error)])


async def answer(
    operation: Operation, variables: dict[str, Any] | None, context: RequestContext
) -> Answer:
    """The answer of a query or mutation."""
    result = execute(
        CORE,
        operation.document,
        context_value=context,
        variable_values=variables,
        operation_name=operation.name,
        executor_class=CompletingExecutor,
        plans=operation.plans,
    )
    return _answer(await result if isawaitable(result) else result)


async def _subscribe(
    operation: Operation, variables: dict[str, Any] | None, context: RequestContext
) -> AsyncGenerator[ExecutionResult, None] | ExecutionResult:
    found = subscribe(
        CORE,
        operation.document,
        context_value=context,
        variable_values=variables,
        operation_name=operation.name,
        executor_class=CompletingExecutor,
        plans=operation.plans,
    )
    source = await found if isawaitable(found) else found
    if isinstance(source, ExecutionResult):
        return source
    return cast("AsyncGenerator[ExecutionResult, None]", source)  # what graphql-core documents


def _answer(result: ExecutionResult) -> Answer:
    """Errors of variables come without data and without a path: nothing was executed."""
    errors = result.errors or []
    if result.data is None and errors and all(error.path is None for error in errors):
        return Answer(errors=[of_document(error, INVALID_INPUT) for error in errors])
    entries = [of_execution(error) for error in errors]
    return Answer(data=result.data, errors=entries or msgspec.UNSET)
