"""Tiny OpenVINO models, built on the spot, for tests of what surrounds a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from media.detect.description import ModelDescription

DESCRIPTION = """
name = "tiny"
version = "2024-01-02"
licence = "MIT"
source = "made by a test"

[[files]]
name = "tiny.xml"
sha256 = ["0000000000000000000000000000000000000000000000000000000000000000"]

[input]
width = 32
height = 16
layout = "NCHW"
colour = "BGR"
fit = "stretch"
mean = [10.0, 0.0, 0.0]
scale = [100.0, 1.0, 1.0]

[output]
family = "ssd"
labels = ["background", "person", "car", "tree"]

[features]
person = ["person"]
vehicle = ["car"]

[thresholds]
track = 0.1
"""


def tiny_description(found: str = "", instead: str = "") -> ModelDescription:
    """The tiny model's, with one text of its TOML replaced."""
    return ModelDescription.from_toml(DESCRIPTION.replace(found, instead) if found else DESCRIPTION)


def save_ssd(path: Path, rows: Sequence[Sequence[float]], layout: str = "NCHW") -> Path:
    """A model with a DetectionOutput's output: `rows`, their scores (column 2) times the mean of
    its first input channel."""
    shape = [1, 3, 16, 32] if layout == "NCHW" else [1, 16, 32, 3]
    picture = ops.parameter(shape, ov.Type.f32, name="picture")
    axis = layout.index("C")
    fixed = ops.reshape(picture, np.array(shape), special_zero=False)  # allows no other size
    first = ops.gather(fixed, np.array([0]), np.array(axis))
    mean = ops.reduce_mean(first, np.array([0, 1, 2, 3]), keep_dims=True)
    table = np.array([[rows]], dtype=np.float32)
    is_score = np.zeros_like(table)
    is_score[..., 2] = 1.0
    weight = ops.add(ops.multiply(mean, is_score), ops.constant(1.0 - is_score))
    result = ops.multiply(ops.constant(table), weight)
    ov.serialize(ov.Model([result], [picture], "tiny"), path)
    return path


def grey(level: int, width: int = 64, height: int = 32) -> av.VideoFrame:
    """A picture of one grey level, 0..255."""
    pixels = np.full((height, width, 3), level, dtype=np.uint8)
    return av.VideoFrame.from_ndarray(pixels, format="bgr24")
