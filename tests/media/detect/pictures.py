"""Small labelled pictures, drawn on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np


def save_picture(
    path: Path, level: int = 110, width: int = 64, height: int = 32, *, dark_left: bool = False
) -> Path:
    """A JPEG of one grey level, but for its left quarter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), level, dtype=np.uint8)
    pixels[:, : width // 4 * dark_left] = 20
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(format="yuvj420p")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


def save_yolo(folder: Path) -> Path:
    """Two pictures; a person and a car on the first, none on the second."""
    for name in ("a.jpg", "b.jpg"):
        save_picture(folder / "images" / "val" / name)
    (folder / "labels" / "val").mkdir(parents=True)
    (folder / "labels" / "val" / "a.txt").write_text("0 0.125 0.25 0.25 0.5\n2 0.75 0.75 0.5 0.5\n")
    (folder / "names.yaml").write_text("path: .\n\nnames:\n  0: person\n  1: tree\n  2: car\n")
    return folder


def save_coco(folder: Path) -> Path:
    """The same as `save_yolo`, and a crowd on the second picture."""
    for name in ("a.jpg", "b.jpg"):
        save_picture(folder / "val2017" / name)
    labels = {
        "info": {"year": 2024},
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 64, "height": 32},
            {"id": 9, "file_name": "b.jpg", "width": 64, "height": 32},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 16, 16], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 3, "bbox": [32, 16, 32, 16]},
            {"id": 3, "image_id": 9, "category_id": 1, "bbox": [0, 0, 32, 32], "iscrowd": 1},
            {"id": 4, "image_id": 9, "category_id": 5, "bbox": [0, 0, 8, 8]},
        ],
        "categories": [
            {"id": 1, "name": "person"},
            {"id": 3, "name": "car"},
            {"id": 5, "name": "kite"},
        ],
    }
    (folder / "annotations").mkdir()
    (folder / "annotations" / "instances_val2017.json").write_text(json.dumps(labels))
    return folder


def decoded(path: Path, corners: tuple[int, int, int, int] | None = None) -> av.VideoFrame:
    """The picture, or what lies between left, top, right and bottom of it, in px."""
    with av.open(str(path)) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="bgr24")
    left, top, right, bottom = corners or (0, 0, pixels.shape[1], pixels.shape[0])
    crop = np.ascontiguousarray(pixels[top:bottom, left:right], dtype=np.uint8)
    return av.VideoFrame.from_ndarray(crop, format="bgr24")
