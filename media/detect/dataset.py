"""Read labelled pictures: in YOLO's layout of folders, or in COCO's JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from media.types import Box, MediaError

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

CLASSES: Mapping[str, tuple[str, ...]] = {
    "person": ("person", "pedestrian", "people", "man", "woman", "child"),
    "vehicle": ("vehicle", "car", "motorcycle", "motorbike", "bus", "truck", "van"),
    "face": ("face", "human face"),
    "license_plate": ("license plate", "licence plate", "number plate", "plate"),
}
"""Which classes of a dataset are of which feature, in lower case."""


class DatasetError(MediaError):
    """A folder of labelled pictures can't be read; the text names the file."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture and what it shows.

    Attributes:
        boxes: of each feature that the dataset labels, in 0..1 of the picture.
        crowds: areas of many that nobody counted: what is found there is neither right nor wrong.
    """

    picture: Path
    boxes: Mapping[str, Sequence[Box]]
    crowds: Mapping[str, Sequence[Box]] = field(default_factory=dict)


def read_dataset(folder: Path) -> list[Labelled]:
    """The pictures of `folder`, by name.

    Either `labels/` beside `images/`, a `.txt` for each picture with a line of class number, centre
    x, centre y, width and height in 0..1 for each box, and the names of the classes in a `.yaml`
    or in `classes.txt`; a picture without a `.txt` shows nothing. Or a COCO `.json` with `images`,
    `annotations` and `categories`, in `folder` or in `annotations/`.

    Raises:
        DatasetError: neither; or a file of it can't be read, or no class is of a feature.
    """
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder}")
    if (folder / "labels").is_dir():
        found = list(_yolo(folder))
    else:
        found = list(_coco(folder, _coco_file(folder)))
    if not found:
        raise DatasetError(f"{folder}: no pictures")
    if not found[0].boxes:
        raise DatasetError(f"{folder}: none of its classes is of a feature ({', '.join(CLASSES)})")
    return found


def feature_of(class_name: str) -> str | None:
    plain = re.sub(r"[_\s-]+", " ", class_name).strip().lower()
    return next((feature for feature, names in CLASSES.items() if plain in names), None)


def _yolo(folder: Path) -> Iterator[Labelled]:
    features = [feature_of(name) for name in _class_names(folder)]
    pictures = folder / "images"
    for picture in sorted(pictures.rglob("*")):
        if picture.suffix.lower() in PICTURES:
            labels = (folder / "labels" / picture.relative_to(pictures)).with_suffix(".txt")
            yield Labelled(picture, _yolo_boxes(labels, features))


def _class_names(folder: Path) -> list[str]:
    """Of `names:` in a YAML file (a list or numbered lines), or the lines of classes.txt."""
    plain = folder / "classes.txt"
    if plain.is_file():
        return [line.strip() for line in plain.read_text("utf-8").splitlines() if line.strip()]
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        _, found, text = path.read_text("utf-8").partition("\nnames:")
        if not found:
            continue
        inline = re.match(r"\s*\[(.*?)\]", text, re.DOTALL)
        lines = re.findall(r"^\s*(?:\d+:|-)\s*(.+?)\s*$", text, re.MULTILINE)
        names = inline[1].split(",") if inline else lines
        if names:
            return [name.strip().strip("'\"") for name in names]
    raise DatasetError(f"{folder}: no names of classes in classes.txt or under names: of a .yaml")


def _yolo_boxes(path: Path, features: Sequence[str | None]) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = {feature: [] for feature in features if feature}
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            of_class, x, y, width, height = (float(word) for word in line.split()[:5])
            feature = features[_natural(of_class)]
        except (ValueError, IndexError) as error:
            raise DatasetError(f"{path}, line {number}: {line!r}: {error}") from error
        if feature is not None:
            left, top = x - width / 2, y - height / 2
            boxes[feature].append(Box(left, top, left + width, top + height))
    return boxes


def _natural(number: float) -> int:
    if number < 0 or number != int(number):
        raise ValueError(f"{number:g} is no class")
    return int(number)


class _Image(msgspec.Struct, frozen=True):
    id: int | str
    file_name: str
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]


class _Annotation(msgspec.Struct, frozen=True):
    """`bbox` is left, top, width, height in px."""

    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str


class _Coco(msgspec.Struct, frozen=True):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def _coco_file(folder: Path) -> Path:
    found = sorted([*folder.glob("*.json"), *folder.glob("annotations/*.json")])
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DatasetError(f"{folder}: want a folder labels, or one COCO .json; found {names}")
    return found[0]


def _coco(folder: Path, path: Path) -> Iterator[Labelled]:
    try:
        labels = msgspec.json.decode(path.read_bytes(), type=_Coco)
    except (msgspec.DecodeError, OSError) as error:
        raise DatasetError(f"{path}: {error}") from error
    features = {each.id: feature_of(each.name) for each in labels.categories}
    of_image: dict[int | str, list[_Annotation]] = {image.id: [] for image in labels.images}
    for annotation in labels.annotations:
        if annotation.image_id not in of_image:
            raise DatasetError(f"{path}: a box of the image {annotation.image_id}, which it lacks")
        of_image[annotation.image_id].append(annotation)
    for image in sorted(labels.images, key=lambda image: image.file_name):
        boxes: dict[str, list[Box]] = {name: [] for name in features.values() if name}
        crowds: dict[str, list[Box]] = {name: [] for name in boxes}
        for each in of_image[image.id]:
            feature = features.get(each.category_id)
            if feature is not None:
                (crowds if each.iscrowd else boxes)[feature].append(_coco_box(each, image))
        yield Labelled(_picture(folder, image.file_name), boxes, crowds)


def _coco_box(annotation: _Annotation, image: _Image) -> Box:
    left, top, width, height = annotation.bbox
    return Box(
        left / image.width,
        top / image.height,
        (left + width) / image.width,
        (top + height) / image.height,
    )


def _picture(folder: Path, name: str) -> Path:
    """Beside the JSON's folder, in `images`, or in the one folder below that has it."""
    for path in (folder / name, folder / "images" / name):
        if path.is_file():
            return path
    found = [path for path in folder.rglob(Path(name).name) if path.is_file()]
    if len(found) != 1:
        raise DatasetError(f"{folder}: {name} is there {len(found)} times, want once")
    return found[0]
