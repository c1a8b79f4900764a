"""What the TOML file beside a model's weights says, so that adding a model takes no code."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from media.types import MediaError

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Side = Annotated[int, Meta(ge=16, le=8192)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class DescriptionError(MediaError):
    """A model's description is not what this program can read; the text names the field."""


class Layout(StrEnum):
    NCHW = "NCHW"
    NHWC = "NHWC"


class Colour(StrEnum):
    BGR = "BGR"
    RGB = "RGB"


class Fit(StrEnum):
    """How a frame becomes the model's input.

    LETTERBOX keeps the aspect: scaled into the top left corner, the rest is `pad`.
    STRETCH scales each side by itself.
    """

    LETTERBOX = "letterbox"
    STRETCH = "stretch"


class Family(StrEnum):
    """Which decoder reads the model's output; each is one module of this folder."""

    YOLOX = "yolox"
    SSD = "ssd"
    SSD_RAW = "ssd-raw"
    FASTESTDET = "fastestdet"


class ModelFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sha256` lists every content that is accepted; the first is the published one."""

    name: FileName
    sha256: Annotated[tuple[Sha256, ...], Meta(min_length=1)]


class InputDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network eats: (pixel - mean) / scale per channel, in the order of `colour`."""

    width: Side
    height: Side
    layout: Layout
    colour: Colour
    fit: Fit
    pad: Annotated[int, Meta(ge=0, le=255)] = 0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)


class OutputDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`labels` names each class by its index, a background class included."""

    family: Family
    labels: Annotated[tuple[str, ...], Meta(min_length=1)]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scores, 0..1: `track` keeps a known object in sight, `begin` lets one begin an event.

    `overlap` is the intersection over union above which the weaker of two boxes of one feature
    is dropped.
    """

    track: Share = 0.1
    begin: Share = 0.4
    overlap: Share = 0.5


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything needed to verify, load and read one model.

    Invariants: `files[0]` is the file to open and the others lie beside it; every label under
    `features` is one of `output.labels`, under one feature only; thresholds.track <= begin.
    """

    name: Name
    version: IsoDate
    licence: str
    source: str
    files: Annotated[tuple[ModelFile, ...], Meta(min_length=1)]
    input: InputDescription
    output: OutputDescription
    features: dict[str, tuple[str, ...]]
    thresholds: Thresholds = Thresholds()

    @property
    def model_version(self) -> str:
        """`name@date`, as events carry it."""
        return f"{self.name}@{self.version}"

    def feature_by_class(self) -> tuple[str | None, ...]:
        """The feature of each class index; None for what no feature asks for."""
        by_label = {label: feature for feature, names in self.features.items() for label in names}
        return tuple(by_label.get(label) for label in self.output.labels)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises DescriptionError: not TOML, a missing, wrong or unknown field."""
        try:
            found = msgspec.convert(tomllib.loads(text), cls)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise DescriptionError(f"model description: {error}") from error
        found._check()
        return found

    def _check(self) -> None:
        if not self.features:
            raise DescriptionError(f"{self.name}: [features] names no feature")
        named = [label for labels in self.features.values() for label in labels]
        unknown = sorted(set(named) - set(self.output.labels))
        if unknown:
            raise DescriptionError(f"{self.name}: [features] has labels unknown to it: {unknown}")
        if len(named) != len(set(named)):
            raise DescriptionError(f"{self.name}: [features] has a label twice")
        if self.thresholds.track > self.thresholds.begin:
            raise DescriptionError(f"{self.name}: thresholds.track is above thresholds.begin")
        if min(self.input.scale) <= 0:
            raise DescriptionError(f"{self.name}: input.scale must be above 0")
