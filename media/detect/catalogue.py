"""The models this program knows of without being told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from media.detect.description import ModelDescription

DEFAULT_MODEL = "yolox-nano"
FALLBACK_MODEL = "ssd-mobilenetv2-oidv4"


@cache
def catalogue() -> Mapping[str, ModelDescription]:
    """Descriptions by name, the default first; each is a TOML file beside this module."""
    names = (DEFAULT_MODEL, FALLBACK_MODEL)
    found = {name: ModelDescription.from_toml(description_text(name)) for name in names}
    return MappingProxyType(found)


def description_text(name: str) -> str:
    """The TOML of a model of the catalogue, comments included, to be laid beside its weights."""
    folder = resources.files("media.detect") / "models"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")
