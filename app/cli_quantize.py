"""`vms models quantize`: a model in INT8, calibrated on the site's own footage and tried on it."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import instants
from app.cli_models import fail, share, trying
from app.cli_replay import Tenant
from app.cli_tenants import acting
from app.model_store import InstalledModel, ModelError, ModelStore
from app.quantizing import LEAST_PICTURES, Making, Source, demand_enough, moments, original
from app.replaying import is_sound
from app.settings import Settings
from media.clock import SystemClock
from media.types import MediaError
from resolvers.access import Actor, Interval, Scope
from resolvers.tenants import DEFAULT_TENANT

if TYPE_CHECKING:
    from media.detect.accuracy import Measured
    from media.detect.dataset import Labelled
    from media.detect.description import ModelDescription
    from media.detect.runtime import Detector
    from media.detect.side_by_side import SideBySide
    from media.spread import Moment

FASTER = 1.05
"""A smaller gain than this is none: measuring twice differs by as much."""


def quantize(  # noqa: PLR0913 - an option for each thing that decides what is made
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="An installed detector.")],
    *,
    camera: Annotated[str, typer.Option("--from", help="The camera's id.", metavar="CAMERA")],
    when: Annotated[
        str,
        typer.Option(
            "--interval", metavar="FROM/TO", help="Two times with their zones, a day at most."
        ),
    ],
    new_name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Of the new model: NAME-int8.")
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=LEAST_PICTURES, max=1000, help="How many to take.")
    ] = 300,
    dataset: Annotated[
        Path | None, typer.Option(help="Labelled pictures to try both on: docs/models.md.")
    ] = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Makes an INT8 model of a detector, out of a camera's recorded footage, and tries both.

    Prints how fast each is, and how far they agree on pictures that did not calibrate it. The new
    model lies beside the old one, and is used where VMS_MODEL names it alone.
    """
    settings: Settings = ctx.obj
    source = Source(tenant, camera, _interval(when))
    try:
        model, store = _demanded(ctx, name, new_name or f"{name}-int8")
        labelled = _labelled(dataset)
        taken = _moments(settings, source, pictures)
        with tempfile.TemporaryDirectory(prefix="vms-quantize-") as folder:
            making = Making(model, new_name or f"{name}-int8", Path(folder), source)
            for line in _made(making, taken, settings.device, labelled):
                typer.echo(line)
            added = store.add_new(making.toml)
    except (ModelError, MediaError, OSError) as error:
        fail(error)
    for line in _what_now(added, model, source):
        typer.echo(line)


def _interval(text: str) -> Interval:
    since, slash, until = text.partition("/")
    if not slash:
        raise typer.BadParameter("--interval: want FROM/TO, two times with their zones")
    wanted = Interval(*(instants.option("--interval", each) for each in (since, until)))
    if not is_sound(wanted):
        raise typer.BadParameter("--interval: want TO after FROM, by a day at most")
    return wanted


def _demanded(ctx: typer.Context, name: str, new_name: str) -> tuple[InstalledModel, ModelStore]:
    """Raises ModelError: it can't be done, whatever the footage is."""
    if importlib.util.find_spec("nncf") is None:
        raise ModelError("quantizing needs NNCF: pip install 'vms[quantize]'")
    store = trying(ctx)
    model = original(store, name)
    store.demand_free(new_name)
    return model, store


def _labelled(dataset: Path | None) -> list[Labelled]:
    from media.detect.dataset import read_dataset

    return [] if dataset is None else read_dataset(dataset)


def _moments(settings: Settings, source: Source, count: int) -> list[Moment]:
    """Raises TooFewPictures; ends the program where there is no such camera."""
    actor = Actor(source.tenant, frozenset({Scope.CAMERAS_READ}))
    found, lacks_s = acting(settings, actor, lambda who: moments(who, source, count))
    if lacks_s:
        typer.echo(f"vms: {lacks_s:.0f} s lie in other stores and are left out", err=True)
    if not found:
        raise ModelError(f"camera {source.camera} has no footage here in {source.text}")
    return found


def _made(
    making: Making, taken: list[Moment], device: str, labelled: list[Labelled]
) -> Iterator[str]:
    """Makes it, and tells how it does; raises MediaError, OSError."""
    from media.detect.calibration import material  # these are slow to import
    from media.detect.quantizing import quantize as in_int8
    from media.detect.runtime import Detector
    from media.detect.side_by_side import side_by_side

    model = making.model
    _say(f"taking {len(taken)} pictures")
    found = material(taken, model.description.input)
    demand_enough(found.pictures)
    _say(f"calibrating with {len(found.canvases)} pictures")
    layout = in_int8(model.description, model.path, found.canvases, making.path)
    described = making.described(layout, len(found.canvases), SystemClock())
    _say(f"trying both on {len(found.held_out)} others")
    before = Detector(model.description, model.path, device)
    after = Detector(described, making.path, device)
    yield from _compared(before, after, side_by_side(before, after, found.frames()))
    if labelled:
        yield from _on_labels(
            _measured(model.description, model.path, device, labelled),
            _measured(described, making.path, device, labelled),
        )


def _measured(
    description: ModelDescription, path: Path, device: str, labelled: list[Labelled]
) -> Measured:
    from media.detect.accuracy import measure, sensitive  # slow to import
    from media.detect.runtime import Detector

    detector = Detector(sensitive(description), path, device)
    return measure(detector.session().detect, description, labelled)


def _compared(before: Detector, after: Detector, tried: SideBySide) -> Iterator[str]:
    begin = before.description.thresholds.begin
    yield (
        f"{before.description.model_version} and {after.description.model_version} on "
        f"{after.device}: {tried.pictures} pictures of the interval, other than those that "
        "calibrated"
    )
    yield "         ms a picture  pictures a second"
    for name, speed in (("original", tried.reference), ("INT8", tried.other)):
        yield f"{name:8} {speed.milliseconds:12.1f}  {speed.looks_per_second:17.1f}"
    yield f"what INT8 finds of what the original finds, both from score {begin:.2f} on:"
    yield f"{'feature':13}  objects  precision  recall"
    for each in tried.agreement:
        precision, recall = share(each.precision), share(each.recall)
        yield f"{each.feature:13}  {each.labels:7}  {precision:>9}  {recall:>6}"
    if not any(each.labels for each in tried.agreement):
        yield "the original finds nothing in these pictures: take an interval with more to see"
    yield in_words(tried)


def in_words(tried: SideBySide) -> str:
    """Whether it is worth it."""
    before, after = tried.reference, tried.other
    if tried.gain >= FASTER:
        return f"INT8 is {tried.gain:.1f} times as fast on this processor"
    how = "not" if tried.gain < 1 else "hardly"
    return (
        f"INT8 is {how} faster on this processor: {after.milliseconds:.1f} ms a picture, not "
        f"{before.milliseconds:.1f}; {after.looks_per_second:.1f} pictures a second, not "
        f"{before.looks_per_second:.1f}. There is no reason to switch it on here"
    )


def _on_labels(before: Measured, after: Measured) -> Iterator[str]:
    yield f"on {before.pictures} labelled pictures:"
    yield f"{'feature':13}  labels  AP50 original  AP50 INT8"
    for old, new in zip(before.accuracies, after.accuracies, strict=True):
        yield f"{old.feature:13}  {old.labels:6}  {share(old.ap50):>13}  {share(new.ap50):>9}"


def _what_now(added: InstalledModel, model: InstalledModel, source: Source) -> Iterator[str]:
    name, (since, until) = added.description.name, source.text.split("/")
    tenant = "" if source.tenant == DEFAULT_TENANT else f" --tenant {source.tenant}"
    yield f"{added.description.model_version} is installed in {added.folder}, and not in use"
    yield f"to switch it on: VMS_MODEL={name}"
    yield (
        f"to see more of it: vms models compare {source.camera} --from {since} --to {until} "
        f"--model {name} --against {model.description.name}{tenant}"
    )
    yield "to drop it: delete that folder"


def _say(what: str) -> None:
    typer.echo(f"vms: {what}", err=True)
