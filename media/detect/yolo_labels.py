"""Labels in YOLO's way: a `.txt` for each picture, and the names of the classes in a file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from media.detect.catalogue import DEFAULT_MODEL, catalogue
from media.detect.labelled import PICTURES, DatasetError, Labelled, feature_of, pictures_in
from media.types import Box

logger = logging.getLogger(__name__)

YAMLS = ("*.yaml", "*.yml")
_LISTS = ("classes.txt", "labels/classes.txt", "obj.names", "*.names", "_darknet.labels")
_JUDGED_BY = ("val", "test", "train")
"""Of the parts that a `.yaml` names, the first that is there: models are judged by it."""
_CORNERS = 6
"""Numbers from which on a line is the outline of an object, three points at least."""
_SLACK = 0.01
"""How far a number may lie outside of the picture, by rounding."""


class _Data(msgspec.Struct, frozen=True):
    """What a `.yaml` beside the pictures says: folders or lists of pictures, names of classes."""

    names: list[str] | dict[int, str] = []
    nc: int | None = None
    path: str = ""
    val: list[str] | str = ""
    test: list[str] | str = ""
    train: list[str] | str = ""

    def part(self, name: str) -> list[str]:
        said: list[str] | str = getattr(self, name)
        return [said] if isinstance(said, str) and said else list(said)

    @property
    def class_names(self) -> list[str]:
        if isinstance(self.names, list):
            return self.names
        count = max(self.names, default=-1) + 1
        return [self.names.get(number, "") for number in range(count)]


@dataclass(frozen=True, slots=True)
class _DataFile:
    path: Path
    data: _Data


def read_yolo(folder: Path, file: Path | None = None) -> list[Labelled] | None:
    """The labelled pictures of a folder, by name; None where no picture has a `.txt`.

    Args:
        folder: pictures lie in `images`, else anywhere below.
        file: the `.yaml` that describes them; None for the one in `folder`, or above it.

    Raises:
        DatasetError: a file can't be read, or nothing names the classes.
    """
    described = _data_file(folder) if file is None else _read_data(file)
    pictures = _part(described) if described else []
    if not pictures:
        pictures = pictures_in(folder / "images" if (folder / "images").is_dir() else folder)
    labels = [_labels_of(picture) for picture in pictures]
    if not any(path.is_file() for path in labels):
        return None
    features = [feature_of(name) for name in _class_names(folder, described)]
    return [
        Labelled(picture, _boxes(path, features))
        for picture, path in zip(pictures, labels, strict=True)
    ]


def _data_file(folder: Path) -> _DataFile | None:
    """The first `.yaml` of a folder that names classes or pictures."""
    for path in sorted(path for pattern in YAMLS for path in folder.glob(pattern)):
        found = _read_data(path)
        is_said = found.data.names or any(found.data.part(name) for name in _JUDGED_BY)
        if is_said or found.data.nc is not None:
            return found
    return None


def _read_data(path: Path) -> _DataFile:
    try:
        loaded = yaml.load(path.read_text("utf-8-sig"), yaml.BaseLoader)  # noqa: S506 - makes texts
        return _DataFile(path, msgspec.convert(loaded or {}, _Data, strict=False))
    except (yaml.YAMLError, msgspec.ValidationError, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: {' '.join(str(error).split())}") from error


def _part(described: _DataFile) -> list[Path]:
    """The pictures that models are judged by, where the file says it and they are there."""
    for name in _JUDGED_BY:
        found: list[Path] = []
        for place in described.data.part(name):
            found += _pictures_at(described, place)
        if found:
            return sorted(set(found))
    return []


def _pictures_at(described: _DataFile, place: str) -> list[Path]:
    """Of a folder or a list, wherever its like lies: exporters write paths of their own machine."""
    beside = described.path.parent
    for base in (beside / described.data.path, beside):
        for path in (base / place, base / place.removeprefix("../")):
            if path.is_dir():
                return pictures_in(path)
            if path.suffix == ".txt" and path.is_file():
                listed = [base / line for line in _lines(path) if line]
                return [each for each in listed if each.suffix.lower() in PICTURES]
    return []


def _labels_of(picture: Path) -> Path:
    """In `labels` beside the nearest `images` above the picture, else beside the picture."""
    parts = picture.parts
    if "images" in parts[:-1]:
        at = len(parts) - 1 - parts[::-1].index("images")
        labels = Path(*parts[:at], "labels")
        if labels.is_dir():
            return labels.joinpath(*parts[at + 1 :]).with_suffix(".txt")
    return picture.with_suffix(".txt")


def _class_names(folder: Path, described: _DataFile | None) -> list[str]:
    """Of a list in the folder or of the `.yaml`, or of those above; else COCO's, which is said."""
    names = _listed_names(folder) or (described.data.class_names if described else [])
    if not names and described is None:
        described = _data_file(folder.parent)
        names = _listed_names(folder.parent) or (described.data.class_names if described else [])
    if names:
        return names
    known = list(catalogue()[DEFAULT_MODEL].output.labels)
    if described is not None and described.data.nc not in (None, len(known)):
        raise DatasetError(f"{described.path}: no names of its {described.data.nc} classes")
    logger.warning(
        "%s: nothing names its classes (classes.txt, or names: of a .yaml): they are taken for the "
        "%d of COCO",
        folder,
        len(known),
    )
    return known


def _listed_names(folder: Path) -> list[str]:
    paths = [path for pattern in _LISTS for path in sorted(folder.glob(pattern))]
    return next(([line for line in _lines(path) if line] for path in paths), [])


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: {error}") from error


def _boxes(path: Path, features: Sequence[str | None]) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = {feature: [] for feature in features if feature}
    lines = _lines(path) if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            of_class, *numbers = (float(word) for word in line.split())
            feature, box = features[_natural(of_class)], _box(numbers)
        except (ValueError, IndexError) as error:
            raise DatasetError(f"{path}, line {number}: {line[:80]!r}: {error}") from error
        if feature is not None:
            boxes[feature].append(box)
    return boxes


def _natural(number: float) -> int:
    if number < 0 or not number.is_integer():
        raise ValueError(f"{number:g} is no class")
    return int(number)


def _box(numbers: Sequence[float]) -> Box:
    """Of centre, width and height, with a score or without; or around an outline of points."""
    if len(numbers) >= _CORNERS and len(numbers) % 2 == 0:
        corners = (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2]))
    else:
        x, y, width, height = numbers[:4]
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if not all(-_SLACK <= each <= 1 + _SLACK for each in numbers):
        raise ValueError("want numbers from 0 to 1, of the picture's width and height")
    return Box(*corners)
