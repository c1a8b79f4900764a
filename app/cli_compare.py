"""`vms models compare`: what another model, or threshold, would have told of an interval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from app.cli_replay import Begin, Tenant, asked, camera_here, fail
from app.model_store import ModelError
from app.replaying import Watched, appearances, interval, load
from app.settings import Settings
from media.appearances import Appearance, Comparison, Pair
from media.comparison import compare
from media.detect.model_set import ModelSet
from media.types import MediaError
from resolvers.access import Actor, Interval, Scope
from resolvers.cameras import camera_for
from resolvers.comparing import stored_appearances
from resolvers.context import Context

STORED = "stored"
SAME, DIFFERENT = 0, 1


class Kind(StrEnum):
    """What became of an event, as printed."""

    LOST = "lost"
    NEW = "new"
    CHANGED = "changed"


def compare_models(  # noqa: PLR0913 - an option for each thing that is compared
    ctx: typer.Context,
    camera: Annotated[str, typer.Argument(help="The camera's id.")],
    *,
    since: Annotated[str, typer.Option("--from", help="A time with its zone.")],
    until: Annotated[str, typer.Option("--to", help="At most a day later.")],
    model: Annotated[str, typer.Option(help="The installed model to try.")],
    against: Annotated[
        str, typer.Option(help="`stored`: the events as they were told; or an installed model.")
    ] = STORED,
    begin: Begin = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    tenant: Tenant = "default",
) -> None:
    """Replays recorded footage with a model, and tells which events are new, lost or changed.

    Nothing is written to the event log. Status 0: the same events; 1: others; 2: it could not be
    done. `--begin` is for MODEL alone.
    """
    settings: Settings = ctx.obj
    wanted = interval(since, until)
    watched = camera_here(settings, tenant, camera, wanted)
    try:
        after = _replayed(watched, load(settings, model, begin))
        if against == STORED:
            actor = Actor(tenant, frozenset({Scope.EVENTS_READ}))
            before = asked(settings, actor, lambda who: _stored(who, camera, wanted))
        else:
            before = _replayed(watched, load(settings, against))
    except (ModelError, MediaError) as error:
        fail(error)
    found = compare(before, after, round(1_000_000 / watched.config.fps))
    typer.echo(_json(found) if as_json else "\n".join(_lines(found)))
    raise typer.Exit(SAME if found.is_equal else DIFFERENT)


def _replayed(watched: Watched, models: ModelSet) -> list[Appearance]:
    """Raises MediaError: the footage can't be read, or there is none."""
    found = appearances(watched, models)
    if found is None:
        raise MediaError("there was nothing to look at")
    return found


async def _stored(ctx: Context, camera_id: str, wanted: Interval) -> list[Appearance]:
    found = await camera_for(ctx, camera_id, Scope.EVENTS_READ)
    return await stored_appearances(ctx, found, wanted)


def _lines(found: Comparison) -> Sequence[str]:
    """Counts, then what differs, by time."""
    counts = (
        f"{len(found.same)} same, {len(found.changed)} changed, {len(found.lost)} lost, "
        f"{len(found.new)} new"
    )
    told = [(each.at_us, _line(Kind.LOST, each)) for each in found.lost]
    told += [(each.at_us, _line(Kind.NEW, each)) for each in found.new]
    told += [(each.before.at_us, _changed(each)) for each in found.changed]
    return [counts, *(line for _, line in sorted(told))]


def _line(kind: Kind, each: Appearance) -> str:
    return f"{kind:8}{_time(each.at_us)}  {each.feature:13}  {each.score:.2f}  {each.event_id}"


def _changed(pair: Pair) -> str:
    before, after = pair.before, pair.after
    later_s = (after.at_us - before.at_us) / 1_000_000
    zones = "" if before.zones == after.zones else ", by other zones"
    line = _line(Kind.CHANGED, before)
    return f"{line}  begins {later_s:+.1f} s, score {after.score:.2f}{zones}"


def _time(at_us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(found: Comparison) -> str:
    told = {
        "same": [_of_pair(each) for each in found.same],
        "changed": [_of_pair(each) for each in found.changed],
        "lost": [_of(each) for each in found.lost],
        "new": [_of(each) for each in found.new],
    }
    return msgspec.json.encode(told).decode()


def _of_pair(pair: Pair) -> dict[str, object]:
    overlap = round(pair.overlap, 3)
    return {"before": _of(pair.before), "after": _of(pair.after), "overlap": overlap}


def _of(each: Appearance) -> dict[str, object]:
    box = each.box
    return {
        "id": each.event_id,
        "type": each.feature,
        "ts": _time(each.at_us),
        "confidence": each.score,
        "box": [box.x0, box.y0, box.x1, box.y1],
        "zones": each.zones,
    }
