"""Comparisons of models on recorded footage: asked for, looked at, followed, deleted.

`resolvers.comparison_jobs` is the other side: who makes them.
"""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import msgspec
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from models.base import select
from models.camera import Camera
from models.comparison import Comparison, ComparisonTable, DifferenceTable
from models.job import UNFINISHED, JobState
from models.recording import RecordingHourTable
from models.tenant import take_numbers
from resolvers import cursors
from resolvers.access import UNNAMED, Interval, Scope, visible
from resolvers.bus import COMPARISONS, comparisons_of
from resolvers.cameras import camera_for
from resolvers.catalogue import known_models
from resolvers.comparison_jobs import JOBS
from resolvers.context import Context
from resolvers.errors import (
    ComparisonLimitReached,
    FieldError,
    InvalidInput,
    NotFound,
    NotRecorded,
)
from resolvers.feature_states import DETECTS
from resolvers.footage import overlapping
from resolvers.jobs import ID_CHARACTERS, JobFeed
from resolvers.lists import latest_first, place_in
from resolvers.recordings import check_range

LONGEST_US = 6 * 3_600_000_000
MOST_UNFINISHED = 4
"""Of one tenant: one of them is made at a time."""
MOST_ROWS = 100_000
"""Differences that a tenant keeps, before another comparison is begun."""
KEPT_US = 7 * 86_400_000_000


class ComparisonWish(msgspec.Struct, frozen=True):
    """`against`: None for the stored events. `begin`: None for the model's own threshold."""

    camera_id: str
    wanted: Interval
    model: str
    against: str | None = None
    begin: float | None = None


class ComparisonPage(msgspec.Struct, frozen=True):
    comparisons: list[Comparison]
    has_next: bool


async def comparison_create(ctx: Context, wish: ComparisonWish) -> Comparison:
    """Has footage looked at again, by whichever worker has the models.

    Raises:
        ScopeMissing: without `cameras:write`.
        InvalidInput: names what is wrong: the range, a model, the threshold, or a camera that looks
            for nothing.
        NotFound: no such camera in this tenant.
        NotRecorded: there is no footage of that time.
        ComparisonLimitReached: as many wait, or as much is kept, as a tenant may have.
    """
    camera = await camera_for(ctx, wish.camera_id, Scope.CAMERAS_WRITE)
    await _check(ctx, camera, wish)
    rows = RecordingHourTable.within(camera.tenant_id).filter(camera_key=camera.key)
    if not await overlapping(ctx.world.store, rows, wish.wanted).exists():
        raise NotRecorded("there is no footage of that time")
    made = _waiting(ctx, camera, wish)
    async with in_transaction():
        await take_numbers(made.tenant_id, "camera_seq", 0)  # one of a tenant after the other
        await _check_room(made.tenant_id)
        await ComparisonTable.create(**msgspec.structs.asdict(made))
    await ctx.world.bus.ring(COMPARISONS)
    return made


async def _check(ctx: Context, camera: Camera, wish: ComparisonWish) -> None:
    check_range(wish.wanted, LONGEST_US)
    wrong = []
    if wish.wanted.to_us > ctx.world.clock.now_us():
        wrong.append(FieldError("to", "want a time that has come"))
    if wish.begin is not None and not 0 <= wish.begin <= 1:
        wrong.append(FieldError("begin", "want 0 to 1"))
    if not camera.features:
        wrong.append(FieldError("camera_id", "the camera looks for nothing: give it features"))
    known = await known_models(ctx.world)
    here = [each.name for each in known if each.installed and each.task == DETECTS]
    for field, name in (("model", wish.model), ("against", wish.against)):
        if name is not None and name not in here:
            wanted = ", ".join(here) or "none is"
            wrong.append(FieldError(field, f"want an installed detector: {wanted}"))
    if wrong:
        raise InvalidInput(*wrong)


def _waiting(ctx: Context, camera: Camera, wish: ComparisonWish) -> Comparison:
    now_us = ctx.world.clock.now_us()
    wanted, passes = wish.wanted, 1 if wish.against is None else 2
    return Comparison(
        tenant_id=camera.tenant_id,
        id=uuid4(),
        camera_key=camera.key,
        camera_slug=camera.slug,
        from_us=wanted.from_us,
        to_us=wanted.to_us,
        model=wish.model,
        against=wish.against,
        begin=wish.begin,
        state=JobState.WAITING,
        revision=1,
        created_us=now_us,
        created_by=ctx.actor.subject or UNNAMED,
        due_us=now_us,
        expires_us=now_us + KEPT_US,
        expected_us=passes * (wanted.to_us - wanted.from_us),
    )


async def _check_room(tenant_id: str) -> None:
    kept = await select(ComparisonTable.within(tenant_id), Comparison)
    if sum(each.state in UNFINISHED for each in kept) >= MOST_UNFINISHED:
        raise ComparisonLimitReached(f"{MOST_UNFINISHED} comparisons are being made already")
    if sum(each.rows for each in kept) >= MOST_ROWS:
        text = f"{MOST_ROWS} differences are kept already: delete comparisons"
        raise ComparisonLimitReached(text)


async def comparison(ctx: Context, comparison_id: str) -> Comparison:
    """One comparison, also one that was deleted.

    Raises:
        ScopeMissing: without `events:read`.
        NotFound: no such comparison in this tenant.
    """
    return await _comparison(ctx, comparison_id, Scope.EVENTS_READ)


async def _comparison(ctx: Context, comparison_id: str, scope: Scope) -> Comparison:
    found = await JOBS.one(visible(ctx.actor, ComparisonTable, scope), comparison_id)
    if found is None:
        raise NotFound(f"there is no comparison {comparison_id[:ID_CHARACTERS]!r}")
    return found


async def comparisons(ctx: Context, first: int, after: str | None) -> ComparisonPage:
    """At most `first` comparisons, the latest first.

    Raises:
        ScopeMissing: without `events:read`.
        BadCursor: `after` is none of ours.
    """
    rows = visible(ctx.actor, ComparisonTable, Scope.EVENTS_READ)
    place = place_in(cursors.COMPARISONS, ctx.actor.tenant_id, after)
    return ComparisonPage(*await latest_first(rows, Comparison, "created_us", first, place))


def comparison_cursor(found: Comparison) -> str:
    return cursors.encode(cursors.COMPARISONS, found.tenant_id, found.created_us, str(found.id))


async def comparison_delete(ctx: Context, comparison_id: str) -> Comparison:
    """Ends a comparison, also one that is being made, and forgets what it found.

    The row stays until its time is over, with who did. Again, nothing changes.

    Raises:
        ScopeMissing: without `cameras:write`.
        NotFound: no such comparison in this tenant.
    """
    found = await _comparison(ctx, comparison_id, Scope.CAMERAS_WRITE)
    rows: QuerySet[ComparisonTable] = visible(ctx.actor, ComparisonTable, Scope.CAMERAS_WRITE)
    gone = await JOBS.delete(ctx, found, rows)
    await DifferenceTable.within(gone.tenant_id).filter(comparison_id=gone.id).delete()
    return gone


class ComparisonFeed(JobFeed[Comparison]):
    def __init__(self, ctx: Context, comparison_id: str) -> None:
        topic = comparisons_of(ctx.actor.tenant_id)
        look = partial(comparison, ctx, comparison_id)
        super().__init__(ctx, ("comparison", comparison_id), topic, look)
