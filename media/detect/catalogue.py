"""The models this program knows of without being told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from media.detect.description import ModelDescription

DEFAULT_MODEL = "yolox-nano"
FALLBACK_MODEL = "ssd-mobilenetv2-oidv4"

ORDER = (
    DEFAULT_MODEL,
    FALLBACK_MODEL,
    "person-vehicle-bike-detection-crossroad-0078",
    "person-vehicle-bike-detection-crossroad-1016",
    "person-vehicle-bike-detection-2000",
    "person-detection-retail-0013",
    "person-detection-0202",
    "person-detection-0201",
    "person-detection-0200",
    "vehicle-detection-0200",
    "face-detection-retail-0004",
    "face-detection-0200",
    "vehicle-license-plate-detection-barrier-0106",
    "pp-ocrv6-rec-small",
    "license-plate-recognition-barrier-0001",
    "action-recognition-0001",
)
"""Of two models for one feature the first is recommended."""


@cache
def catalogue() -> Mapping[str, ModelDescription]:
    """Descriptions by name, in ORDER; each is a TOML file in `models` beside this module."""
    found = {name: ModelDescription.from_toml(description_text(name)) for name in ORDER}
    return MappingProxyType(found)


def description_text(name: str) -> str:
    """The TOML of a model of the catalogue, comments included, to be laid beside its weights."""
    folder = resources.files("media.detect") / "models"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")
