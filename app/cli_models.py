"""`vms models`: which models are there, getting one, trying it, and how well it sees."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Protocol

import typer
from msgspec import structs

from app.model_choice import Choice, choose, statuses
from app.model_store import InstalledModel, ModelError, ModelStore
from media.detect.description import Task
from media.types import MediaError
from resolvers.feature_states import feature_states

if TYPE_CHECKING:
    from media.detect.labelled import Labelled

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
    """Lists the models that are known, and what is to be had of each feature."""
    settings = _settings(ctx)
    store = ModelStore(settings.data_dir)
    installed = {model.description.name: model for model in store.installed()}
    for name, description in store.known().items():
        state = _state(store, installed.get(name), name)
        features = ", ".join(description.features)
        typer.echo(f"{description.model_version}  {description.licence}  {features}  {state}")
    for fault in store.faults():
        typer.echo(f"unreadable: {fault}", err=True)
    typer.echo()
    for line in _features(store, settings.model):
        typer.echo(line)


@models_app.command()
def pull(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A model that `list` shows; without it the default.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A model file of your own: of the catalogue, or with a TOML beside it."),
    ] = None,
) -> None:
    """Gets a model, verified by its hash and tried; what is there is not fetched again."""
    store = trying(ctx)
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
        fail(error)
    typer.echo(f"{model.description.model_version} is installed in {model.folder}")


@models_app.command()
def add(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A TOML that describes a model: docs/models.md.")],
) -> None:
    """Adds a model of your own: verified by its hashes, tried, then installed."""
    try:
        model = trying(ctx).add(file, show_progress)
    except ModelError as error:
        fail(error)
    typer.echo(f"{model.description.model_version} is installed in {model.folder}")


@models_app.command()
def check(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="An installed model; without it those in use.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="A folder of labelled pictures: docs/models.md.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The same as NAME.")] = None,
) -> None:
    """Verifies a model, loads it, tries it, and measures how well it sees labelled pictures.

    Without a name each labelled feature is measured with the detector that finds it for cameras.
    """
    settings = _settings(ctx)
    wanted = name or model
    try:
        store = ModelStore(settings.data_dir)
        if dataset is not None:
            models = [store.find(wanted)] if wanted else _detectors(store, settings.model)
            lines = _accuracies(models, settings.device, dataset)
        else:
            chosen = store.find(wanted) if wanted else store.pick(settings.model)
            lines = _trial(chosen, settings.device)
    except (ModelError, MediaError) as error:
        fail(error)
    for line in lines:
        typer.echo(line)


def _features(store: ModelStore, wanted: str | None) -> list[str]:
    """For each feature which model finds it, or what to do; raises nothing of `wanted`."""
    try:
        choice = choose(store, wanted)
    except ModelError as error:
        choice = Choice(faults={wanted or "": str(error)})
    return [
        f"{state.feature:13}  {'; '.join(filter(None, (state.model_version, state.reason)))}"
        for state in feature_states(statuses(store, choice))
    ]


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


def trying(ctx: typer.Context) -> ModelStore:
    """A store that runs a model once before it takes its place."""
    settings = _settings(ctx)

    def prove(model: InstalledModel) -> None:
        from media.detect.loading import try_model  # slow to import, and not needed to list

        try_model(model.description, model.path, settings.device)

    return ModelStore(settings.data_dir, prove)


def _detectors(store: ModelStore, wanted: str | None) -> list[InstalledModel]:
    """Those in use, in their order. Raises ModelError: none is."""
    chosen = choose(store, wanted).models
    found = [each for each in chosen if each.description.task is Task.DETECT]
    return found or [store.pick(wanted)]


def _trial(model: InstalledModel, device: str) -> list[str]:
    from media.detect.loading import try_model  # slow to import

    trial = try_model(model.description, model.path, device)
    version = model.description.model_version
    lines = [f"{version} runs on {trial.device}, {trial.milliseconds:.1f} ms a picture"]
    return lines + ([f"not where it was to: {trial.device_fault}"] if trial.device_fault else [])


def _accuracies(models: list[InstalledModel], device: str, dataset: Path) -> list[str]:
    """A table for each model of what it finds before the others, and is labelled.

    Raises:
        ModelError: they find nothing of what is labelled.
    """
    from media.detect.dataset import read_dataset  # slow to import

    pictures = read_dataset(dataset)
    left = set(pictures[0].boxes)
    lines: list[str] = []
    for model in models:
        features = {name: x for name, x in model.description.features.items() if name in left}
        left -= features.keys()
        if features:
            lines += _accuracy(model, features, device, pictures)
    if not lines:
        names = ", ".join(model.description.name for model in models)
        raise ModelError(f"{names}: can't find what is labelled: {', '.join(sorted(left))}")
    return lines + [f"{name:13}  is labelled, and not found by these" for name in sorted(left)]


def _accuracy(
    model: InstalledModel,
    features: Mapping[str, tuple[str, ...]],
    device: str,
    pictures: Sequence[Labelled],
) -> list[str]:
    """A table of what was measured, a row a feature."""
    from media.detect.accuracy import measure, sensitive  # slow to import
    from media.detect.runtime import Detector

    detector = Detector(sensitive(model.description), model.path, device)
    measured_for = structs.replace(model.description, features=dict(features))
    measured = measure(detector.session().detect, measured_for, pictures)
    begin = model.description.thresholds.begin
    lines = [
        f"{model.description.model_version} on {detector.device}: {measured.pictures} pictures, "
        f"{measured.milliseconds:.1f} ms each",
        f"{'feature':13}  labels   AP50  precision  recall  (both at score {begin:.2f})",
    ]
    for each in measured.accuracies:
        ap50, precision, recall = map(share, (each.ap50, each.precision, each.recall))
        lines.append(f"{each.feature:13}  {each.labels:6}  {ap50:>5}  {precision:>9}  {recall:>6}")
    return lines


def share(value: float | None) -> str:
    """0..1, as printed in tables."""
    return "-" if value is None else f"{value:.2f}"


def _state(store: ModelStore, model: InstalledModel | None, name: str) -> str:
    if model is None:
        return f"not installed: vms models pull {name}"
    try:
        store.verify(model)
    except ModelError as error:
        return f"unusable: {error}"
    return "installed"


def _settings(ctx: typer.Context) -> ModelSettings:
    found: ModelSettings = ctx.obj
    return found


def fail(error: Exception) -> NoReturn:
    """One line, status 1."""
    typer.echo(f"vms: {error}", err=True)
    raise typer.Exit(1) from error
