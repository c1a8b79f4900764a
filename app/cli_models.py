"""`vms models`: which models are there, getting one, and trying it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn, Protocol

import typer

from app.model_store import InstalledModel, ModelError, ModelStore
from media.detect.catalogue import catalogue
from media.types import MediaError

models_app = typer.Typer(help="The models that cameras are watched with.", no_args_is_help=True)


class ModelSettings(Protocol):
    """The settings that these commands read."""

    @property
    def data_dir(self) -> Path: ...

    @property
    def device(self) -> str: ...

    @property
    def model(self) -> str | None: ...


@models_app.command("list")
def list_models(ctx: typer.Context) -> None:
    """Lists the models of the catalogue and those installed."""
    store = ModelStore(_settings(ctx).data_dir)
    installed = {model.description.name: model for model in store.installed()}
    described = {
        **catalogue(),
        **{name: model.description for name, model in installed.items()},
    }
    for name, description in described.items():
        state = _state(store, installed.get(name))
        features = ", ".join(description.features)
        typer.echo(f"{description.model_version}  {description.licence}  {features}  {state}")


@models_app.command()
def pull(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A model of the catalogue; without it the default.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A model file of your own: of the catalogue, or with a TOML beside it."),
    ] = None,
) -> None:
    """Gets a model, verified by its hash; what is there already is not fetched again."""
    store = ModelStore(_settings(ctx).data_dir)
    try:
        if file is not None:
            model = store.install(file, name)
        elif name is not None:
            model = store.pull(name, show_progress)
        else:
            model, reason = store.pull_default(show_progress)
            if reason is not None:
                typer.echo(f"the default could not be had: {reason}", err=True)
    except ModelError as error:
        _fail(error)
    typer.echo(f"{model.description.model_version} is installed in {model.folder}")


@models_app.command()
def check(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="An installed model; without it the one in use.")
    ] = None,
) -> None:
    """Verifies a model, loads it, and looks at one black picture."""
    settings = _settings(ctx)
    store = ModelStore(settings.data_dir)
    try:
        model = store.pick(name or settings.model)
        device, milliseconds = _try(model, settings.device)
    except (ModelError, MediaError) as error:
        _fail(error)
    version = model.description.model_version
    typer.echo(f"{version} runs on {device}, {milliseconds:.1f} ms a picture")


def show_progress(what: str, done: int, total: int | None) -> None:
    """A Progress on the terminal, one line written over and over; in a log, its start alone."""
    if not sys.stderr.isatty():
        if done == 0:
            typer.echo(f"getting {what}", err=True)
        return
    share = f" {100 * done // total:3d} %" if total else ""
    end = "\n" if done and done == total else "\r"
    sys.stderr.write(f"getting {what}{share} {done / 1e6:.1f} MB\x1b[K{end}")
    sys.stderr.flush()


def _try(model: InstalledModel, device: str) -> tuple[str, float]:
    """The device that it runs on, and milliseconds for a picture after the first.

    Raises:
        MediaError: it can't be loaded, or its output can't be read.
    """
    import av  # slow to import, and of use to this command alone
    import numpy as np
    from av.video.reformatter import VideoReformatter

    from media.detect.runtime import Detector

    shape = model.description.input
    black = np.zeros((shape.height // 2 * 2, shape.width // 2 * 2, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(black, format="bgr24")
    detector = Detector(model.description, model.path, device)
    session, scaler = detector.session(), VideoReformatter()
    session.detect(frame, scaler)
    began = time.perf_counter()
    session.detect(frame, scaler)
    return detector.device, (time.perf_counter() - began) * 1000


def _state(store: ModelStore, model: InstalledModel | None) -> str:
    if model is None:
        return "not installed"
    try:
        store.verify(model)
    except ModelError as error:
        return f"unusable: {error}"
    return "installed"


def _settings(ctx: typer.Context) -> ModelSettings:
    found: ModelSettings = ctx.obj
    return found


def _fail(error: Exception) -> NoReturn:
    typer.echo(f"vms: {error}", err=True)
    raise typer.Exit(1) from error
