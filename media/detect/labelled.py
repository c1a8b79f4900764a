"""A picture and what people say that it shows, in the product's words."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from media.types import Box, MediaError

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

CLASSES: Mapping[str, tuple[str, ...]] = {
    "person": (
        *("person", "human", "people", "pedestrian", "rider", "person sitting"),
        *("man", "men", "woman", "women", "boy", "girl", "child", "children"),
    ),
    "vehicle": (
        *("vehicle", "motor vehicle", "land vehicle", "car", "taxi", "van", "minivan", "suv"),
        *("bus", "buses", "minibus", "truck", "lorry", "lorries", "pickup", "pickup truck"),
        *("motorcycle", "motorbike", "motor", "motor scooter"),
    ),
    "face": ("face", "human face"),
    "license_plate": (
        *("license plate", "licence plate", "number plate", "plate", "car plate"),
        *("vehicle registration plate", "car license plate", "vehicle license plate"),
    ),
}
"""Which classes of a dataset are of which feature; in the plural too."""


class DatasetError(MediaError):
    """A folder of labelled pictures can't be read; the text names the file."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture and what it shows.

    Attributes:
        boxes: of each feature that the dataset labels, in 0..1 of the picture.
        crowds: areas of many that nobody counted: what is found there is neither right nor wrong.
        size_px: width and height that the labels are of, where they say it: whether they are of the
            picture as it is stored, or as it is shown once it is turned upright.
    """

    picture: Path
    boxes: Mapping[str, Sequence[Box]]
    crowds: Mapping[str, Sequence[Box]] = field(default_factory=dict)
    size_px: tuple[int, int] | None = None


def feature_of(class_name: str) -> str | None:
    """Spaces, signs and case make no difference: `License-Plate` is `licenseplate`."""
    wanted = _plain(class_name)
    spellings = {wanted, wanted.removesuffix("s")}
    return next(
        (name for name, known in CLASSES.items() if spellings & {_plain(each) for each in known}),
        None,
    )


def pictures_in(folder: Path) -> list[Path]:
    """By name; below it too, but what is hidden."""
    found = (folder / name for name in glob.glob("**/*", root_dir=folder, recursive=True))
    return sorted(path for path in found if path.suffix.lower() in PICTURES)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
