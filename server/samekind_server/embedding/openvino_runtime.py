"""Runs a model's two towers on the processor with OpenVINO."""

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from samekind.types import Floats, Precision
from samekind_server.embedding._openvino import openvino
from samekind_server.embedding.base import Ids, unit
from samekind_server.embedding.cutting import Cut

HINTS = {Precision.EXACT: "f32", Precision.FAST: "bf16"}
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


class OpenVinoRuntime:
    """Two towers compiled for this processor; a call waits for the one before it in the same tower, from any thread."""

    name = "openvino"

    def __init__(self, images: openvino.Model, texts: openvino.Model, *, precision: Precision | None, threads: int, cut: Cut) -> None:
        self.precision = fastest() if precision is None else min(precision, fastest(), key=[Precision.EXACT, Precision.FAST].index)
        self._cut = cut
        self._images = _Tower(images, self.precision, threads)
        self._texts = _Tower(texts, self.precision, threads)

    def images(self, pixels: Floats) -> Floats:
        """Unit rows, (n, dimensions), for prepared images, (n, 3, height, width)."""
        return unit(self._images(pixels))

    def texts(self, ids: Ids) -> Floats:
        """Unit rows, (n, dimensions), for token ids, (n, context length)."""
        return unit(self._texts(self._cut(ids)))


class _Tower:
    def __init__(self, model: openvino.Model, precision: Precision, threads: int) -> None:
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
        self._lock = threading.Lock()

    def __call__(self, rows: Floats | Ids) -> Floats:
        with self._lock:
            result: Floats = self._request.infer([np.ascontiguousarray(rows)])[0]
        return result


def fastest() -> Precision:
    """FAST where the processor itself multiplies bfloat16; where that is only emulated, float32 is quicker."""
    capable = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    said = Path("/proc/cpuinfo")
    flags = set(said.read_text().split()) if said.exists() else BFLOAT16_FLAGS
    return Precision.FAST if capable and flags & BFLOAT16_FLAGS else Precision.EXACT


def convert(tower: Any, example: Any, shape: list[int], scratch: Path) -> openvino.Model:
    """The OpenVINO form of a torch tower; -1 in `shape` stands for any number.

    It passes through a file in the folder `scratch`: as made, its constants are torch's own memory, and would keep all of it alive.
    """
    import torch
    from torch.jit._trace import TracerWarning

    # Filters set once are safe among threads, catch_warnings is not.
    warnings.filterwarnings("ignore", category=FutureWarning, message=r"`torch\.jit\.")
    warnings.filterwarnings("ignore", category=TracerWarning)
    torch.backends.mha.set_fastpath_enabled(False)  # Its fused operators are not among those OpenVINO takes.
    with _logging_kept():
        # The tracer's own check costs as much as all the rest; what is made is proved whole by those who ask for it.
        traced = torch.jit.trace(tower, example, check_trace=False)
        model = openvino.convert_model(traced, example_input=example, input=shape)
    with TemporaryDirectory(dir=scratch if os.access(scratch, os.W_OK) else None, ignore_cleanup_errors=True) as folder:
        openvino.save_model(model, f"{folder}/tower.xml", compress_to_fp16=False)
        return openvino.Core().read_model(f"{folder}/tower.xml")


@contextmanager
def _logging_kept() -> Iterator[None]:
    """The converter sets the level of all logging, and leaves it so where it fails."""
    root = logging.getLogger()
    level, handlers, filters = root.level, list(root.handlers), list(root.filters)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:], root.filters[:] = handlers, filters
