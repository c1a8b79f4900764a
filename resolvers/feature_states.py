"""What is to be had of each feature here: by which model, or what to do for it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from media.types import MOTION_VERSION, ModelStatus
from resolvers.features import ALL_FEATURES, Feature

READS, DETECTS = "reads text", "finds boxes"
"""Tasks of models, as `ModelStatus` says them."""

READ_FEATURES = frozenset({Feature.LICENSE_PLATE.value})
"""What is read once it is found."""

NOBODY_SAYS = "unavailable: no worker says what it can detect"


@dataclass(frozen=True, slots=True)
class FeatureState:
    """How a feature is to be had.

    `model_version` is None where no model finds it. `reason` says what lacks, and what to do for
    it; None where nothing does.
    """

    feature: str
    model_version: str | None
    reason: str | None

    @property
    def is_available(self) -> bool:
        return self.model_version is not None


def feature_states(
    models: Sequence[ModelStatus], features: Iterable[str] = ALL_FEATURES
) -> list[FeatureState]:
    """Of these features, given the models of this installation, those in use first."""
    return [_state(models, feature) for feature in features]


def _state(models: Sequence[ModelStatus], feature: str) -> FeatureState:
    if feature == Feature.MOTION:
        return _of_motion(is_told=bool(models))
    having = [model for model in models if feature in model.features]
    finders = [model for model in having if model.task != READS]
    version, reason = _version(finders), None
    if version is None:
        reason = f"unavailable: {_help(finders)}" if models else NOBODY_SAYS
    elif feature in READ_FEATURES:
        readers = [model for model in having if model.task == READS]
        if _version(readers) is None:
            reason = f"found but not read: {_help(readers)}"
    return FeatureState(feature, version, reason)


def _of_motion(*, is_told: bool) -> FeatureState:
    """Every worker tells of it, without a model."""
    version, reason = (MOTION_VERSION, None) if is_told else (None, NOBODY_SAYS)
    return FeatureState(Feature.MOTION, version, reason)


def _version(models: Sequence[ModelStatus]) -> str | None:
    return next((f"{each.name}@{each.version}" for each in models if each.active), None)


def _help(models: Sequence[ModelStatus]) -> str:
    """What to do, or why no model of these is in use: one that is installed is the nearest."""
    for model in models:
        if model.installed:
            return f"{model.name}: {model.reason}"
    if not models:
        return "no model of the catalogue has it"
    return f"vms models pull {models[0].name}"
