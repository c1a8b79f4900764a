"""Load a network into OpenVINO and run it; the only import of openvino."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from openvino.preprocess import PrePostProcessor
from openvino.utils import replace_node

from media.detect.description import InputDescription, Layout, ModelDescription
from media.types import MediaError, ModelShapeError

logger = logging.getLogger(__name__)

FALLBACK_DEVICE = "CPU"

Pixels = NDArray[np.uint8] | NDArray[np.float32]


class ModelFailed(MediaError):
    """OpenVINO can't read, compile or run a model; the text says which and why."""


class Network:
    """A compiled network with one input, shared by all cameras.

    Requests are made from it, one a thread.
    `start_async` of one compiled network must not run in two threads at once: they take turns.

    Attributes:
        device: where it runs, such as `CPU` or `GPU.0`.
        device_fault: why it does not run on the device asked for; None where it does.
        parallel: how many requests at once keep the device busy.
        shape: of its input.
    """

    device: str
    device_fault: str | None
    shape: tuple[int, ...]
    _compiled: ov.CompiledModel
    _outputs: tuple[int, ...]

    def __init__(
        self, description: ModelDescription, path: Path, device: str, takes_frames: bool = True
    ) -> None:
        """Read the file at `path` and compile it for `device` (AUTO, CPU, GPU, NPU).

        A device that this machine lacks is replaced by the CPU, with a warning in the log; and so
        is one that fails later on.

        Args:
            description: names the model in errors and describes its frames.
            path: the file to open.
            device: as OpenVINO names it.
            takes_frames: whether it takes u8 NHWC pixels of the described size, which it converts
                and normalises itself; else float32 of its own shape.

        Raises:
            ModelFailed: not a model, or it cannot run.
            ModelShapeError: its input or outputs are not what the description says.
        """
        self.name = description.name
        self._description, self._path = description, path
        self._takes_frames = takes_frames
        self._starting, self._changing = threading.Lock(), threading.Lock()
        self._load(device)
        wanted = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.parallel = max(1, int(wanted))

    def request(self, pixels: Pixels) -> Request:
        """A request that reads `pixels`, which the caller writes between runs."""
        return Request(self, pixels)

    def prepared(self, pixels: Pixels) -> Prepared:
        compiled = self._compiled
        request = compiled.create_infer_request()
        request.set_input_tensor(ov.Tensor(pixels, shared_memory=True))
        return Prepared(compiled, request, self._outputs, self._starting)

    def leave(self, failing: Prepared, error: RuntimeError) -> bool:
        """Goes to the CPU, as the device that a request was made for fails; False: it is the CPU.

        Raises ModelFailed: the CPU can't run it either.
        """
        with self._changing:
            if failing.compiled is not self._compiled:
                return True  # another thread has done so
            if self.device == FALLBACK_DEVICE:
                return False
            fault = f"{self.device} fails: {_last_line(error)}"
            self._load(FALLBACK_DEVICE)
            self.device_fault = fault
            logger.error("model %s: %s; using the CPU", self.name, fault)
            return True

    def _load(self, device: str) -> None:
        core = ov.Core()
        try:
            model = core.read_model(self._path)
            if self._takes_frames:
                model = _with_frames(model, self._description)
            compiled, self.device_fault = _compile(core, model, self.name, device)
            self.device = ",".join(compiled.get_property("EXECUTION_DEVICES"))
            self.shape = tuple(compiled.input(0).shape)
        except RuntimeError as error:
            raise ModelFailed(f"model {self.name}: {_last_line(error)}") from error
        names = self._description.output.tensors if self._takes_frames else ()
        self._outputs = _output_indexes(compiled, names, self.name)
        self._compiled = compiled


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request on a device. `starting`: who starts one of this network holds it."""

    compiled: ov.CompiledModel
    request: ov.InferRequest
    outputs: tuple[int, ...]
    starting: threading.Lock

    def run(self) -> list[NDArray[np.float32]]:
        """Raises RuntimeError: the device failed."""
        with self.starting:
            self.request.start_async()
        self.request.wait()
        tensors = [self.request.get_output_tensor(index).data for index in self.outputs]
        return [tensor.astype(np.float32, copy=False) for tensor in tensors]


class Request:
    """One inference at a time, on the thread that owns it."""

    def __init__(self, network: Network, pixels: Pixels) -> None:
        self._network, self._pixels = network, pixels
        self._prepared = network.prepared(pixels)

    def run(self) -> list[NDArray[np.float32]]:
        """The outputs, valid until the next run.

        What fails is tried again, on the same device and then on the CPU.

        Raises ModelFailed: that fails too.
        """
        try:
            try:
                return self._prepared.run()
            except RuntimeError:
                return self._run_anew()
        except RuntimeError as error:
            raise ModelFailed(f"model {self._network.name}: {_last_line(error)}") from error

    def _run_anew(self) -> list[NDArray[np.float32]]:
        try:
            self._prepared = self._network.prepared(self._pixels)
            return self._prepared.run()
        except RuntimeError as error:
            if not self._network.leave(self._prepared, error):
                raise
            self._prepared = self._network.prepared(self._pixels)
            return self._prepared.run()


def read_plain(description: ModelDescription, path: Path) -> tuple[ov.Model, Layout]:
    """The network as it is in its file, with one input of the described size; and its layout.

    Raises:
        ModelFailed: not a model.
        ModelShapeError: its input is not what the description says.
    """
    try:
        model = ov.Core().read_model(path)
        return model, _with_one_input(model, description)
    except RuntimeError as error:
        raise ModelFailed(f"model {description.name}: {_last_line(error)}") from error


def write_plain(model: ov.Model, path: Path) -> None:
    """An `.xml`, and its `.bin` beside it; raises OSError."""
    try:
        ov.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(f"{path.name} can't be written: {_last_line(error)}") from error


def _with_frames(model: ov.Model, description: ModelDescription) -> ov.Model:
    """The model with u8 NHWC pixels of its own size as its only input."""
    shape, layout = description.input, _with_one_input(model, description)
    steps = PrePostProcessor(model)
    tensor = steps.input()
    tensor.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    tensor.preprocess().convert_element_type(ov.Type.f32)
    if any(shape.mean):
        tensor.preprocess().mean(list(shape.mean))
    if shape.scale != (1.0, 1.0, 1.0):
        tensor.preprocess().scale(list(shape.scale))
    tensor.model().set_layout(ov.Layout(layout.value))
    return steps.build()


def _with_one_input(model: ov.Model, description: ModelDescription) -> Layout:
    """Changes the model to one that takes pictures of the described size alone."""
    shape = description.input
    _hold_constant(model, shape.constants, description.name)
    if len(model.inputs) != 1:
        names = ", ".join(sorted(each.get_any_name() for each in model.inputs))
        raise ModelShapeError(
            f"model {description.name}: has the inputs {names}, want one: set the others in "
            "input.constants"
        )
    layout = _layout(model.input().get_partial_shape(), description)
    model.reshape(_network_shape(shape, layout))
    return layout


def _hold_constant(model: ov.Model, constants: Mapping[str, float], name: str) -> None:
    for wanted, value in constants.items():
        found = [each for each in model.inputs if wanted in each.get_names()]
        if not found or not found[0].get_partial_shape().is_static:
            raise ModelShapeError(
                f"model {name}: input.constants names {wanted}, which is no input of a known size"
            )
        parameter = found[0].get_node()
        filling = np.full(tuple(found[0].shape), value, np.float32)
        held = ops.convert(ops.constant(filling), found[0].get_element_type().to_string())
        replace_node(parameter, held)
        model.remove_parameter(parameter)
    model.validate_nodes_and_infer_types()


def _layout(found: ov.PartialShape, description: ModelDescription) -> Layout:
    """Where the channels are, by the network's shape, or as described where it does not say."""
    name, wanted = description.name, description.input.layout
    if found.rank.is_dynamic:
        fits = list(Layout)
    else:
        if len(found) != 4:
            raise ModelShapeError(f"model {name}: its input is {found}, want one picture")
        places = {Layout.NCHW: found[1], Layout.NHWC: found[3]}
        fits = [layout for layout, size in places.items() if size.is_dynamic or size == 3]
    if wanted is not None and wanted not in fits:
        raise ModelShapeError(f"model {name}: input.layout is {wanted}, its input is {found}")
    if wanted is None and len(fits) != 1:
        raise ModelShapeError(f"model {name}: input.layout is needed, its input is {found}")
    return wanted or fits[0]


def _network_shape(shape: InputDescription, layout: Layout) -> list[int]:
    if layout is Layout.NCHW:
        return [1, 3, shape.height, shape.width]
    return [1, shape.height, shape.width, 3]


def _output_indexes(
    compiled: ov.CompiledModel, wanted: tuple[str, ...], name: str
) -> tuple[int, ...]:
    names = [set(each.get_names()) for each in compiled.outputs]
    if not wanted:
        return tuple(range(len(names)))
    indexes = []
    for tensor in wanted:
        found = [index for index, of_output in enumerate(names) if tensor in of_output]
        if not found:
            known = ", ".join(sorted(set().union(*names)))
            raise ModelShapeError(
                f"model {name}: output.tensors names {tensor}, which is none of {known}"
            )
        indexes.append(found[0])
    return tuple(indexes)


def _compile(
    core: ov.Core, model: ov.Model, name: str, device: str
) -> tuple[ov.CompiledModel, str | None]:
    """The compiled model, and why it is not on the device asked for."""
    wish = {"PERFORMANCE_HINT": "THROUGHPUT"}
    try:
        return core.compile_model(model, device, wish), None
    except RuntimeError as error:
        if device == FALLBACK_DEVICE:
            raise
        there = ", ".join(core.available_devices)
        fault = f"it can't run on {device}: {_last_line(error)}; this machine has {there}"
        logger.warning("model %s: %s; using the CPU", name, fault)
        return core.compile_model(model, FALLBACK_DEVICE, wish), fault


def _last_line(error: RuntimeError) -> str:
    """OpenVINO's texts go on for a page; the last line that says something is the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
