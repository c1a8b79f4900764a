"""`vms models replay`: recorded footage through the analysis again, as an event log."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn, TypeVar

import typer

from app.cli_tenants import acting
from app.event_lines import event_line
from app.model_store import ModelError
from app.replaying import Watched, as_wished, camera_watched, file_watched, interval, load
from app.settings import Settings
from media.detect.model_set import ModelSet
from media.replay import replay as show
from media.types import EventChange, MediaError
from resolvers.access import Actor, Interval, Scope
from resolvers.context import Context
from resolvers.features import Feature

T = TypeVar("T")

CameraId = Annotated[str | None, typer.Argument(metavar="CAMERA", help="The camera's id.")]
Since = Annotated[str | None, typer.Option("--from", help="A time with its zone.")]
Until = Annotated[str | None, typer.Option("--to", help="At most a day later.")]
Tenant = Annotated[str, typer.Option(help="Whose camera it is.")]
Begin = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Score that lets an event begin, in place of the model's own."),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which footage: of a camera between two times, or a file's."""

    camera: str | None
    since: str | None
    until: str | None
    footage: Path | None


def replay(  # noqa: PLR0913 - an option for each thing that changes the log
    ctx: typer.Context,
    camera: CameraId = None,
    *,
    since: Since = None,
    until: Until = None,
    footage: Annotated[
        Path | None,
        typer.Option(exists=True, help="A clip, or a folder of an hour, in place of a camera."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Another than the one in use.")] = None,
    begin: Begin = None,
    fps: Annotated[float | None, typer.Option(min=0.2, max=30, help="Looks a second.")] = None,
    feature: Annotated[list[str] | None, typer.Option(help="What to look for.")] = None,
    out: Annotated[Path | None, typer.Option(help="A file for the log.")] = None,
    tenant: Tenant = "default",
) -> None:
    """Looks at recorded footage as at a camera, frame by frame, and prints its event log as NDJSON.

    The same footage gives the same bytes. Nothing is stored. Of a camera its rate, features and
    zones as they are now are used, unless others are given; a file is looked at 5 times a second.
    """
    settings: Settings = ctx.obj
    try:
        watched = _watched(settings, tenant, Asked(camera, since, until, footage))
        loaded = load(settings, model, begin)
        watched = as_wished(watched, fps, feature or ())
        if not watched.config.features:
            watched = as_wished(watched, None, sorted(loaded.finders.keys() - {Feature.MOTION}))
        if out is None:
            _log(watched, loaded, sys.stdout.buffer)
        else:
            with out.open("wb") as file:
                _log(watched, loaded, file)
    except (ModelError, MediaError, OSError) as error:
        fail(error)


def _watched(settings: Settings, tenant: str, asked: Asked) -> Watched:
    """Raises FootageUnreadable; ends the program where there is no such camera."""
    match asked:
        case Asked(None, None, None, Path() as path):
            return file_watched(path)
        case Asked(str(camera_id), str(since), str(until), None):
            return camera_here(settings, tenant, camera_id, interval(since, until))
    raise typer.BadParameter("want a CAMERA with --from and --to, or --footage alone")


def camera_here(settings: Settings, tenant: str, camera_id: str, wanted: Interval) -> Watched:
    """A camera's footage; says on the terminal what of it is out of reach."""
    actor = Actor(tenant, frozenset({Scope.CAMERAS_READ}))
    watched = asked(settings, actor, lambda who: camera_watched(who, camera_id, wanted))
    if watched.lacks_s:
        typer.echo(f"vms: {watched.lacks_s:.0f} s lie in other stores and are left out", err=True)
    return watched


def asked(settings: Settings, actor: Actor, use_case: Callable[[Context], Awaitable[T]]) -> T:
    """As `acting`; status 1 is what a comparison answers, so a refusal has 2."""
    try:
        return acting(settings, actor, use_case)
    except typer.Exit as refused:
        raise typer.Exit(2) from refused


def _log(watched: Watched, models: ModelSet, file: BinaryIO) -> None:
    began: set[str] = set()

    def tell(change: EventChange) -> None:
        if watched.counts(change):
            began.add(change.event_id)
            file.write(event_line(change))

    counts = show(watched.runs(), watched.config, models, tell)
    file.flush()
    looked_for = watched.config.features
    used = (each for each in models.descriptions if not looked_for.isdisjoint(each.features))
    version = ", ".join(each.model_version for each in used)
    lane = counts.lane
    typer.echo(
        f"{version}: {len(began)} events; {lane.looked} frames looked at, {counts.still} still, "
        f"{lane.failed} failed",
        err=True,
    )
    if not lane.looked:
        fail(MediaError("there was nothing to look at"))


def fail(error: Exception) -> NoReturn:
    typer.echo(f"vms: {error}", err=True)
    raise typer.Exit(2) from error
