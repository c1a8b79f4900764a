"""Which decoder reads which model's output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from media.detect.description import Family, ModelDescription
from media.detect.fastestdet import decode_fastestdet
from media.detect.nms import Candidates
from media.detect.ssd import decode_ssd
from media.detect.ssd_raw import decode_ssd_raw
from media.detect.yolox import decode_yolox
from media.types import ModelShapeError

Tensors = Sequence[NDArray[np.float32]]
Decoder = Callable[[Tensors, ModelDescription], Candidates]


def candidates(outputs: Tensors, model: ModelDescription) -> Candidates:
    """Read the output tensors of `model`, in the model's order.

    Raises:
        ModelShapeError: the tensors are not of the model's family; names the model.
    """
    try:
        found = _DECODERS[model.output.family](outputs, model)
        _check_classes(found, model)
    except ModelShapeError as error:
        family = model.output.family
        raise ModelShapeError(f"model {model.name} ({family}): {error}") from error
    return found


def _check_classes(found: Candidates, model: ModelDescription) -> None:
    labels = len(model.output.labels)
    if len(found) and not 0 <= int(found.classes.min()) <= int(found.classes.max()) < labels:
        raise ModelShapeError(f"a class outside its {labels} labels")


def _yolox(outputs: Tensors, model: ModelDescription) -> Candidates:
    size = model.input
    return decode_yolox(_single(outputs), size.width, size.height, model.thresholds.track)


def _ssd(outputs: Tensors, model: ModelDescription) -> Candidates:
    return decode_ssd(_single(outputs), model.thresholds.track)


def _fastestdet(outputs: Tensors, model: ModelDescription) -> Candidates:
    return decode_fastestdet(_single(outputs), model.thresholds.track)


def _ssd_raw(outputs: Tensors, model: ModelDescription) -> Candidates:
    if len(outputs) != 2 or any(tensor.ndim != 3 for tensor in outputs):
        raise ModelShapeError(f"want boxes and logits, got {[t.shape for t in outputs]}")
    boxes, logits = sorted(outputs, key=lambda tensor: tensor.shape[2])
    return decode_ssd_raw(boxes, logits, model.input.width, model.thresholds.track)


def _single(outputs: Tensors) -> NDArray[np.float32]:
    if len(outputs) != 1:
        raise ModelShapeError(f"want one output, got {[tensor.shape for tensor in outputs]}")
    return outputs[0]


_DECODERS: dict[Family, Decoder] = {
    Family.YOLOX: _yolox,
    Family.SSD: _ssd,
    Family.SSD_RAW: _ssd_raw,
    Family.FASTESTDET: _fastestdet,
}
