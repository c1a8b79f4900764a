"""Which decoder reads which model's output, and what all of them are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from media.detect.actions import decode_actions
from media.detect.description import Family, ModelDescription
from media.detect.detr import decode_detr, decode_rt_detr
from media.detect.fastestdet import decode_fastestdet
from media.detect.nanodet import NANODET, NANODET_PLUS, NanoDetHead, decode_nanodet, joined
from media.detect.nms import Candidates, require_finite
from media.detect.ssd import decode_ssd
from media.detect.ssd_raw import decode_ssd_raw
from media.detect.text import Alphabet, Reading, read_ctc, read_sequence
from media.detect.yolov8 import decode_yolov8
from media.detect.yolox import decode_yolox
from media.types import ModelShapeError

Tensors = Sequence[NDArray[np.float32]]
Decoder = Callable[[Tensors, ModelDescription], Candidates]

_ROUNDING = 1e-3
_FAR = 1e3  # no object reaches farther out, and areas stay within float32


def candidates(outputs: Tensors, model: ModelDescription) -> Candidates:
    """Read the output tensors of a detector, in the model's order; scores are 0..1.

    Raises:
        ModelShapeError: the tensors are not of the model's family; names the model.
    """
    with _named(model):
        found = _DECODERS[model.output.family](outputs, model)
        _check_classes(found, model)
        require_finite("boxes", found.boxes, found.scores)
        if len(found) and not -_ROUNDING <= found.scores.min() <= found.scores.max() <= 1.001:
            raise ModelShapeError("scores outside 0..1: not those of this family")
        boxes = np.clip(found.boxes, -_FAR, _FAR)
        return Candidates(boxes, np.clip(found.scores, 0.0, 1.0), found.classes)


def reading(outputs: Tensors, model: ModelDescription) -> Reading:
    """Read the output tensors of a reader. Raises ModelShapeError as `candidates` does."""
    with _named(model):
        text, labels = model.output, model.output.labels
        if text.family is Family.SEQUENCE:
            return read_sequence(_single(outputs), labels)
        alphabet = Alphabet(labels, text.classes or len(labels), text.indexes)
        return read_ctc(_single(outputs), alphabet)


def actions(outputs: Tensors, model: ModelDescription) -> dict[str, float]:
    """Read the output of a clip classifier's second stage: how sure it is of each feature, 0..1.

    Raises ModelShapeError as `candidates` does.
    """
    with _named(model):
        return decode_actions(_single(outputs), model.output.labels, model.features)


@contextmanager
def _named(model: ModelDescription) -> Iterator[None]:
    """Faults name the model. Values that overflow are found by what they come to."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except ModelShapeError as error:
        family = model.output.family
        raise ModelShapeError(f"model {model.name} ({family}): {error}") from error


def _check_classes(found: Candidates, model: ModelDescription) -> None:
    labels = len(model.output.labels)
    if len(found) and not 0 <= int(found.classes.min()) <= int(found.classes.max()) < labels:
        raise ModelShapeError(f"a class outside its {labels} labels")


def _check_width(classes: int, model: ModelDescription) -> None:
    labels = len(model.output.labels)
    if classes != labels:
        raise ModelShapeError(f"it has {classes} classes, output.labels names {labels}")


def _yolox(outputs: Tensors, model: ModelDescription) -> Candidates:
    size, output = model.input, _single(outputs)
    found = decode_yolox(output, size.width, size.height, model.thresholds.track)
    _check_width(output.shape[2] - 5, model)
    return found


def _yolov8(outputs: Tensors, model: ModelDescription) -> Candidates:
    classes, track = len(model.output.labels), model.thresholds.track
    return decode_yolov8(_single(outputs), classes, _size(model), track)


def _ssd(outputs: Tensors, model: ModelDescription) -> Candidates:
    return decode_ssd(_single(outputs), model.thresholds.track)


def _fastestdet(outputs: Tensors, model: ModelDescription) -> Candidates:
    output = _single(outputs)
    found = decode_fastestdet(output, model.thresholds.track)
    _check_width(output.shape[1] - 5, model)
    return found


def _ssd_raw(outputs: Tensors, model: ModelDescription) -> Candidates:
    boxes, logits = _boxes_and_logits(outputs, model)
    found = decode_ssd_raw(boxes, logits, model.input.width, model.thresholds.track)
    _check_width(logits.shape[2], model)
    return found


def _detr(outputs: Tensors, model: ModelDescription) -> Candidates:
    boxes, logits = _boxes_and_logits(outputs, model)
    decode = decode_detr if model.output.family is Family.DETR else decode_rt_detr
    found = decode(boxes, logits, model.thresholds.track)
    _check_width(logits.shape[2], model)
    return found


def _nanodet(outputs: Tensors, model: ModelDescription) -> Candidates:
    return _with_head(outputs, model, NANODET)


def _nanodet_plus(outputs: Tensors, model: ModelDescription) -> Candidates:
    return _with_head(outputs, model, NANODET_PLUS)


def _with_head(outputs: Tensors, model: ModelDescription, head: NanoDetHead) -> Candidates:
    classes = len(model.output.labels)
    output = joined(outputs, classes)
    return decode_nanodet(output, classes, head, _size(model), model.thresholds.track)


def _size(model: ModelDescription) -> tuple[int, int]:
    return (model.input.width, model.input.height)


def _single(outputs: Tensors) -> NDArray[np.float32]:
    if len(outputs) != 1:
        shapes = [tensor.shape for tensor in outputs]
        raise ModelShapeError(f"want one output, got {shapes}: name it in output.tensors")
    return outputs[0]


def _boxes_and_logits(
    outputs: Tensors, model: ModelDescription
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Told apart by the four columns of boxes, unless the description names them in this order."""
    if len(outputs) != 2 or any(tensor.ndim != 3 for tensor in outputs):
        raise ModelShapeError(f"want boxes and logits, got {[t.shape for t in outputs]}")
    first, second = outputs
    if model.output.tensors:
        return first, second
    if first.shape[2] == second.shape[2]:
        raise ModelShapeError("boxes and logits look alike: name them in output.tensors")
    return (first, second) if first.shape[2] == 4 else (second, first)


_DECODERS: dict[Family, Decoder] = {
    Family.YOLOX: _yolox,
    Family.YOLOV8: _yolov8,
    Family.SSD: _ssd,
    Family.SSD_RAW: _ssd_raw,
    Family.FASTESTDET: _fastestdet,
    Family.NANODET: _nanodet,
    Family.NANODET_PLUS: _nanodet_plus,
    Family.DETR: _detr,
    Family.RT_DETR: _detr,
}
