"""Subscriptions: one execution and one encoding of a step for all who ask for the same.

The same is: document, operation, the variables that shape answers, what is followed, and all that
authorization decides. The cursor to resume behind is no part of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Generic, TypeVar, cast

import msgspec
from graphql import (
    SKIP,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    VisitorAction,
    create_source_event_stream,
    visit,
)
from graphql.execution import execute_subscription_event

from resolvers.context import Context
from resolvers.fanout import Feed, Follower, Group, Member, Over, Start
from resolvers.outlet import Closed
from resolvers.tail import Page
from schema.completion import CompletingExecutor
from schema.documents import CORE, Operation
from schema.errors import INVALID_INPUT, Refused, of_document, of_exception, of_execution, timed_out
from schema.execution import Answer, answer, answer_of, encoded, refusal_of, with_cost
from schema.followed import Followed
from schema.limits import MAX_ERRORS
from schema.loaders import request_context
from schema.session import Session

SourceT = TypeVar("SourceT")
Variables = dict[str, Any] | None
_Source = Followed[Any, Any]

_WITHOUT_GRANT = frozenset({"rtspUrl"})
"""Addresses that all of the same rights may share. Every other `…Url` carries its own authority."""


async def answer_all(
    operation: Operation, variables: Variables, session: Session, member: Member[str]
) -> Answer | None:
    """Sends a member every answer of any operation, encoded.

    Returns:
        What ended it, an answer without data that the member was not sent; None when all is said.

    Raises:
        Closed: the member can't be sent anything.
    """
    if operation.kind is OperationType.SUBSCRIPTION:
        return await _follow(operation, variables, session, member)
    found = await answer(operation, variables, request_context(session.ctx))
    if not found.executed:
        return found
    await member.send(encoded(found))
    return None


async def _follow(
    operation: Operation, variables: Variables, session: Session, member: Member[str]
) -> Answer | None:
    """Returns what ended it; None when there is nothing more to come."""
    try:
        follower, subscription = await _started(operation, variables, session, member)
        with session.following(follower):
            while True:
                await _follow_in_group(subscription, session.ctx, follower)
    except Refused as refusal:
        return with_cost(refusal_of(refusal), operation)
    except Closed:
        raise
    except Over:
        return None
    except Exception as error:  # noqa: BLE001 - of_exception logs with the traceback and masks
        return with_cost(Answer(errors=[of_exception(error)]), operation)


async def _started(
    operation: Operation, variables: Variables, session: Session, member: Member[str]
) -> tuple[Follower[Any, str], _Subscription]:
    """Raises Refused when beginning takes too long, or as `_Subscription.of`."""
    seconds = session.ctx.world.operation_seconds
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            with session.ctx.world.meter.operation(operation.kind.value, operation.label):
                subscription = await _Subscription.of(operation, variables, session.ctx)
            return Follower(member, await subscription.start()), subscription
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise timed_out(seconds) from error


async def _follow_in_group(
    subscription: _Subscription, ctx: Context, follower: Follower[Any, str]
) -> None:
    """Returns when the session was renewed."""
    key = subscription.key(ctx)
    groups = ctx.world.following.groups
    async with groups.hold(key, lambda: subscription.group(ctx)) as group:
        await group.follow(follower)


def _executor(operation: Operation, variables: Variables, ctx: Context) -> CompletingExecutor:
    """Raises Refused when the variables do not fit."""
    found = CompletingExecutor.build(
        CORE,
        operation.document,
        context_value=request_context(ctx),
        raw_variable_values=variables,
        operation_name=operation.name,
        max_coercion_errors=MAX_ERRORS,
        plans=operation.plans,
    )
    if isinstance(found, list):
        raise Refused([of_document(error, INVALID_INPUT) for error in found])
    return cast("CompletingExecutor", found)


class _Subscription:
    """One subscriber's, with all that another must have the same of to share its group."""

    def __init__(self, operation: Operation, variables: Variables, source: _Source) -> None:
        self._operation, self._variables, self._source = operation, variables, source
        self._selected = _Selected(operation)

    @classmethod
    async def of(cls, operation: Operation, variables: Variables, ctx: Context) -> _Subscription:
        """Raises Refused when variables or arguments do not fit."""
        found = create_source_event_stream(_executor(operation, variables, ctx))
        source = await found if isawaitable(found) else found
        if isinstance(source, ExecutionResult):
            raise Refused([of_execution(error) for error in source.errors or []])
        return cls(operation, variables, cast("_Source", source))  # what every root field returns

    async def start(self) -> Start[Any]:
        return await self._source.feed.start()

    def key(self, ctx: Context) -> Hashable:
        given = self._variables or {}
        shaping = {name: given[name] for name in sorted(self._selected.variables & given.keys())}
        document, name = _text(self._operation.document), self._operation.name
        asked = (document, name, self._operation.tells_cost, msgspec.json.encode(shaping))
        return (*asked, self._source.feed.key, self._shared(ctx).actor)

    def group(self, ctx: Context) -> Group[Any, str]:
        ctx = self._shared(ctx)
        executor = _executor(self._operation, self._variables, ctx)

        async def render(value: object) -> str:
            event = executor.build_per_event_executor(self._source.shown(ctx, value))
            result = execute_subscription_event(event)
            found = answer_of(await result if isawaitable(result) else result)
            if not found.executed:
                raise Refused(found.errors or ())
            return encoded(with_cost(found, self._operation))

        return Group(_Masked(self._source.feed), render, len)

    def _shared(self, ctx: Context) -> Context:
        """Where no answer holds authority, that of all tokens alike; a grant of it would be over.

        Else each token has a group of its own: what it is given ends with it.
        """
        if self._selected.has_grants:
            return ctx
        return replace(ctx, actor=replace(ctx.actor.rights, expires_us=0))


def _text(document: DocumentNode) -> str:
    if document.loc is None:
        raise TypeError("documents are parsed with their places")
    return document.loc.source.body


class _Masked(Generic[SourceT]):
    """A group's feed: what ends it is logged once, not by every member."""

    def __init__(self, feed: Feed[SourceT]) -> None:
        self._feed = feed

    @property
    def key(self) -> Hashable:
        return self._feed.key

    async def start(self) -> Start[SourceT]:
        return await self._feed.start()

    async def pages(self, seen: int) -> AsyncGenerator[Page[SourceT], None]:
        try:
            async with aclosing(self._feed.pages(seen)) as pages:
                async for page in pages:
                    yield page
        except Over:
            raise
        except Exception as error:
            raise Refused([of_exception(error)]) from error


class _Selected(Visitor):
    """What a document selects, beside the arguments that say what is followed.

    `variables` are those that shape the answers. `has_grants` says that an answer may hold
    authority, which ends with the token it was made from.
    """

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.has_grants = False
        self._roots = {
            id(field)
            for node in operation.document.definitions
            if isinstance(node, OperationDefinitionNode)
            for field in node.selection_set.selections
        }
        visit(operation.document, self)

    def enter_field(self, node: FieldNode, *_: object) -> None:
        name = node.name.value
        self.has_grants |= name.endswith("Url") and name not in _WITHOUT_GRANT

    def enter_argument(
        self, _node: Node, _key: object, _parent: object, _path: object, ancestors: list[object]
    ) -> VisitorAction:
        return SKIP if id(ancestors[-1]) in self._roots else None

    def enter_variable_definition(self, *_: object) -> VisitorAction:
        return SKIP

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.variables.add(node.name.value)
