"""Real networks that find and read the plates drawn here: yellow, black signs of a fixed pitch.

The detector spans the yellow pixels, the reader is a bank of matched filters, one a sign. Both are
files that the product loads like any other model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from tests.clips import Picture

_CODES = "0:757 1:262 2:717 3:716 4:551 5:747 6:475 9:751 F:746 X:525 -:070 .:002"
GLYPHS = {code[0]: code[2:] for code in _CODES.split()}
"""Rows of three pixels, top, middle and bottom, as the bits of a digit."""
SIGNS = tuple(GLYPHS)
CELLS = 10
"""Signs of a line; a shorter one ends with blanks."""
CELL_WIDTH, CELL_HEIGHT = 16, 20
PIXEL_WIDTH, PIXEL_HEIGHT = 4, 6
SIDE, UP = 6, 1
"""The reader's margin around a line, which a crop has too."""

YELLOW, BLACK, ROAD = (240, 200, 0), (10, 10, 10), (105, 110, 115)

HEAD = """
name = "{name}"
version = "2024-01-02"
licence = "MIT"
source = "made by a test"
{files}
[input]
width = {width}
height = {height}
layout = "NCHW"
colour = "BGR"
fit = "stretch"
"""


def _ink(sign: str) -> NDArray[np.float32]:
    """A sign in its cell, (CELL_HEIGHT, CELL_WIDTH), 1 where it is black."""
    rows = [[int(bit) for bit in f"{int(row):03b}"] for row in GLYPHS[sign]]
    drawn = np.kron(np.array(rows, np.float32), np.ones((PIXEL_HEIGHT, PIXEL_WIDTH), np.float32))
    cell = np.zeros((CELL_HEIGHT, CELL_WIDTH), np.float32)
    cell[1 : 1 + 3 * PIXEL_HEIGHT, 2 : 2 + 3 * PIXEL_WIDTH] = drawn
    return cell


def plate_picture(lines: Sequence[str], width: int, height: int) -> Picture:
    """A plate of that size, its lines one under the other."""
    cells = np.zeros((CELL_HEIGHT * len(lines), CELL_WIDTH * CELLS), np.float32)
    for row, line in enumerate(lines):
        for place, sign in enumerate(line):
            top, left = row * CELL_HEIGHT, place * CELL_WIDTH
            cells[top : top + CELL_HEIGHT, left : left + CELL_WIDTH] = _ink(sign)
    rows = np.arange(height) * cells.shape[0] // height
    columns = np.arange(width) * cells.shape[1] // width
    is_ink = cells[rows][:, columns, None] > 0
    return np.where(is_ink, np.array(BLACK), np.array(YELLOW)).astype(np.uint8)


def passing_plate(
    lines: Sequence[str], plate: tuple[int, int], frames: int, size: tuple[int, int] = (640, 360)
) -> Iterator[Picture]:
    """A road over which a plate goes from left to right; empty for the last quarter."""
    width, height = size
    drawn = plate_picture(lines, *plate)
    moving = frames * 3 // 4
    for number in range(frames):
        picture = np.full((height, width, 3), ROAD, np.uint8)
        if number < moving:
            left = 20 + (width - plate[0] - 40) * number // moving
            top = (height - plate[1]) // 2
            picture[top : top + plate[1], left : left + plate[0]] = drawn
        yield picture


def save_detector(folder: Path) -> Path:
    """Writes `plate-finder`; returns its TOML, beside which it lies."""
    height, width = 180, 320
    picture = ops.parameter([1, 3, height, width], ov.Type.f32)
    blue, red = (ops.gather(picture, np.array([c]), np.array(1)) for c in (0, 2))
    is_plate = ops.greater(ops.subtract(red, blue), np.float32(80))
    inside = ops.convert(is_plate, "f32")
    outside = ops.subtract(np.float32(1), inside)
    x = ops.constant((np.arange(width, dtype=np.float32) / width).reshape(1, 1, 1, width))
    y = ops.constant((np.arange(height, dtype=np.float32) / height).reshape(1, 1, height, 1))
    axes = np.array([0, 1, 2, 3])

    def least(place: ov.Node) -> ov.Node:
        return ops.reduce_min(ops.add(ops.multiply(place, inside), outside), axes, True)

    def most(place: ov.Node, step: float) -> ov.Node:
        found = ops.reduce_max(ops.multiply(place, inside), axes, True)
        return ops.add(found, np.float32(step))

    score = ops.multiply(ops.reduce_max(inside, axes, True), np.float32(0.9))
    zero, one = (ops.constant(np.full((1, 1, 1, 1), value, np.float32)) for value in (0, 1))
    corners = [least(x), least(y), most(x, 1 / width), most(y, 1 / height)]
    row = ops.concat([zero, one, score, *corners], 3)
    ov.serialize(ov.Model([row], [picture], "d"), folder / "plate-finder.xml")
    output = (
        '[output]\nfamily = "ssd"\nlabels = ["background", "license plate"]\n'
        '[features]\nlicense_plate = ["license plate"]\n'
    )
    return _describe(folder, "plate-finder", (width, height), output)


def save_reader(folder: Path) -> Path:
    """Writes `plate-reader`; returns its TOML, beside which it lies."""
    width, height = CELL_WIDTH * CELLS + 2 * SIDE, CELL_HEIGHT + 2 * UP
    picture = ops.parameter([1, 3, height, width], ov.Type.f32)
    green = ops.gather(picture, np.array([1]), np.array(1))  # yellow is bright in it
    dark = ops.subtract(np.float32(1), ops.multiply(green, np.float32(2 / 200)))
    begins, ends = np.array([UP, SIDE]), np.array([UP + CELL_HEIGHT, SIDE + CELL_WIDTH * CELLS])
    line = ops.slice(dark, begins, ends, np.array([1, 1]), np.array([2, 3]))
    blank = np.full((CELL_HEIGHT, CELL_WIDTH), -1.0, np.float32)
    filters = np.stack([blank, *(2 * _ink(sign) - 1 for sign in SIGNS)])[:, None]
    filters = filters * np.float32(40 / (CELL_HEIGHT * CELL_WIDTH))
    stride, none = [CELL_HEIGHT, CELL_WIDTH], [0, 0]
    found = ops.convolution(line, ops.constant(filters), stride, none, none, [1, 1])
    steps = ops.transpose(ops.squeeze(found, np.array([2])), np.array([0, 2, 1]))
    ov.serialize(ov.Model([steps], [picture], "r"), folder / "plate-reader.xml")
    labels = ", ".join(f'"{sign}"' for sign in ("", *SIGNS))
    output = f'[output]\nfamily = "ctc"\nlabels = [{labels}]\n[features]\nlicense_plate = []\n'
    return _describe(folder, "plate-reader", (width, height), output)


def _describe(folder: Path, name: str, size: tuple[int, int], rest: str) -> Path:
    tables = []
    for file in (folder / f"{name}.xml", folder / f"{name}.bin"):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        tables.append(f'[[files]]\nname = "{file.name}"\nsha256 = ["{digest}"]\n')
    text = HEAD.format(name=name, files="\n".join(tables), width=size[0], height=size[1])
    path = folder / f"{name}.toml"
    path.write_text(text + rest)
    return path
