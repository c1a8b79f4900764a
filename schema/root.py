"""Query, Mutation and Subscription: which use case answers which field, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers import cameras, catalogue, events, tenants
from resolvers.errors import NotFound
from schema import camera_changes
from schema.camera_changes import (
    CameraCreateInput,
    CameraDeletePayload,
    CameraPayload,
    CameraUpdateInput,
    ProbePayload,
)
from schema.cameras import Camera, CameraChange, CameraConnection, Filter, camera_change
from schema.context import Info
from schema.events import Event, EventConnection, EventStreamItem, stream_item, wanted_events
from schema.fields import field, mutation, subscription
from schema.inputs import or_none
from schema.paging import After, First, checked_first
from schema.scalars import SCALARS, LogCursor
from schema.tenants import Model, Viewer

CameraId = Annotated[strawberry.ID, strawberry.argument(description="The camera's id.")]
EventId = Annotated[strawberry.ID, strawberry.argument(description="The event's id.")]
Order = Annotated[events.EventOrder, strawberry.argument(description="In which order of time.")]
CreateInput = Annotated[CameraCreateInput, strawberry.argument(description="What it shall be.")]
UpdateInput = Annotated[CameraUpdateInput, strawberry.argument(description="What to change.")]
RtspUrl = Annotated[str, strawberry.argument(description="The address to look at.")]
Resume = Annotated[
    LogCursor | None,
    strawberry.argument(description="Go on behind this step; without it, begin now."),
]


@strawberry.type(description="What can be asked. Everything is of the token's own tenant.")
class Query:
    @field(description="The token that asks.")
    async def viewer(self, info: Info) -> Viewer:
        return Viewer(await tenants.own_tenant(info.context.ctx))

    @field(description="One camera; null when there is none of this id. Scope: `cameras:read`.")
    async def camera(self, info: Info, id: CameraId) -> Camera | None:
        try:
            return Camera(await cameras.camera(info.context.ctx, id))
        except NotFound:
            return None

    @field(description="The cameras, oldest first. Scope: `cameras:read`.")
    async def cameras(
        self, info: Info, first: First = 50, after: After = strawberry.UNSET
    ) -> CameraConnection:
        place = or_none(after)
        page = await cameras.cameras_page(info.context.ctx, checked_first(first), place)
        return CameraConnection.of(page, place)

    @field(description="One event; null when there is none of this id. Scope: `events:read`.")
    async def event(self, info: Info, id: EventId) -> Event | None:
        try:
            return Event(await events.event(info.context.ctx, id))
        except NotFound:
            return None

    @field(description="The events. Scope: `events:read`.")
    async def events(
        self,
        info: Info,
        filter: Filter = strawberry.UNSET,
        order: Order = events.EventOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = strawberry.UNSET,
    ) -> EventConnection:
        ctx, wanted, place = info.context.ctx, wanted_events(filter), or_none(after)
        page = await events.events(ctx, wanted, order, checked_first(first), place)
        return EventConnection.of(page, place)

    @field(description="What can be detected here. Scope: `cameras:read`.")
    async def models(self, info: Info) -> list[Model]:
        return [Model(each) for each in await catalogue.models(info.context.ctx)]


@strawberry.type(description="What can be changed.")
class Mutation:
    @mutation(description="A new camera; recording begins at once. Scope: `cameras:write`.")
    async def camera_create(self, info: Info, input: CreateInput) -> CameraPayload:
        return await camera_changes.create(info.context.ctx, input)

    @mutation(description="Changes a camera in part. Scope: `cameras:write`.")
    async def camera_update(self, info: Info, id: CameraId, input: UpdateInput) -> CameraPayload:
        return await camera_changes.update(info.context.ctx, id, input)

    @mutation(
        description=(
            "Deletes a camera: recording stops at once and its footage goes in the background; "
            "its events stay until their own retention ends. Scope: `cameras:write`."
        )
    )
    async def camera_delete(self, info: Info, id: CameraId) -> CameraDeletePayload:
        return await camera_changes.delete(info.context.ctx, id)

    @mutation(
        description=(
            "Opens an address for a moment and says what is there and what will not work. "
            "Nothing is stored. Scope: `cameras:write`."
        )
    )
    async def camera_probe(self, info: Info, rtsp_url: RtspUrl) -> ProbePayload:
        return await camera_changes.probe(info.context.ctx, rtsp_url)


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    @subscription(
        description=(
            "Began, changed and ended events in commit order. `after` resumes without loss or "
            "repeat. Scope: `events:read`."
        )
    )
    async def events(
        self, info: Info, filter: Filter = strawberry.UNSET, after: Resume = strawberry.UNSET
    ) -> AsyncGenerator[EventStreamItem, None]:
        watched = events.watch(info.context.ctx, wanted_events(filter), or_none(after))
        async with aclosing(watched) as items:
            async for item in items:
                yield stream_item(item)

    @subscription(
        description=(
            "First every camera as it is, then each change: no race between loading and "
            "subscribing. Scope: `cameras:read`."
        )
    )
    async def cameras(self, info: Info) -> AsyncGenerator[CameraChange, None]:
        async with aclosing(cameras.watch(info.context.ctx)) as changes:
            async for change in changes:
                yield camera_change(change)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
)
