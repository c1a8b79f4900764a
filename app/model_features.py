"""What is to be had of each feature here: from which model, or by which command."""

from __future__ import annotations

from app.model_store import ModelError, ModelStore
from media.detect.catalogue import catalogue
from media.detect.description import Task
from resolvers.features import ALL_FEATURES, Feature

DETECTORS_ALONE = "cameras are watched with detectors alone so far"
"""Why a reader or a classifier is not in use."""


def feature_states(store: ModelStore, wanted: str | None) -> dict[str, str]:
    """For each feature a line for a person to read.

    Args:
        store: the installed models.
        wanted: the detector that the settings name, if they do.
    """
    try:
        in_use = store.pick(wanted).description
    except ModelError:
        in_use = None
    states = {}
    for feature in ALL_FEATURES:
        if feature == Feature.MOTION:
            states[feature] = "needs no model"
        elif in_use is not None and feature in in_use.features:
            states[feature] = in_use.model_version
        else:
            states[feature] = _unused(store, feature)
    return states


def _unused(store: ModelStore, feature: str) -> str:
    """Why nothing looks for a feature."""
    for model in store.installed():
        if feature in model.description.features and model.description.task is Task.DETECT:
            name = model.description.name
            return f"unavailable while another model is in use: VMS_MODEL={name}"
        if feature in model.description.features and model.description.task is Task.CLASSIFY:
            return f"unavailable: {model.description.name} is installed; {DETECTORS_ALONE}"
    for name, description in catalogue().items():
        if feature in description.features and description.task is not Task.READ:
            return f"unavailable: vms models pull {name}"
    return "unavailable: no model of the catalogue finds it"
