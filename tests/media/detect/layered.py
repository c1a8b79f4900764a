"""A tiny detector with layers that can be in INT8: its scores go through convolutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

SIZE = [1, 3, 16, 32]
CHANNELS = 8


def layered(rows: list[list[float]]) -> ov.Model:
    """A DetectionOutput's output: `rows`, their scores times the mean of the first input channel.

    On the way that mean passes four convolutions, `first` to `fourth`, which change it by nothing
    but how exactly they count.
    """
    picture = ops.parameter(SIZE, ov.Type.f32, name="picture")
    node = picture.output(0)
    for name, inputs in [("first", 3), ("second", CHANNELS), ("third", CHANNELS)]:
        plain = ops.convolution(node, _passing(CHANNELS, inputs), [1, 1], [0, 0], [0, 0], [1, 1])
        plain.set_friendly_name(name)
        node = ops.relu(plain).output(0)
    last = ops.convolution(node, _passing(1, CHANNELS), [1, 1], [0, 0], [0, 0], [1, 1])
    last.set_friendly_name("fourth")
    mean = ops.reduce_mean(last, np.array([0, 1, 2, 3]), keep_dims=True)
    mean.set_friendly_name("mean")
    table = np.array([[rows]], dtype=np.float32)
    is_score = np.zeros_like(table)
    is_score[..., 2] = 1.0
    weight = ops.add(ops.multiply(mean, is_score), ops.constant(1.0 - is_score))
    result = ops.multiply(ops.constant(table), weight)
    return ov.Model([result], [picture], "layered")


def layered_text(text: str) -> str:
    """The tiny model's TOML for it: one scale, as what is in INT8 has one for all channels."""
    return text.replace("[100.0, 1.0, 1.0]", "[100.0, 100.0, 100.0]")


def save_layered(path: Path, rows: list[list[float]]) -> Path:
    ov.serialize(layered(rows), path)
    return path


def _passing(outputs: int, inputs: int) -> NDArray[np.float32]:
    """Weights that hand the first channel on, and mix the others a little."""
    weights = np.random.default_rng(outputs * inputs).uniform(-0.2, 0.2, (outputs, inputs, 1, 1))
    weights[0] = 0.0
    weights[0, 0] = 1.0
    return weights.astype(np.float32)
