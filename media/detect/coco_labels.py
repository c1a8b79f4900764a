"""Labels in COCO's way: one JSON that names pictures, boxes and classes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta

from media.detect.labelled import DatasetError, Labelled, feature_of, pictures_in
from media.types import Box

logger = logging.getLogger(__name__)

FOLDER = "annotations"
_PREFERRED = ("instances", "val")
"""Of several files those that have the word in their path: boxes, of what models are judged by."""

Id = int | str


class _Image(msgspec.Struct, frozen=True):
    id: Id
    file_name: str
    width: Annotated[float, Meta(ge=1)]
    height: Annotated[float, Meta(ge=1)]


class _Annotation(msgspec.Struct, frozen=True):
    """`bbox` is left, top, width, height in px."""

    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    iscrowd: int | bool = 0
    ignore: int | bool = 0


class _Category(msgspec.Struct, frozen=True):
    id: Id
    name: str


class _Coco(msgspec.Struct, frozen=True):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_coco(folder: Path, file: Path | None = None) -> list[Labelled]:
    """The labelled pictures, by name.

    Those that the JSON names and that are not there are left out, which the log says: a part of a
    dataset often keeps the whole one's JSON.

    Args:
        folder: the JSON lies in it or in a folder of it, pictures anywhere below.
        file: the JSON; None for the only one, or the one of instances to be judged by.

    Raises:
        DatasetError: not one JSON of this kind; it can't be read, or none of its pictures is there.
    """
    path, labels = _only(folder, [file] if file else _files(folder))
    pictures = _Pictures([folder, folder / "images", path.parent, path.parent / "images"], folder)
    found = list(_labelled(labels, path, pictures))
    missing = len(labels.images) - len(found)
    if missing and not found:
        raise DatasetError(f"{path}: none of its {missing} pictures is in {folder}")
    if missing:
        total = len(labels.images)
        logger.warning("%s: %d of %d pictures are not there: left out", path, missing, total)
    return found


def _files(folder: Path) -> list[Path]:
    """Where there are several, those that are likelier."""
    found = sorted([*folder.glob("*.json"), *folder.glob("*/*.json")])
    for word in _PREFERRED:
        found = [path for path in found if word in str(path.relative_to(folder))] or found
    return found


def _only(folder: Path, files: Sequence[Path]) -> tuple[Path, _Coco]:
    read: dict[Path, _Coco] = {}
    faults = []
    for path in files:
        try:
            read[path] = msgspec.json.decode(path.read_bytes(), type=_Coco)
        except (msgspec.DecodeError, OSError) as error:
            faults.append(f"{path}: {error}")
    if len(read) == 1:
        return next(iter(read.items()))
    if len(faults) == 1 and not read:
        raise DatasetError(faults[0])
    names = ", ".join(str(path.relative_to(folder)) for path in read or files) or "none"
    raise DatasetError(
        f"{folder}: want pictures with a .txt of YOLO's each, or one COCO .json (name the file "
        f"itself where there are several); found {names[:300]}"
    )


def _labelled(labels: _Coco, path: Path, pictures: _Pictures) -> Iterator[Labelled]:
    features = {each.id: feature_of(each.name) for each in labels.categories}
    of_image: dict[Id, list[_Annotation]] = {image.id: [] for image in labels.images}
    for annotation in labels.annotations:
        if annotation.image_id not in of_image:
            raise DatasetError(f"{path}: a box of the image {annotation.image_id}, which it lacks")
        of_image[annotation.image_id].append(annotation)
    for image in sorted(labels.images, key=lambda image: image.file_name):
        picture = pictures.find(image.file_name)
        if picture is not None:
            size_px = (round(image.width), round(image.height))
            yield Labelled(picture, *_boxes(image, of_image[image.id], features), size_px)


def _boxes(
    image: _Image, annotations: Sequence[_Annotation], features: Mapping[Id, str | None]
) -> tuple[dict[str, list[Box]], dict[str, list[Box]]]:
    """Objects and crowds, by feature."""
    boxes: dict[str, list[Box]] = {name: [] for name in features.values() if name}
    crowds: dict[str, list[Box]] = {name: [] for name in boxes}
    for each in annotations:
        feature = features.get(each.category_id)
        if feature is not None:
            of_kind = crowds if each.iscrowd or each.ignore else boxes
            of_kind[feature].append(_box(each, image))
    return boxes, crowds


def _box(annotation: _Annotation, image: _Image) -> Box:
    left, top, width, height = annotation.bbox
    return Box(
        left / image.width,
        top / image.height,
        (left + width) / image.width,
        (top + height) / image.height,
    )


class _Pictures:
    """Finds pictures by what a JSON calls them."""

    def __init__(self, places: Sequence[Path], folder: Path) -> None:
        """Looks at these places, and then for what lies in `folder` alone by that name."""
        self._places, self._folder = places, folder
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path | None:
        """Raises DatasetError: several are meant."""
        said = PurePosixPath(name.replace("\\", "/"))
        for place in self._places:
            if (place / said).is_file():
                return place / said
        found = self._named(said.name)
        alike = [path for path in found if path.parts[-len(said.parts) :] == said.parts] or found
        if len(alike) > 1:
            raise DatasetError(f"{self._folder}: {name} is there {len(alike)} times, want once")
        return alike[0] if alike else None

    def _named(self, name: str) -> list[Path]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for path in pictures_in(self._folder):
                self._by_name[path.name].append(path)
        return self._by_name.get(name, [])
