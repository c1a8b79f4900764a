"""The `vms` command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from app import cli_tokens
from app.cli_compare import compare_models
from app.cli_events import events_app
from app.cli_models import models_app, show_progress
from app.cli_quantize import quantize
from app.cli_replay import replay
from app.cli_tenants import tenants_app
from app.keyring import KeyringError
from app.logging import set_up_logging
from app.packages import FetchFailed
from app.serving import ServingError
from app.settings import Settings, SettingsError, read_settings, settings_table
from app.shared_metrics import share_metrics
from models.database import DatabaseUnusable, migrate_database

app = typer.Typer(
    name="vms",
    help="Video management: cameras in; recordings, events, GraphQL and /v2 REST out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app.command()(replay)
models_app.command("compare")(compare_models)
models_app.command()(quantize)
app.add_typer(models_app, name="models")
app.add_typer(tenants_app, name="tenants")
app.add_typer(events_app, name="events")
app.command("token")(cli_tokens.make)
app.command("token-revoke")(cli_tokens.revoke)


@app.callback()
def prepare(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand != "settings" and "--help" not in sys.argv:
        ctx.obj = read_settings()
        set_up_logging(ctx.obj.log_level, ctx.obj.log_format)


@app.command()
def demo(ctx: typer.Context) -> None:
    """Everything in one process, with simulated cameras that play real footage."""
    from app.processes import run_demo

    _run(lambda: run_demo(_settings(ctx)))


@app.command()
def serve(ctx: typer.Context) -> None:
    """Everything in one process: API and media worker."""
    from app.processes import run_serve

    _run(lambda: run_serve(_settings(ctx)))


@app.command()
def api(ctx: typer.Context) -> None:
    """An API process: no codec, no inference. Needs PostgreSQL and Redis to be of use."""
    settings = _settings(ctx)
    if settings.metrics_dir is not None:
        share_metrics(settings.metrics_dir)
    from app.api_process import run_api

    _run(lambda: run_api(settings))


@app.command()
def worker(ctx: typer.Context) -> None:
    """A media worker: records cameras and finds events. Needs PostgreSQL and Redis."""
    from app.processes import run_worker_process

    _run(lambda: run_worker_process(_settings(ctx)))


@app.command()
def migrate(
    ctx: typer.Context,
    to: Annotated[
        str | None, typer.Option(help="A migration to go up or down to; zero removes every table.")
    ] = None,
) -> None:
    """Brings the database's tables to the version of this program."""
    settings = _settings(ctx)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _run(lambda: migrate_database(settings.database, to))
    typer.echo("the database is up to date" if to is None else f"the database is at {to}")


@app.command()
def assets() -> None:
    """Gets the playground's browser files, verified by their hashes."""
    from app.assets import fetch_assets

    try:
        fetch_assets(progress=show_progress)
    except FetchFailed as error:
        typer.echo(f"vms: the playground will be without its files: {error}", err=True)


@app.command()
def settings() -> None:
    """Prints every setting as a Markdown table."""
    typer.echo(settings_table())


def _settings(ctx: typer.Context) -> Settings:
    found: Settings = ctx.obj
    return found


def _run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def main() -> None:
    """The console script: what an operator can mend is said in one line, without a traceback."""
    try:
        app()
    except (SettingsError, KeyringError, FetchFailed, ServingError, DatabaseUnusable) as error:
        typer.echo(f"vms: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
