"""The model that this process detects with, if there is one, and what there is to say of others."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer

from app.cli_models import show_progress
from app.model_features import DETECTORS_ALONE
from app.model_store import InstalledModel, ModelError, ModelStore
from app.settings import Settings
from media.detect.description import ModelDescription, Task
from media.detect.pool import DetectorPool
from media.detect.runtime import Detector
from media.types import MediaError, ModelStatus

log = logging.getLogger(__name__)

NOTHING_DETECTED = "cameras are recorded and served; nothing is detected"


@dataclass(frozen=True, slots=True)
class Detection:
    """`pool` is None where no model runs; `reason` then says why."""

    pool: DetectorPool | None
    found: tuple[ModelStatus, ...] = field(default=())

    def statuses(self) -> tuple[ModelStatus, ...]:
        return self.found


def ensure_model(settings: Settings) -> None:
    """Gets the default model where none is installed; says plainly what could not be had."""
    store = ModelStore(settings.data_dir)
    try:
        store.pick(settings.model)
    except ModelError:
        try:
            _, fault = store.pull_default(show_progress)
        except ModelError as error:
            typer.echo(f"no model could be had, {NOTHING_DETECTED}: {error}", err=True)
            return
        if fault is not None:
            typer.echo(f"using the fallback model: {fault}", err=True)
    sys.stderr.flush()


@contextmanager
def open_detection(settings: Settings) -> Iterator[Detection]:
    """Loads the model and opens its pool for as long as the context lasts.

    A model that is missing, damaged or does not load is no reason to stop: it is said in the log,
    in readiness and in `models`, and cameras are recorded all the same.
    """
    store = ModelStore(settings.data_dir)
    try:
        model = store.pick(settings.model)
        detector = Detector(model.description, model.path, settings.device)
    except (ModelError, MediaError) as error:
        log.warning("%s: %s", error, NOTHING_DETECTED)
        yield Detection(None, _statuses(store, None, None, str(error)))
        return
    pool = DetectorPool(detector)
    try:
        yield Detection(pool, _statuses(store, model, detector.device, detector.device_fault))
    finally:
        pool.close()


def _statuses(
    store: ModelStore, active: InstalledModel | None, device: str | None, fault: str | None
) -> tuple[ModelStatus, ...]:
    """Every model known here, the one in use first.

    `fault` is of the model in use: why it does not run, or not on the device asked for.
    """
    installed = {model.description.name for model in store.installed()}
    in_use = active.description.name if active else None
    statuses = [
        ModelStatus(
            name=name,
            version=description.version,
            features=tuple(description.features),
            licence=description.licence,
            installed=name in installed,
            active=name == in_use,
            device=device if name == in_use else None,
            reason=fault if name == in_use else _why_not(description, installed, in_use, fault),
        )
        for name, description in store.known().items()
    ]
    return tuple(sorted(statuses, key=lambda status: not status.active))


def _why_not(
    model: ModelDescription, installed: set[str], in_use: str | None, fault: str | None
) -> str:
    if model.name not in installed:
        return f"not installed: vms models pull {model.name}"
    if model.task is not Task.DETECT:
        return DETECTORS_ALONE
    return fault if fault and in_use is None else "another model is in use"
