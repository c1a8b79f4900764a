"""Which installed models cameras are watched with: of each task, for each feature the first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec import structs

from app.model_store import InstalledModel, ModelError, ModelStore
from media.detect.description import ModelDescription, Task
from media.detect.model_set import ModelSet
from media.detect.motion_clips import MotionClassifier
from media.types import MediaError, ModelStatus

if TYPE_CHECKING:
    from media.detect.network import Network  # slow to import

log = logging.getLogger(__name__)

Use = Callable[[InstalledModel], None]
"""Makes use of a model that is sound. Raises MediaError: it can't be used."""


@dataclass(slots=True)
class Choice:
    """What was chosen, detectors first; and by name why others could not be."""

    models: list[InstalledModel] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


def choose(store: ModelStore, wanted: str | None, use: Use = lambda _: None) -> Choice:
    """Detectors first, `wanted` before all; a model is left out when others have its features.

    A quantized model is used where it is wanted, and never else.

    Raises:
        ModelError: `wanted` is not installed, not sound, or no detector.
        MediaError: `wanted` can't be used.
    """
    choice = Choice()
    installed = store.installed()
    found: set[str] = set()
    if wanted is not None:
        first = store.pick(wanted)
        use(first)
        choice.models.append(first)
        found |= first.description.features.keys()
        installed = [each for each in installed if each.description.name != wanted]
    for task in Task:
        served = set[str]() if task is Task.READ else found
        for model in installed:
            if model.description.quantized is not None:
                continue
            features = model.description.features.keys()
            is_due = model.description.task is task and bool(features - served)
            if is_due and _is_usable(store, model, use, choice):
                served |= features
    return choice


def _is_usable(store: ModelStore, model: InstalledModel, use: Use, choice: Choice) -> bool:
    try:
        store.verify(model)
        use(model)
    except (ModelError, MediaError) as error:
        choice.faults[model.description.name] = str(error)
        return False
    choice.models.append(model)
    return True


class Loading:
    """A Use that loads models on a device; `begin` takes the place of detectors' own thresholds.

    Motion is told whatever is loaded.
    """

    def __init__(self, device: str, begin: float | None = None) -> None:
        self._device, self._begin = device, begin
        self.models = ModelSet(classifiers=(MotionClassifier(),))
        self.networks: dict[str, Network] = {}

    def __call__(self, model: InstalledModel) -> None:
        from media.detect.clips import ClipClassifier  # these are slow to import
        from media.detect.reader import Reader
        from media.detect.runtime import Detector

        described, path, have = model.description, model.path, self.models
        if described.task is Task.DETECT:
            detector = Detector(self._as_wished(described), path, self._device)
            self.models = replace(have, detectors=(*have.detectors, detector))
            network = detector.network
        elif described.task is Task.READ:
            reader = Reader(described, path, self._device)
            self.models = replace(have, readers=(*have.readers, reader))
            network = reader.network
        else:
            classifier = ClipClassifier(described, path, self._device)
            self.models = replace(have, classifiers=(*have.classifiers, classifier))
            network = classifier.encoder
        self.networks[described.name] = network

    def _as_wished(self, described: ModelDescription) -> ModelDescription:
        if self._begin is None:
            return described
        thresholds = structs.replace(described.thresholds, begin=self._begin)
        return structs.replace(described, thresholds=thresholds)


def statuses(
    store: ModelStore, choice: Choice, loading: Loading | None = None
) -> tuple[ModelStatus, ...]:
    """Every model known here, those in use first. Where they run may change: see `as_they_run`."""
    installed = {model.description.name for model in store.installed()}
    chosen = {model.description.name for model in choice.models}
    found = [
        ModelStatus(
            name=name,
            version=model.version,
            features=tuple(model.features),
            licence=model.licence,
            installed=name in installed,
            active=name in chosen,
            reason=None if name in chosen else _why_not(model, installed, choice),
            task=model.task.value,
        )
        for name, model in store.known().items()
    ]
    found.sort(key=lambda status: not status.active)
    return as_they_run(found, loading.networks if loading else {})


def as_they_run(
    found: Iterable[ModelStatus], networks: Mapping[str, Network]
) -> tuple[ModelStatus, ...]:
    """The statuses, with the device on which each network is now."""
    return tuple(
        replace(each, device=network.device, reason=network.device_fault)
        if (network := networks.get(each.name)) and each.active
        else each
        for each in found
    )


def _why_not(model: ModelDescription, installed: set[str], choice: Choice) -> str:
    name = model.name
    if name not in installed:
        return f"not installed: vms models pull {name}"
    if model.quantized is not None:
        return choice.faults.get(name, f"used with VMS_MODEL={name} alone")
    in_use = "another model is in use" if choice.models else "VMS_MODEL can't be used"
    return choice.faults.get(name, in_use)
