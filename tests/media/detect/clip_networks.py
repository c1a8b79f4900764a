"""A real clip classifier of two networks: what is red is a fight."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from tests.clips import Picture

FRAMES = 16
HEAD = """
name = "fight-teller"
version = "2024-01-02"
licence = "MIT"
source = "made by a test"
{files}
[input]
width = 32
height = 32
layout = "NCHW"
colour = "BGR"
fit = "crop"

[output]
family = "clip"
labels = ["calm", "fight"]

[features]
violence = ["fight"]

[clip]
file = "fight-decoder.xml"
frames = 16
seconds = 1.0

[thresholds]
track = 0.3
begin = 0.6
"""


def save_classifier(folder: Path) -> Path:
    """Writes `fight-teller`; returns its TOML, beside which it lies.

    The encoder tells a constant and how much redder than blue a frame is; the decoder's logits are
    their means over a clip.
    """
    picture = ops.parameter([1, 3, 32, 32], ov.Type.f32)
    means = ops.reduce_mean(picture, np.array([2, 3]), keep_dims=True)
    blue, red = (ops.gather(means, np.array([channel]), np.array(1)) for channel in (0, 2))
    redness = ops.multiply(ops.subtract(red, blue), np.float32(0.1))
    calm = ops.add(ops.multiply(redness, np.float32(0)), np.float32(4))
    ov.serialize(
        ov.Model([ops.concat([calm, redness], 1)], [picture], "e"), folder / "fight-encoder.xml"
    )
    clip = ops.parameter([1, FRAMES, 2], ov.Type.f32)
    logits = ops.reduce_mean(clip, np.array([1]), keep_dims=False)
    ov.serialize(ov.Model([logits], [clip], "d"), folder / "fight-decoder.xml")
    tables = []
    stages = ("fight-encoder", "fight-decoder")
    for name in (f"{stage}.{end}" for stage in stages for end in ("xml", "bin")):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        tables.append(f'[[files]]\nname = "{name}"\nsha256 = ["{digest}"]\n')
    path = folder / "fight-teller.toml"
    path.write_text(HEAD.format(files="\n".join(tables)))
    return path


def brawl(
    calm: int, fight: int, after: int, size: tuple[int, int] = (320, 240)
) -> Iterator[Picture]:
    """So many pictures of a grey thing that runs to and fro, then of a red one, then grey again."""
    width, height = size
    for number in range(calm + fight + after):
        picture = np.full((height, width, 3), 100, np.uint8)
        is_fight = calm <= number < calm + fight
        left = 10 + (number * 12) % (width // 2)
        picture[40:-40, left : left + width // 3] = (230, 30, 30) if is_fight else (150, 150, 150)
        if is_fight:
            picture[..., 0] = np.maximum(picture[..., 0], 190)
        yield picture
