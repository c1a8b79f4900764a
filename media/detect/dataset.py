"""Read labelled pictures, in YOLO's layouts of folders or with COCO's JSON."""

from __future__ import annotations

from pathlib import Path

from media.detect.coco_labels import FOLDER, read_coco
from media.detect.labelled import CLASSES, DatasetError, Labelled
from media.detect.yolo_labels import YAMLS, read_yolo

__all__ = ["DatasetError", "Labelled", "read_dataset"]


def read_dataset(path: Path) -> list[Labelled]:
    """The pictures of a folder, or of the `.json` or `.yaml` that describes them, by name.

    YOLO's: a `.txt` for each picture, in `labels` beside `images` or beside the picture, with a
    line of class number, centre x, centre y, width and height in 0..1 for each box; a picture
    without a `.txt` shows nothing. COCO's: a JSON with `images`, `annotations` and `categories`.

    Raises:
        DatasetError: neither; or a file of it can't be read, or no class is of a feature.
    """
    if not path.exists():
        raise DatasetError(f"no folder {path}")
    path = path.absolute()
    if path.is_dir():
        folder = path.parent if path.name == FOLDER else path
        found = read_yolo(path) or read_coco(folder)
    else:
        folder = path.parent.parent if path.parent.name == FOLDER else path.parent
        is_yaml = any(path.match(pattern) for pattern in YAMLS)
        found = (read_yolo(folder, path) or []) if is_yaml else read_coco(folder, path)
    if not found:
        raise DatasetError(f"{path}: no pictures with labels")
    if not found[0].boxes:
        raise DatasetError(f"{path}: none of its classes is of a feature ({', '.join(CLASSES)})")
    return found
