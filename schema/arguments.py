"""Arguments that several fields take."""

from __future__ import annotations

from typing import Annotated

import strawberry

CameraId = Annotated[strawberry.ID, strawberry.argument(description="The camera's id.")]
EventId = Annotated[strawberry.ID, strawberry.argument(description="The event's id.")]
TenantId = Annotated[strawberry.ID, strawberry.argument(description="The tenant's id.")]
ZoneId = Annotated[strawberry.ID, strawberry.argument(description="The zone's id.")]
WebhookId = Annotated[strawberry.ID, strawberry.argument(description="The webhook's id.")]
LockId = Annotated[strawberry.ID, strawberry.argument(description="The lock's id.")]
SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's id.")]
