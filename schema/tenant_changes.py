"""What the platform's administrator may do to tenants: the inputs, and what comes back."""

from __future__ import annotations

import strawberry

from resolvers import tenants
from resolvers.context import Context
from resolvers.errors import Conflict, InvalidInput, NotFound, VmsError
from resolvers.features import Feature
from resolvers.tenants import PlanChanges
from schema.errors import UserError, user_errors
from schema.inputs import left_out
from schema.scalars import Bytes
from schema.tenants import Tenant

_LIMIT = "How many cameras it may have; those beyond a lowered limit go on, no new one is taken."
_FEATURES = "The analytics that cameras may switch on. What is taken away is no longer looked for."
_DAYS = "Days that footage is kept; null keeps it for good."
_BYTES = "Bytes of footage that are kept, the newest; null is without a limit."
_EVENT_DAYS = "Days that events are kept; null keeps them for good."
_REQUESTS = "Requests that its tokens may make a minute; null is without a limit."
_CONNECTIONS = "Sockets that its tokens may hold open; null is without a limit."


@strawberry.input(
    description=(
        "A plan. What is left out stays as it is; a new tenant has 16 cameras, every feature and "
        "no other limit."
    )
)
class PlanInput:
    camera_limit: int | None = strawberry.field(default=strawberry.UNSET, description=_LIMIT)
    features: list[Feature] | None = strawberry.field(
        default=strawberry.UNSET, description=_FEATURES
    )
    retention_days: int | None = strawberry.field(default=strawberry.UNSET, description=_DAYS)
    retention_bytes: Bytes | None = strawberry.field(default=strawberry.UNSET, description=_BYTES)
    event_retention_days: int | None = strawberry.field(
        default=strawberry.UNSET, description=_EVENT_DAYS
    )
    requests_per_minute: int | None = strawberry.field(
        default=strawberry.UNSET, description=_REQUESTS
    )
    connection_limit: int | None = strawberry.field(
        default=strawberry.UNSET, description=_CONNECTIONS
    )

    def changes(self) -> PlanChanges:
        given = {
            name: value
            for name in PlanChanges.__struct_fields__
            if not left_out(value := getattr(self, name))
        }
        return PlanChanges(**given)


@strawberry.type(description="A tenant as written.")
class TenantPayload:
    tenant: Tenant | None = strawberry.field(description="As it is now; null when refused.")
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def create(ctx: Context, tenant_id: str, plan: PlanInput) -> TenantPayload:
    try:
        made = await tenants.tenant_create(ctx, tenant_id, plan.changes())
    except (InvalidInput, Conflict) as error:
        return _unsaved(error)
    return TenantPayload(tenant=Tenant(made), user_errors=[])


async def update(ctx: Context, tenant_id: str, plan: PlanInput) -> TenantPayload:
    try:
        changed = await tenants.tenant_update(ctx, tenant_id, plan.changes())
    except (InvalidInput, NotFound) as error:
        return _unsaved(error)
    return TenantPayload(tenant=Tenant(changed), user_errors=[])


def _unsaved(error: VmsError) -> TenantPayload:
    return TenantPayload(tenant=None, user_errors=user_errors(error))
