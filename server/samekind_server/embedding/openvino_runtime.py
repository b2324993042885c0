"""Runs a model's two towers on the processor with OpenVINO."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from samekind.types import Floats, Precision
from samekind_server.embedding._openvino import openvino
from samekind_server.embedding.base import Ids, unit
from samekind_server.embedding.cutting import Cut
from samekind_server.embedding.quickest import FLOAT32, quickest

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


class OpenVinoRuntime:
    """Two towers compiled for this processor; a call waits for the one before it in the same tower, from any thread."""

    name = "openvino"

    def __init__(self, images: openvino.Model, texts: openvino.Model, *, precision: Precision | None, threads: int, cut: Cut) -> None:
        self.precision = possible(precision)
        self._cut = cut
        self._images = _Tower(images, self.precision, threads)
        self._texts = _Tower(texts, self.precision, threads)

    def images(self, pixels: Floats) -> Floats:
        """Unit rows, (n, dimensions), for prepared images, (n, 3, height, width)."""
        return unit(self._images(pixels))

    def texts(self, ids: Ids) -> Floats:
        """Unit rows, (n, dimensions), for token ids, (n, context length)."""
        return unit(self._texts(self._cut(ids)))

    def rest(self) -> None:
        """Gives back the buffers of the largest call so far."""
        self._images.rest()
        self._texts.rest()


class _Tower:
    def __init__(self, model: openvino.Model, precision: Precision, threads: int) -> None:
        options = {
            "INFERENCE_PRECISION_HINT": quickest() if precision is Precision.FAST else FLOAT32,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._compiled = openvino.Core().compile_model(model, "CPU", options)
        self._request = self._compiled.create_infer_request()
        self._lock = threading.Lock()

    def __call__(self, rows: Floats | Ids) -> Floats:
        with self._lock:
            made = [self._request.infer([np.ascontiguousarray(rows[piece])])[0] for piece in pieces(len(rows))]
        return made[0] if len(made) == 1 else np.concatenate(made)

    def rest(self) -> None:
        with self._lock:
            self._compiled.release_memory()


def pieces(count: int) -> Iterator[slice]:
    """So many rows as calls of few sizes: 1, 2, 3, 4, 6, 8, 12, 16 and so on, at most three for 64.

    OpenVINO builds a program for each size it meets, and keeps it: 30 ms and 3 MB for mini's pictures.
    """
    first = 0
    while left := count - first:
        step = 1 << max(0, left.bit_length() - 2)
        yield slice(first, first := first + left // step * step)


def possible(asked: Precision | None) -> Precision:
    """What is computed in where that is asked for: no faster than the processor can, and that where nothing is."""
    return fastest() if asked is None else min(asked, fastest(), key=[Precision.EXACT, Precision.FAST].index)


def fastest() -> Precision:
    """FAST where the processor itself multiplies bfloat16, whether or not that is quicker than float32."""
    capable = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    said = Path("/proc/cpuinfo")
    flags = set(said.read_text().split()) if said.exists() else BFLOAT16_FLAGS
    return Precision.FAST if capable and flags & BFLOAT16_FLAGS else Precision.EXACT
