"""The analytics that a plan can include and a camera can switch on, and what events may be of."""

from __future__ import annotations

import re
from enum import StrEnum


class Feature(StrEnum):
    PERSON = "person"
    VEHICLE = "vehicle"
    FACE = "face"
    LICENSE_PLATE = "license_plate"
    VIOLENCE = "violence"
    MOTION = "motion"


ALL_FEATURES = [feature.value for feature in Feature]

EVENT_TYPE = "[a-z][a-z0-9_]{0,31}"
"""The form of an event's type: a feature, or what another system calls it (`door_contact`)."""

_EVENT_TYPE = re.compile(EVENT_TYPE, re.ASCII)


def is_event_type(name: str) -> bool:
    return _EVENT_TYPE.fullmatch(name) is not None
