"""What is to be had of each feature, by the models that are there."""

from dataclasses import replace

from media.types import MOTION_VERSION, ModelStatus
from resolvers.feature_states import NOBODY_SAYS, FeatureState, feature_states
from resolvers.features import ALL_FEATURES

DETECTOR = ModelStatus("d", "2024-01-02", ("license_plate",), "MIT", True, True, "CPU")
READER = replace(DETECTOR, name="r", task="reads text")


def state(*models: ModelStatus) -> FeatureState:
    (found,) = feature_states(models, ["license_plate"])
    return found


def test_a_model_in_use_is_named() -> None:
    assert state(DETECTOR, READER) == FeatureState("license_plate", "d@2024-01-02", None)


def test_plates_that_nothing_reads_are_found_and_say_so() -> None:
    away = replace(READER, installed=False, active=False)

    found = state(DETECTOR, away)

    assert found.is_available
    assert found.reason == "found but not read: vms models pull r"


def test_a_reader_alone_finds_nothing() -> None:
    away = replace(DETECTOR, installed=False, active=False)

    assert state(READER, away) == FeatureState(
        "license_plate", None, "unavailable: vms models pull d"
    )


def test_one_that_is_installed_and_not_in_use_says_why() -> None:
    missing = replace(DETECTOR, name="m", installed=False, active=False, reason="not installed")
    damaged = replace(DETECTOR, active=False, reason="d.xml is damaged")

    assert state(missing, damaged).reason == "unavailable: d: d.xml is damaged"


def test_every_feature_has_a_state_and_all_but_motion_need_a_model_in_use() -> None:
    states = {each.feature: each for each in feature_states([DETECTOR, READER])}

    assert list(states) == ALL_FEATURES
    assert {name for name, each in states.items() if each.is_available} == {
        *("license_plate", "motion"),
    }
    assert states["motion"] == FeatureState("motion", MOTION_VERSION, None)
    assert all(each.reason for each in states.values() if not each.is_available)


def test_where_no_worker_speaks_nothing_is_known() -> None:
    assert state() == FeatureState("license_plate", None, NOBODY_SAYS)
    assert feature_states([], ["motion"]) == [FeatureState("motion", None, NOBODY_SAYS)]
