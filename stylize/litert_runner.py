"""Running one signature of a TFLite file with LiteRT, in one of its two ways.

Both give the same numbers. ``PlainRunner`` lets other Python threads run meanwhile, and keeps for
every convolution an address for each tap of its kernel at every pixel. ``FrugalRunner`` computes
those addresses anew for each convolution, which takes a third less memory, up to a fifth more time,
and holds Python's lock while it runs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

SIGNATURE = "style"
IMAGE = "image"

Arrays = Mapping[str, np.ndarray]

# XNNPACK's flags, as its delegate for TFLite numbers them; giving some replaces all the defaults,
# which are kernels of 8 bits: signed, unsigned and dynamic.
SIGNED_8_BITS, UNSIGNED_8_BITS, DYNAMIC_8_BITS, TRANSIENT_ADDRESSES = 0x1, 0x2, 0x8, 0x20
FRUGAL_FLAGS = SIGNED_8_BITS | UNSIGNED_8_BITS | DYNAMIC_8_BITS | TRANSIENT_ADDRESSES


class Runner(Protocol):
    """Runs the signature of a file for pictures of the size that was set last."""

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shape of each input; height and width of the image may be placeholders."""

    def input_type(self) -> np.dtype:
        """Returns the type of the image, float32 or uint8."""

    def resize(self, height: int, width: int) -> None:
        """Prepares for pictures of one size."""

    def run(self, inputs: Arrays) -> Arrays:
        """Returns the outputs for the inputs, arrays of the shapes and types of the file."""


class PlainRunner:
    """Runs a file with LiteRT's interpreter.

    Args:
        path: the TFLite file.
        threads: how many compute.
    """

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._signature = self._interpreter.get_signature_runner(SIGNATURE)
        self._details = self._signature.get_input_details()

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """See ``Runner``."""
        return {name: tuple(about["shape"].tolist()) for name, about in self._details.items()}

    def input_type(self) -> np.dtype:
        """See ``Runner``."""
        return np.dtype(self._details[IMAGE]["dtype"])

    def resize(self, height: int, width: int) -> None:
        """Does nothing: the interpreter takes the size from the picture."""

    def run(self, inputs: Arrays) -> Arrays:
        """See ``Runner``."""
        return self._signature(**inputs)


class FrugalRunner:
    """Runs a file with LiteRT's compiled model and XNNPACK's transient addresses.

    Args:
        path: the TFLite file.
        threads: how many compute.
    """

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.options import CpuOptions, Options

        cpu = CpuOptions(num_threads=threads, xnnpack_flags=FRUGAL_FLAGS)
        self._model = CompiledModel.from_file(str(path), options=Options(cpu_options=cpu))
        self._details = self._model.get_input_tensor_details(SIGNATURE)
        self._size: tuple[int, ...] | None = None

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """See ``Runner``."""
        return {name: tuple(about["shape"]) for name, about in self._details.items()}

    def input_type(self) -> np.dtype:
        """See ``Runner``."""
        return np.dtype(self._details[IMAGE]["dtype"])

    def resize(self, height: int, width: int) -> None:
        """See ``Runner``. Takes a fifth to a half of the time of a run."""
        shape = (1, height, width, 3)
        if self._size == shape:
            return
        self._size = None  # until everything is prepared
        model = self._model
        if tuple(self._details[IMAGE]["shape"]) != shape:
            model.resize_input_tensor_by_name(SIGNATURE, IMAGE, list(shape))
        self._inputs = {
            name: model.create_input_buffer_by_name(SIGNATURE, name) for name in self._details
        }
        self._produced = model.get_output_tensor_details(SIGNATURE)
        self._outputs = {
            name: model.create_output_buffer_by_name(SIGNATURE, name) for name in self._produced
        }
        self._size = shape

    def run(self, inputs: Arrays) -> Arrays:
        """See ``Runner``."""
        for name, array in inputs.items():
            self._inputs[name].write(array.ravel())
        self._model.run_by_name(SIGNATURE, self._inputs, self._outputs)
        results = {}
        for name, about in self._produced.items():
            shape, kind = about["shape"], np.dtype(about["dtype"])
            results[name] = self._outputs[name].read(int(np.prod(shape)), kind).reshape(shape)
        return results
