"""The models that this process detects with, if there are any, and what to say of the others."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from app.cli_models import show_progress
from app.model_choice import Choice, Loading, as_they_run, choose, statuses
from app.model_store import NONE_INSTALLED, ModelError, ModelStore
from app.settings import Settings
from media.detect.pool import DetectorPool
from media.types import MediaError, ModelStatus
from resolvers.feature_states import feature_states

if TYPE_CHECKING:
    from media.detect.network import Network

log = logging.getLogger(__name__)

NOTHING_DETECTED = "cameras are recorded and served; nothing but motion is detected"


@dataclass(frozen=True, slots=True)
class Detection:
    pool: DetectorPool
    found: tuple[ModelStatus, ...] = field(default=())
    networks: Mapping[str, Network] = field(default_factory=dict)

    def statuses(self) -> tuple[ModelStatus, ...]:
        """As they are now: a device may have failed since."""
        return as_they_run(self.found, self.networks)

    @property
    def lacking(self) -> dict[str, str]:
        """Of features that are not to be had in full, why, and what to do."""
        return {each.feature: each.reason for each in feature_states(self.found) if each.reason}


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
    """Loads the models and opens their pool for as long as the context lasts.

    A model that is missing, damaged or does not load is no reason to stop: it is said in the log,
    in readiness and in `models`, and cameras are recorded all the same.
    """
    store, loading = ModelStore(settings.data_dir), Loading(settings.device)
    try:
        choice = choose(store, settings.model, loading)
    except (ModelError, MediaError) as error:
        choice = Choice(faults={settings.model or "": str(error)})
    found = statuses(store, choice, loading)
    if not choice.models:
        fault = "; ".join(choice.faults.values()) or NONE_INSTALLED
        log.warning("%s: %s", fault, NOTHING_DETECTED)
    else:
        for fault in choice.faults.values():
            log.warning("%s", fault)
    pool = DetectorPool(loading.models)
    try:
        yield Detection(pool, found, loading.networks)
    finally:
        pool.close()
