"""The analytics that a plan can include and a camera can switch on."""

from __future__ import annotations

from enum import StrEnum


class Feature(StrEnum):
    PERSON = "person"
    VEHICLE = "vehicle"
    FACE = "face"
    LICENSE_PLATE = "license_plate"
    VIOLENCE = "violence"
    MOTION = "motion"


ALL_FEATURES = [feature.value for feature in Feature]
