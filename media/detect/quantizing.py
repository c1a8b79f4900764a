"""Makes an INT8 model of a detector; the only import of NNCF, which is an extra."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from media.detect.description import Family, InputDescription, Layout, ModelDescription
from media.detect.network import read_plain, write_plain
from media.types import MediaError

if TYPE_CHECKING:
    import openvino as ov

_WEIGHTED = frozenset({"Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul"})
_NAMELESS = frozenset({"Constant", "Parameter", "Result"})
_TRANSFORMERS = frozenset({Family.DETR, Family.RT_DETR})


class CannotQuantize(MediaError):
    """There is no INT8 model to be made of this one; the text says why."""


def quantize(
    description: ModelDescription, path: Path, canvases: Sequence[NDArray[np.uint8]], target: Path
) -> Layout:
    """Write the model at `path` to `target`, an `.xml`, with weights and activations in INT8.

    The last layers with weights, and what is behind them, stay as they are: boxes and scores of
    several scales lie side by side there, and a step of 1/255 of the largest is too coarse for
    the others.

    Args:
        description: of the model; what is written takes its pictures the same way.
        path: the file to open.
        canvases: (1, height, width, 3) each, as `Canvas` paints them; they calibrate it.
        target: its `.bin` lies beside it.

    Returns:
        Where the channels of its input are; `input.constants` are part of it now.

    Raises:
        CannotQuantize: it is in INT8 already, or NNCF finds nothing to do, or fails.
        MediaError: it can't be read.
        OSError: it can't be written.
    """
    model, layout = read_plain(description, path)
    if any(each.get_type_name() == "FakeQuantize" for each in model.get_ops()):
        raise CannotQuantize(f"model {description.name} is in INT8 already")
    nncf = _nncf()
    shape = description.input

    def entered(canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
        return as_input(canvas, shape, layout)

    is_transformer = description.output.family in _TRANSFORMERS
    try:
        with redirect_stdout(sys.stderr):  # its bars of progress
            made = nncf.quantize(
                model,
                nncf.Dataset(list(canvases), entered),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(canvases),
                model_type=nncf.ModelType.TRANSFORMER if is_transformer else None,
                ignored_scope=nncf.IgnoredScope(names=last_layers(model)),
            )
    except _faults(nncf) as error:
        raise CannotQuantize(f"model {description.name}: NNCF fails: {error}") from error
    if not any(each.get_type_name() == "FakeQuantize" for each in made.get_ops()):
        raise CannotQuantize(f"model {description.name} has no layer that can be in INT8")
    write_plain(made, target)
    return layout


def _faults(nncf: ModuleType) -> tuple[type[Exception], ...]:
    """NNCF's have no class in common; OpenVINO's are the first."""
    own = nncf.InternalError, nncf.UnsupportedModelError, nncf.ValidationError
    return (RuntimeError, ValueError, *own)


def as_input(
    canvas: NDArray[np.uint8], shape: InputDescription, layout: Layout
) -> NDArray[np.float32]:
    """What `Network` makes of a canvas before the network itself sees it."""
    mean, scale = np.array(shape.mean, np.float32), np.array(shape.scale, np.float32)
    pixels: NDArray[np.float32] = (canvas.astype(np.float32) - mean) / scale
    return pixels if layout is Layout.NHWC else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def last_layers(model: ov.Model) -> list[str]:
    """Names of the last operations with weights on each way to an output, and of all behind."""
    names, seen = list[str](), set[str]()
    waiting = [each.get_node() for each in model.outputs]
    while waiting:
        node = waiting.pop()
        name = node.get_friendly_name()
        if name in seen:
            continue
        seen.add(name)
        kind = node.get_type_name()
        if kind not in _NAMELESS:
            names.append(name)
        if kind not in _WEIGHTED:
            waiting += [each.get_source_output().get_node() for each in node.inputs()]
    return sorted(names)


def _nncf() -> ModuleType:
    """The package, silent.

    Raises:
        CannotQuantize: it is not installed.
    """
    try:
        nncf = importlib.import_module("nncf")
    except ImportError as error:
        raise CannotQuantize(f"NNCF can't be used: {error}") from error
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf
