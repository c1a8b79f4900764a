"""`vms events`: events that others have written to a file, and our own with their pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from msgspec import Meta

from app import instants
from app.cli_tenants import acting
from app.instants import microseconds
from resolvers import outside_events
from resolvers.access import Actor, Scope
from resolvers.context import Context
from resolvers.errors import InvalidInput, NotFound, VmsError
from resolvers.events import EventFilter
from resolvers.outside_events import DEFAULT_SOURCE, OutsideBox, OutsideEvent
from resolvers.verdicts import ReviewState

MAX_LINE_BYTES = 1 << 20
MAX_MISTAKES = 20
"""More are not named; the first of a file of the wrong form says enough."""
BATCH = 500

events_app = typer.Typer(help="Events in and out.", no_args_is_help=True)

Instant = Annotated[datetime, Meta(tz=True)]
Tenant = Annotated[str, typer.Option(help="Whose events they are.")]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the file. Without a key its own text is one: twice the same line is one event."""

    camera_id: str
    type: str
    ts: Instant
    key: str | None = None
    ended_at: Instant | None = None
    confidence: float = 1.0
    boxes: list[OutsideBox] = []
    payload: dict[str, Any] = {}
    source: str = DEFAULT_SOURCE


class Mistake(Exception):
    """A line that is no event; the text says which and why."""


@events_app.command("import")
def import_events(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="NDJSON: an event on each line.", exists=True, dir_okay=False)
    ],
    tenant: Tenant = "default",
) -> None:
    """Stores a file's events, each once: what was stored by an earlier try is left as it is.

    All lines are checked first; when one is wrong, nothing is written.
    """
    actor = Actor(tenant, frozenset({Scope.EVENTS_WRITE}))
    checked = acting(ctx.obj, actor, lambda who: _check(who, file))
    stored = acting(ctx.obj, actor, lambda who: _store(who, file)) if checked else 0
    typer.echo(f"{stored} events imported, {checked - stored} were there already")


@events_app.command("export")
def export(  # noqa: PLR0913 - an option for each way to choose
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Where to: events.ndjson, images and crops.", file_okay=False)
    ],
    tenant: Tenant = "default",
    *,
    false_alarms: Annotated[
        bool, typer.Option("--false-alarms", help="Those that people called false alarms.")
    ] = False,
    acknowledged: Annotated[
        bool, typer.Option("--acknowledged", help="Those that people acknowledged.")
    ] = False,
    since: Annotated[str | None, typer.Option(help="Of this time or later, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
) -> None:
    """Writes events with their pictures and crops, for training; all where no kind is named."""
    from app.event_export import export_events

    chosen = ((ReviewState.FALSE_ALARM, false_alarms), (ReviewState.ACKNOWLEDGED, acknowledged))
    states = [state for state, is_wanted in chosen if is_wanted]
    wanted = EventFilter(
        review=states or None,
        since_us=None if since is None else instants.option("--since", since),
        until_us=None if until is None else instants.option("--until", until),
    )
    actor = Actor(tenant, frozenset({Scope.EVENTS_READ, Scope.PLAYBACK_READ}))
    try:
        done = acting(ctx.obj, actor, lambda who: export_events(who, wanted, folder))
    except OSError as error:
        typer.echo(f"vms: {folder}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{done.events} events exported, {done.without_picture} views without a picture")


async def _check(ctx: Context, file: Path) -> int:
    """How many events there are. Ends the program when one is wrong."""
    checks = await outside_events.checks(ctx)
    mistakes: list[str] = []
    count = 0
    with file.open("rb") as lines:
        for number, text in _lines(lines):
            count += 1
            try:
                checks.told(ctx.actor.tenant_id, read(text))
            except (Mistake, InvalidInput, NotFound) as error:
                mistakes.append(f"line {number}: {error}")
            if len(mistakes) == MAX_MISTAKES:
                break
    for each in mistakes:
        typer.echo(f"vms: {each}", err=True)
    if mistakes:
        typer.echo("vms: nothing was imported", err=True)
        raise typer.Exit(1)
    return count


async def _store(ctx: Context, file: Path) -> int:
    """Batch by batch, each of them whole. How many were not there before."""
    stored = 0
    with file.open("rb") as lines:
        for batch in _batches(lines):
            stored += await outside_events.events_create(ctx, batch)
    return stored


def _batches(lines: BinaryIO) -> Iterator[Sequence[OutsideEvent]]:
    batch: list[OutsideEvent] = []
    for number, text in _lines(lines):
        try:
            batch.append(read(text))
        except Mistake as error:
            raise VmsError(f"line {number}: {error}; the file was changed meanwhile") from error
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1, without the empty ones. A longer one is cut."""
    number = 0
    while text := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if text.strip():
            yield number, text


def read(text: bytes) -> OutsideEvent:
    """The event of a line. Raises Mistake."""
    if len(text) > MAX_LINE_BYTES:
        raise Mistake(f"is longer than {MAX_LINE_BYTES} bytes")
    try:
        line = msgspec.json.decode(text, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Mistake(str(error).replace("`", "")) from error
    return OutsideEvent(
        key=hashlib.sha256(text.strip()).hexdigest() if line.key is None else line.key,
        camera_id=line.camera_id,
        type=line.type,
        at_us=microseconds(line.ts),
        ended_us=None if line.ended_at is None else microseconds(line.ended_at),
        confidence=line.confidence,
        boxes=line.boxes,
        payload=line.payload,
        source=line.source,
    )
